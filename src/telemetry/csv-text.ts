import { METRICS, type MetricReading, type MetricSample } from './metrics.js';

const COLUMNS = ['metric', 'kind', 'labels', 'value'];

/**
 * All metrics as a table: a header, then a line for each value. Lengths of time are in seconds, like their names say, and
 * have a line for each of p50, p95, p99, max, mean and count.
 */
export function csvText(reading: MetricReading): string {
  const rows = METRICS.flatMap((metric) =>
    valuesOf(metric, reading).map(([labels, value]) => [
      metric.name,
      metric.kind,
      labelText(labels),
      String(value),
    ]),
  );
  return `${[COLUMNS, ...rows].map((row) => row.map(field).join(',')).join('\r\n')}\r\n`;
}

function valuesOf(metric: (typeof METRICS)[number], reading: MetricReading): MetricSample[] {
  if (metric.kind === 'histogram') return lengthValues({}, metric.read(reading).distribution());
  if (metric.kind === 'summary') {
    return metric.read(reading.snapshot).flatMap(([labels, lengths]) => lengthValues(labels, lengths));
  }
  return metric.read(reading.snapshot);
}

function lengthValues(
  labels: Readonly<Record<string, string>>,
  { count, ...lengths }: Readonly<Record<'p50' | 'p95' | 'p99' | 'max' | 'mean' | 'count', number>>,
): MetricSample[] {
  const inSeconds = Object.entries(lengths).map(
    ([figure, ms]) => [{ ...labels, figure }, ms / 1_000] as const,
  );
  return [...inSeconds, [{ ...labels, figure: 'count' }, count]];
}

function labelText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([label, value]) => `${label}=${value}`)
    .join(';');
}

/** A field as RFC 4180 has it. A leading sign would make a formula of it in a spreadsheet. */
function field(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
