/** A figure that is not known for certain: in one of ten cases it stays below `p10`, in one of ten it exceeds `p90`. */
export interface Estimate {
  /** The low end. */
  p10: number;
  /** The middle. */
  p50: number;
  /** The high end. */
  p90: number;
}

/** What decides how long a run takes. */
export type ForecastBound =
  | 'latency'
  | 'maxConcurrent'
  | 'agent-limit'
  | 'lane-concurrency'
  | 'rate-limit'
  | 'observed-rate';

/** What the tasks of one agent will probably take. */
export interface AgentForecast {
  /** Its tasks. */
  calls: number;
  /** Of these, those that will be answered from the cache or by an identical one. */
  cacheHits: number;
  /** Earlier answers of the agent that the figures are drawn from; 0 means that they are assumed. */
  samples: number;
  /** Attempts. */
  attempts: Estimate;
  /** Input tokens. */
  inputTokens: Estimate;
  /** Output tokens. */
  outputTokens: Estimate;
  /** US dollars; `undefined` if no price is known. */
  costUsd: Estimate | undefined;
}

/** What a run will probably take. No request was made for it. */
export interface Forecast {
  /** Tasks that were read. */
  calls: number;
  /** Of these, tasks that would fail before any work is done: unknown agents, invalid tasks or options. */
  invalid: number;
  /** Tasks that will be answered from the cache or by an identical one. */
  cacheHits: Estimate;
  /** Attempts, retries included. */
  attempts: Estimate;
  /** Input tokens. */
  inputTokens: Estimate;
  /** Output tokens. */
  outputTokens: Estimate;
  /** US dollars; `undefined` if the price of an agent's calls is not known: `assumptions` names it. */
  costUsd: Estimate | undefined;
  /** From the start of the run to its last outcome, in milliseconds. */
  wallMs: Estimate;
  /** What decides `wallMs`. */
  boundBy: ForecastBound;
  /** The lane or agent that decides it; `undefined` if it is the whole orchestrator. */
  boundAt: string | undefined;
  /** By agent. */
  byAgent: Record<string, AgentForecast>;
  /** What had to be assumed, in sentences. */
  assumptions: readonly string[];
}
