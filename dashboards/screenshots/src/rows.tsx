// What Grafana keeps in its application and not in @grafana/ui, drawn anew on its plot: state timelines, status
// histories and heatmaps. Close to the originals, not the originals.
import { type DataFrame, type DisplayValue, type Field, FieldType, formattedValueToString, type TimeRange } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation, VisibilityMode } from '@grafana/schema';
import { measureText, UPlotChart, UPlotConfigBuilder, useTheme2, VizLayout, VizLegend } from '@grafana/ui';
import * as d3 from 'd3';
import { useMemo } from 'react';

import { displayName, type Panel } from './data';

interface Cell {
  from: number;
  to: number;
  color: string;
  text?: string;
}

interface Row {
  name: string;
  cells: Cell[];
}

interface Props {
  panel: Panel;
  frames: DataFrame[];
  range: TimeRange;
  width: number;
  height: number;
}

function Rows({ rows, range, width, height, fill, gap }: Omit<Props, 'panel' | 'frames'> & { rows: Row[]; fill: number; gap: number }) {
  const theme = useTheme2();
  const config = useMemo(() => {
    const builder = new UPlotConfigBuilder('utc');
    const [from, to] = [range.from.valueOf(), range.to.valueOf()];
    builder.addScale({
      scaleKey: 'x',
      isTime: true,
      orientation: ScaleOrientation.Horizontal,
      direction: ScaleDirection.Right,
      range: () => [from, to],
    });
    builder.addScale({
      scaleKey: 'y',
      orientation: ScaleOrientation.Vertical,
      direction: ScaleDirection.Down,
      range: () => [0, rows.length],
    });
    builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, timeZone: 'utc', theme, grid: { show: true } });
    builder.addAxis({
      scaleKey: 'y',
      placement: AxisPlacement.Left,
      theme,
      grid: { show: false },
      ticks: { show: false },
      size: 18 + Math.max(...rows.map(({ name }) => measureText(name, 12).width)),
      splits: () => rows.map((_, index) => index + 0.5),
      values: () => rows.map(({ name }) => name),
    });
    builder.addSeries({ scaleKey: 'y', pathBuilder: () => null, pointsBuilder: () => null, show: true, theme } as any);
    builder.addHook('draw', (u) => {
      const { ctx } = u;
      ctx.save();
      ctx.beginPath();
      ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
      ctx.clip();
      ctx.font = `12px ${theme.typography.fontFamily}`;
      ctx.textBaseline = 'middle';
      rows.forEach(({ cells }, index) => {
        const [top, bottom] = [index, index + 1].map((y) => Math.round(u.valToPos(y, 'y', true)));
        const inset = Math.round(((bottom - top) * (1 - gap)) / 2);
        for (const cell of cells) {
          const [left, right] = [cell.from, cell.to].map((x) => Math.round(u.valToPos(x, 'x', true)));
          ctx.globalAlpha = fill;
          ctx.fillStyle = cell.color;
          ctx.fillRect(left, top + inset, Math.max(1, right - left), bottom - top - 2 * inset);
          ctx.globalAlpha = 1;
          const begin = Math.max(left, u.bbox.left);
          if (cell.text && ctx.measureText(cell.text).width + 8 < right - begin) {
            ctx.fillStyle = theme.colors.getContrastText(cell.color, 3);
            ctx.fillText(cell.text, begin + 4, (top + bottom) / 2);
          }
        }
      });
      ctx.restore();
    });
    return builder;
  }, [rows, range, theme, fill, gap]);
  const data = useMemo(() => [[range.from.valueOf(), range.to.valueOf()], [0, rows.length]] as any, [rows, range]);
  return <UPlotChart config={config} data={data} width={width} height={height} />;
}

export function States({ panel, frames, range, width, height }: Props) {
  const merges = panel.type === 'state-timeline' && (panel.options.mergeValues ?? true);
  const custom = panel.fieldConfig?.defaults.custom ?? {};
  const rows = useMemo(
    () => valueFields(frames).map(({ field, time, name }) => ({ name, cells: cells(field, time, merges, panel.options.showValue !== 'never') })),
    [frames, merges, panel]
  );
  const seen = new Map(
    valueFields(frames).flatMap(({ field }) => field.values.filter((value) => value != null).map((value) => shown(field, value)))
      .map((display) => [formattedValueToString(display), display.color!])
  );
  const legend = panel.options.legend?.showLegend ? (
    <VizLayout.Legend placement={panel.options.legend.placement ?? 'bottom'}>
      <VizLegend
        placement={panel.options.legend.placement ?? 'bottom'}
        displayMode={panel.options.legend.displayMode}
        items={[...seen].map(([label, color]) => ({ label, color, yAxis: 1 }))}
      />
    </VizLayout.Legend>
  ) : null;
  return (
    <VizLayout width={width} height={height} legend={legend}>
      {(w: number, h: number) => (
        <Rows
          rows={rows}
          range={range}
          width={w}
          height={h}
          fill={(custom.fillOpacity ?? 70) / 100}
          gap={panel.options.rowHeight ?? 0.9}
        />
      )}
    </VizLayout>
  );
}

export function Heatmap({ panel, frames, range, width, height }: Props) {
  const theme = useTheme2();
  const { color = {}, filterValues, cellGap } = panel.options;
  const rows = useMemo(() => {
    const fields = valueFields(frames);
    const least = filterValues?.le ?? 1e-9;
    const most = Math.max(...fields.flatMap(({ field }) => field.values.filter(Number.isFinite)));
    const scheme = ((d3 as any)[`interpolate${color.scheme ?? 'Oranges'}`] ?? d3.interpolateOranges) as (t: number) => string;
    const paint = (value: number) => {
      const share = (value / most) ** (color.exponent ?? 0.5);
      return scheme(theme.isDark !== Boolean(color.reverse) ? 1 - share : share);
    };
    return fields.reverse().map(({ field, time, name }) => ({
      name,
      cells: spans(time).flatMap(([from, to], index) =>
        field.values[index] > least ? [{ from, to, color: paint(field.values[index]) }] : []
      ),
    }));
  }, [frames, theme, color, filterValues]);
  return <Rows rows={rows} range={range} width={width} height={height} fill={1} gap={cellGap === 0 ? 1 : 0.94} />;
}

function valueFields(frames: DataFrame[]) {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    return time
      ? frame.fields
          .filter((field) => field !== time)
          .map((field) => ({ field, time, name: displayName(field, frame, frames) }))
      : [];
  });
}

/** From each moment to the next, or for one step where the next is missing. */
function spans(time: Field<number>): Array<[number, number]> {
  const step = time.config.interval ?? 60_000;
  return time.values.map((moment, index) => {
    const next = time.values[index + 1];
    return [moment, next !== undefined && next - moment < 1.5 * step ? next : moment + step];
  });
}

function shown(field: Field, value: unknown): DisplayValue {
  return field.display!(value);
}

function cells(field: Field, time: Field<number>, merges: boolean, labelled: boolean): Cell[] {
  const found: Cell[] = [];
  spans(time).forEach(([from, to], index) => {
    const value = field.values[index];
    if (value == null || Number.isNaN(value)) {
      return;
    }
    const display = shown(field, value);
    const text = labelled ? formattedValueToString(display) : undefined;
    const last = found.at(-1);
    if (merges && last && last.to === from && last.color === display.color && last.text === text) {
      last.to = to;
    } else {
      found.push({ from, to, color: display.color!, text });
    }
  });
  return found;
}
