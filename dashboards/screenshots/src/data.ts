// From Prometheus's answers to what a panel draws: data frames with the dashboard's transformations and field config.
import {
  applyFieldOverrides,
  type DataFrame,
  dateTime,
  type Field,
  type FieldConfigPropertyItem,
  FieldConfigOptionsRegistry,
  type FieldConfigSource,
  FieldType,
  getFieldDisplayName,
  type GrafanaTheme2,
  type Labels,
  type ScopedVars,
  standardTransformers,
  standardTransformersRegistry,
  type TimeRange,
  transformDataFrame,
} from '@grafana/data';
import { cloneDeep } from 'lodash';
import { lastValueFrom } from 'rxjs';

export interface Answer {
  refId: string;
  format?: string;
  legendFormat?: string;
  step: number;
  instant?: boolean;
  result: Array<{ metric: Labels; values: Array<[number, string]> }>;
}

export interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  transparent?: boolean;
  gridPos: { x: number; y: number; w: number; h: number };
  options?: any;
  fieldConfig?: FieldConfigSource;
  transformations?: any[];
  panels?: Panel[];
}

export interface Annotation {
  name: string;
  iconColor: string;
  result: Answer['result'];
}

export interface Shot {
  dashboard: { uid: string; title: string; panels: Panel[]; templating: { list: any[] } };
  from: number;
  to: number;
  variables: Record<string, string>;
  panels: Record<string, Answer[]>;
  annotations: Annotation[];
}

standardTransformersRegistry.setInit(() =>
  // One transformation goes by two names.
  [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation,
    editor: () => null,
  }))
);

/** The panel plugins' defaults of what a dashboard leaves out. */
const CUSTOM: Record<string, any> = {
  timeseries: {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: 0,
    gradientMode: 'none',
    showPoints: 'auto',
    pointSize: 5,
    spanNulls: false,
    barAlignment: 0,
    stacking: { mode: 'none', group: 'A' },
    axisPlacement: 'auto',
    axisColorMode: 'text',
    scaleDistribution: { type: 'linear' },
    thresholdsStyle: { mode: 'off' },
    hideFrom: { tooltip: false, viz: false, legend: false },
  },
};

const STANDARD = 'displayName unit min max decimals color noValue links mappings thresholds filterable fieldMinMax'.split(' ');

export function timeRange(shot: Shot): TimeRange {
  const [from, to] = [dateTime(shot.from), dateTime(shot.to)];
  return { from, to, raw: { from, to } };
}

/** Fills in the dashboard's variables, and those of a field where there is one. */
export function replacer(shot: Shot) {
  return (text: string, scoped?: ScopedVars): string =>
    (text ?? '').replace(/\$(?:(\w+)|\{([\w.]+)(?::\w+)?\})/g, (all, plain, braced) => {
      const name: string = plain ?? braced;
      const field: Field | undefined = scoped?.__dataContext?.value.field;
      if (field && name.startsWith('__field.labels.')) {
        return field.labels?.[name.slice('__field.labels.'.length)] ?? '';
      }
      if (field && name === '__field.name') {
        return field.name;
      }
      const value = shot.variables[name];
      return value === undefined ? all : value === '.+' ? 'All' : value;
    });
}

export async function framesOf(panel: Panel, shot: Shot, theme: GrafanaTheme2): Promise<DataFrame[]> {
  const answers = shot.panels[panel.id] ?? [];
  const raw = answers.flatMap((answer) =>
    answer.format === 'table' ? [table(answer, answers.length > 1)] : series(answer)
  );
  const replace = replacer(shot);
  const frames = await lastValueFrom(transformDataFrame(panel.transformations ?? [], raw, { interpolate: replace }));
  const fieldConfig = completed(panel);
  const applied = applyFieldOverrides({
    data: frames,
    fieldConfig,
    fieldConfigRegistry: registry(fieldConfig),
    replaceVariables: replace,
    theme,
    timeZone: 'utc',
  });
  // How far apart its points are is part of no field config; without it lines go on over moments without data.
  applied.forEach((frame, at) => frame.fields.forEach((field, n) => (field.config.interval = frames[at].fields[n]?.config.interval)));
  return applied;
}

