import type { Histogram } from './histogram.js';
import { METRICS, type Metric, type MetricReading } from './metrics.js';
import type { Distribution } from './snapshot.js';

/** The `content-type` of what {@link Telemetry.prometheus} gives. */
export const PROMETHEUS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Powers of two from 1 ms to about 17 minutes, which are edges of the histogram's own buckets, in milliseconds. */
const EDGES_MS = Array.from({ length: 21 }, (_, exponent) => 2 ** exponent);
const MS_PER_SECOND = 1_000;

/** All metrics in the text format of Prometheus; metrics that have no values now are left out. */
export function prometheusText(reading: MetricReading): string {
  const lines: string[] = [];
  for (const metric of METRICS) {
    const samples = samplesOf(metric, reading);
    if (samples.length === 0) continue;
    lines.push(`# HELP ${metric.name} ${escapeHelp(metric.help)}`, `# TYPE ${metric.name} ${metric.kind}`);
    lines.push(...samples);
  }
  lines.push('');
  return lines.join('\n');
}

function samplesOf(metric: Metric, reading: MetricReading): string[] {
  const { name } = metric;
  if (metric.kind === 'histogram') return histogramLines(name, metric.read(reading));
  if (metric.kind === 'summary') {
    return metric.read(reading.snapshot).flatMap(([labels, lengths]) => summaryLines(name, labels, lengths));
  }
  return metric.read(reading.snapshot).map(([labels, value]) => line(name, labels, value));
}

function histogramLines(name: string, histogram: Histogram): string[] {
  const buckets = EDGES_MS.map((edgeMs) =>
    line(`${name}_bucket`, { le: String(edgeMs / MS_PER_SECOND) }, histogram.countBelow(edgeMs)),
  );
  return [
    ...buckets,
    line(`${name}_bucket`, { le: '+Inf' }, histogram.count),
    line(`${name}_sum`, {}, histogram.sum / MS_PER_SECOND),
    line(`${name}_count`, {}, histogram.count),
  ];
}

function summaryLines(
  name: string,
  labels: Readonly<Record<string, string>>,
  lengths: Distribution,
): string[] {
  const { p50, p95, p99, mean, count } = lengths;
  const quantiles = [
    ['0.5', p50],
    ['0.95', p95],
    ['0.99', p99],
  ] as const;
  return [
    ...quantiles.map(([quantile, ms]) => line(name, { ...labels, quantile }, ms / MS_PER_SECOND)),
    line(`${name}_sum`, labels, (mean * count) / MS_PER_SECOND),
    line(`${name}_count`, labels, count),
  ];
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escapeLabel(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
