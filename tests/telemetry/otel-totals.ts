import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';

/** Measures of OpenTelemetry, collected in memory. */
export class OtelTotals {
  readonly #exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly provider = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({ exporter: this.#exporter, exportIntervalMillis: 3_600_000 }),
    ],
  });

  /** The sum of everything that a metric has recorded, of the data points with these attributes; of a histogram also how often. */
  async of(name: string, attributes: Record<string, unknown> = {}): Promise<{ sum: number; count: number }> {
    this.#exporter.reset();
    await this.provider.forceFlush();
    const metrics = this.#exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
      .filter(({ descriptor }) => descriptor.name === name);
    const total = { sum: 0, count: 0 };
    for (const metric of metrics) {
      for (const point of metric.dataPoints) {
        if (Object.entries(attributes).some(([key, value]) => point.attributes[key] !== value)) continue;
        if (metric.dataPointType === DataPointType.HISTOGRAM) {
          const { sum = 0, count } = point.value as { sum?: number; count: number };
          total.sum += sum;
          total.count += count;
        } else total.sum += point.value as number;
      }
    }
    return total;
  }

  close(): Promise<void> {
    return this.provider.shutdown();
  }
}