export function completed(panel: Panel): FieldConfigSource {
  const source = cloneDeep(panel.fieldConfig ?? { defaults: {}, overrides: [] });
  source.defaults.custom = { ...CUSTOM[panel.type], ...source.defaults.custom };
  for (const thresholds of [
    source.defaults.thresholds,
    ...source.overrides.flatMap((rule) => rule.properties.filter((each) => each.id === 'thresholds').map((each) => each.value)),
  ]) {
    for (const step of thresholds?.steps ?? []) {
      step.value ??= -Infinity; // JSON has no infinity
    }
  }
  return source;
}

/** Knows every property that this field config sets. */
function registry(source: FieldConfigSource): FieldConfigOptionsRegistry {
  const custom = new Set([
    ...Object.keys(source.defaults.custom ?? {}).map((key) => `custom.${key}`),
    ...source.overrides.flatMap((rule) => rule.properties.map((each) => each.id).filter((id) => id.startsWith('custom.'))),
  ]);
  return new FieldConfigOptionsRegistry(() =>
    [...STANDARD, ...custom].map(
      (id) =>
        ({
          id,
          name: id,
          path: id.replace(/^custom\./, ''),
          isCustom: id.startsWith('custom.'),
          process: (value: unknown) => cloneDeep(value),
          shouldApply: () => true,
        }) as unknown as FieldConfigPropertyItem
    )
  );
}

function series(answer: Answer): DataFrame[] {
  const frames = answer.result.map(({ metric, values }): DataFrame => {
    const name = legend(answer.legendFormat, metric);
    return {
      refId: answer.refId,
      name,
      length: values.length,
      fields: [
        {
          name: 'Time',
          type: FieldType.time,
          config: answer.instant ? {} : { interval: 1000 * answer.step },
          values: values.map(([moment]) => 1000 * moment),
        },
        {
          name: 'Value',
          type: FieldType.number,
          labels: metric,
          config: { displayNameFromDS: name },
          values: values.map(([, value]) => parsed(value)),
        },
      ],
    };
  });
  return answer.format === 'heatmap' ? buckets(frames) : frames;
}

/** Cumulative buckets to one row a bucket, the lowest first. */
function buckets(frames: DataFrame[]): DataFrame[] {
  const bound = (frame: DataFrame) => parsed(frame.fields[1].labels?.le ?? '+Inf');
  const sorted = [...frames].sort((a, b) => bound(a) - bound(b));
  return sorted.map((frame, row) => {
    const [time, value] = frame.fields;
    const below = row ? sorted[row - 1] : undefined;
    const at = new Map(below?.fields[0].values.map((moment, index) => [moment, below.fields[1].values[index]]));
    const values = value.values.map((each, index) => Math.max(0, each - (at.get(time.values[index]) ?? 0)));
    return { ...frame, fields: [time, { ...value, values }] };
  });
}

function table(answer: Answer, several: boolean): DataFrame {
  const rows = answer.result.flatMap(({ metric, values }) => values.map(([moment, value]) => ({ metric, moment, value })));
  const labels = [...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return {
    refId: answer.refId,
    length: rows.length,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: rows.map(({ moment }) => 1000 * moment) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        config: { filterable: true },
        values: rows.map(({ metric }) => metric[label] ?? ''),
      })),
      {
        name: several ? `Value #${answer.refId}` : 'Value',
        type: FieldType.number,
        config: {},
        values: rows.map(({ value }) => parsed(value)),
      },
    ],
  };
}

function parsed(value: string): number {
  return value.endsWith('Inf') ? (value.startsWith('-') ? -Infinity : Infinity) : Number(value);
}

function legend(format: string | undefined, metric: Labels): string {
  if (format && format !== '__auto') {
    return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, name) => metric[name] ?? '');
  }
  const { __name__: name = '', ...labels } = metric;
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
  return pairs.length === 1 && !name ? Object.values(labels)[0] : `${name}{${pairs.join(', ')}}`;
}

export function displayName(field: Field, frame: DataFrame, frames: DataFrame[]): string {
  return getFieldDisplayName(field, frame, frames);
}
