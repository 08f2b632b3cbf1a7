// One panel's visualization, put together from @grafana/ui as Grafana's panel plugins do.
import {
  applyNullInsertThreshold,
  colorManipulator,
  type DataFrame,
  type FieldDisplay,
  getDisplayValueAlignmentFactors,
  getFieldDisplayValues,
  renderMarkdown,
  VizOrientation,
} from '@grafana/data';
import { BigValueGraphMode, BigValueTextMode, LegendDisplayMode } from '@grafana/schema';
import { BarGauge, BigValue, Gauge, Table, TimeSeries, type UPlotConfigBuilder, useTheme2, VizRepeater } from '@grafana/ui';

import { type Annotation, completed, type Panel, replacer, type Shot, timeRange } from './data';
import { Heatmap, States } from './rows';

interface Props {
  panel: Panel;
  shot: Shot;
  frames: DataFrame[];
  width: number;
  height: number;
}

export function Visualization(props: Props) {
  const { panel, frames, shot, width, height } = props;
  const theme = useTheme2();
  if (panel.type === 'text') {
    const html = renderMarkdown(replacer(shot)(panel.options.content));
    return <div className="markdown-html" style={{ width, height, overflow: 'hidden' }} dangerouslySetInnerHTML={{ __html: html }} />;
  }
  if (!frames.some((frame) => frame.length)) {
    return <Note {...props} text={panel.fieldConfig?.defaults.noValue ?? 'No data'} />;
  }
  switch (panel.type) {
    case 'stat':
    case 'gauge':
    case 'bargauge':
      return <Values {...props} />;
    case 'table':
      return (
        <Table
          data={frames[0]}
          width={width}
          height={height}
          noHeader={!(panel.options.showHeader ?? true)}
          cellHeight={panel.options.cellHeight}
          initialSortBy={panel.options.sortBy}
          footerOptions={panel.options.footer?.show ? panel.options.footer : undefined}
          timeRange={timeRange(shot)}
          fieldConfig={panel.fieldConfig}
        />
      );
    case 'timeseries':
      return (
        <TimeSeries
          frames={frames.map((frame) => applyNullInsertThreshold({ frame, refFieldPseudoMax: shot.to }))}
          structureRev={1}
          timeRange={timeRange(shot)}
          timeZone="utc"
          width={width}
          height={height}
          legend={{ displayMode: LegendDisplayMode.List, placement: 'bottom', showLegend: true, calcs: [], ...panel.options.legend }}
          options={panel.options}
        >
          {(config: UPlotConfigBuilder) => {
            annotate(config, shot.annotations, (name) => theme.visualization.getColorByName(name));
            return null;
          }}
        </TimeSeries>
      );
    case 'state-timeline':
    case 'status-history':
      return <States {...props} range={timeRange(shot)} />;
    case 'heatmap':
      return <Heatmap {...props} range={timeRange(shot)} />;
    default:
      return <Note {...props} text={`Not drawn here: ${panel.type}`} />;
  }
}

function Note({ text, width, height }: Props & { text: string }) {
  return <div style={{ width, height, display: 'grid', placeItems: 'center', fontSize: 16 }}>{text}</div>;
}

function Values({ panel, shot, frames, width, height }: Props) {
  const theme = useTheme2();
  const { options, type } = panel;
  const fieldConfig = completed(panel);
  const range = timeRange(shot);
  const values = () => {
    const found = getFieldDisplayValues({
      fieldConfig,
      reduceOptions: options.reduceOptions,
      replaceVariables: replacer(shot),
      theme,
      data: frames,
      sparkline: type === 'stat' && options.graphMode !== BigValueGraphMode.None,
      timeZone: 'utc',
    });
    found.forEach(({ sparkline }) => sparkline && (sparkline.timeRange = range));
    return found;
  };
  const isAuto = (options.textMode ?? BigValueTextMode.Auto) === BigValueTextMode.Auto;
  const needsName = isAuto && (fieldConfig.defaults.displayName || !panel.title);
  return (
    <VizRepeater<FieldDisplay, any>
      source={frames}
      renderCounter={0}
      width={width}
      height={height}
      orientation={options.orientation ?? VizOrientation.Auto}
      autoGrid={type === 'stat'}
      itemSpacing={type === 'stat' ? 3 : 10}
      minVizWidth={options.minVizWidth}
      minVizHeight={options.minVizHeight}
      getValues={values}
      getAlignmentFactors={getDisplayValueAlignmentFactors}
      renderValue={({ value, width: w, height: h, alignmentFactors, orientation, count }) => {
        const common = { theme, width: w, height: h, text: options.text };
        const display = { ...value.display, title: count === 1 && type !== 'stat' ? undefined : value.display.title };
        if (type === 'gauge') {
          const { showThresholdLabels = false, showThresholdMarkers = true } = options;
          return <Gauge {...common} value={display} field={value.field} {...{ showThresholdLabels, showThresholdMarkers, orientation }} />;
        }
        if (type === 'bargauge') {
          return (
            <BarGauge
              {...common}
              value={display}
              field={value.field}
              display={value.view!.getFieldDisplayProcessor(value.colIndex!)}
              orientation={orientation}
              alignmentFactors={alignmentFactors}
              displayMode={options.displayMode}
              valueDisplayMode={options.valueMode}
              namePlacement={options.namePlacement}
              showUnfilled={options.showUnfilled}
              itemSpacing={10}
              lcdCellWidth={12}
            />
          );
        }
        return (
          <BigValue
            {...common}
            value={value.display}
            count={count}
            sparkline={value.sparkline}
            colorMode={options.colorMode}
            graphMode={options.graphMode}
            justifyMode={options.justifyMode}
            textMode={needsName ? BigValueTextMode.ValueAndName : options.textMode}
            alignmentFactors={alignmentFactors}
            parentOrientation={orientation}
            wideLayout={options.wideLayout ?? true}
          />
        );
      }}
    />
  );
}

/** Annotations as Grafana draws them: a region with dashed edges. */
function annotate(config: UPlotConfigBuilder, annotations: Annotation[], paint: (name: string) => string): void {
  config.addHook('draw', (u) => {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = 2;
    ctx.setLineDash([5, 5]);
    for (const { iconColor, result } of annotations) {
      const color = paint(iconColor);
      for (const [from, to] of regions(result)) {
        const [left, right] = [from, to].map((at) => Math.round(u.valToPos(at, 'x', true)));
        ctx.fillStyle = colorManipulator.alpha(color, 0.1);
        ctx.fillRect(left, bbox.top, right - left, bbox.height);
        ctx.strokeStyle = color;
        for (const x of new Set([left, right])) {
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + bbox.height);
          ctx.stroke();
        }
      }
    }
    ctx.restore();
  });
}

/** The times in which each series was there. */
function regions(result: Annotation['result']): Array<[number, number]> {
  return result.flatMap(({ values }) => {
    const found: Array<[number, number]> = [];
    for (const [moment] of values) {
      const last = found.at(-1);
      if (last && 1000 * moment - last[1] <= 60_000) {
        last[1] = 1000 * moment;
      } else {
        found.push([1000 * moment, 1000 * moment]);
      }
    }
    return found;
  });
}
