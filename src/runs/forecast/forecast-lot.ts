import type { Call } from '../../calls/call.js';
import type { RegisteredAgent } from '../../calls/registered-agent.js';
import type { Lane } from '../../resilience/lane/lane.js';
import { AnswerModel, type Spread } from './answer-model.js';
import { UncertainSum } from './estimates.js';

/** What is assumed of an agent that has never answered. */
const ASSUMED_RUN_MS = 1_000;
const ASSUMED_OUTPUT_TOKENS = 500;
const ASSUMED_CHARS_PER_TOKEN = 3.5;
/** Standard deviation of assumed figures, as a share. */
const ASSUMED_DEVIATION = 0.5;

/** The tasks of one agent that ask for one model. */
export class ForecastLot {
  readonly agent: string;
  readonly registered: RegisteredAgent;
  readonly model: string | undefined;
  readonly lane: Lane | undefined;
  readonly answers: AnswerModel | undefined;
  calls = 0;
  cacheHits = 0;
  /** Of those that have to be computed: the lengths of their tasks. */
  readonly lengths: number[] = [];
  readonly attempts = new UncertainSum();
  readonly inputTokens = new UncertainSum();
  readonly outputTokens = new UncertainSum();
  readonly costUsd = new UncertainSum();
  /** Whether the price of some of it is not known. */
  isUnpriced = false;
  #outputVariance = 0;
  #costVariance = 0;
  readonly #call: Call;

  /** @param call Any of its calls. */
  constructor(call: Call) {
    const { registered } = call;
    this.#call = call;
    this.agent = call.agent;
    this.registered = registered;
    this.model = call.model;
    this.lane = registered.services.traffic.laneOf(call, registered);
    const rows = registered.history?.rows(call.model) ?? [];
    this.answers = rows.length === 0 ? undefined : new AnswerModel(rows);
  }

  get samples(): number {
    return this.answers?.samples ?? 0;
  }

  /** Whether it is a function that has answered before and never reported what it costs. */
  get isFree(): boolean {
    const { definition, figures } = this.registered;
    return definition.provider === undefined && figures.succeeded > 0 && figures.costUsd === 0;
  }

  /** Adds a task that has to be computed. */
  add(taskChars: number): void {
    this.lengths.push(taskChars);
    const attempts = this.answers?.near('attempts', taskChars) ?? { mean: 1, variance: 0 };
    const input = this.answers?.inputTokens(taskChars) ?? this.#assumedInput(taskChars);
    const output = this.answers?.near('outputTokens', taskChars) ?? this.#assumedOutput();
    const cost = this.#costOf(taskChars, input, output);
    this.attempts.add(attempts.mean, attempts.variance);
    this.inputTokens.add(input.mean, input.variance);
    this.outputTokens.add(output.mean, output.variance);
    if (cost === undefined) this.isUnpriced = true;
    else this.costUsd.add(cost.mean, cost.variance);
    this.#outputVariance += output.variance;
    this.#costVariance += cost?.variance ?? 0;
  }

  /** Adds what is uncertain about all its tasks alike: how well their mean is known. */
  finish(): void {
    const count = this.lengths.length;
    if (count === 0) return;
    const known = count * Math.max(1, this.samples);
    this.outputTokens.addShared(count, this.#outputVariance / known);
    this.costUsd.addShared(count, this.#costVariance / known);
  }

  /** How long one of its calls runs, drawn at random, in milliseconds. */
  drawRunMs(taskChars: number, random: () => number): number {
    if (this.answers !== undefined) return this.answers.drawRunMs(taskChars, random);
    return this.#usualRunMs * (0.5 + random());
  }

  get #usualRunMs(): number {
    const { attempts, runMs } = this.registered.figures;
    return this.lane?.latencies.percentile(50) ?? (attempts > 0 ? runMs / attempts : ASSUMED_RUN_MS);
  }

  /** What earlier answers have cost, in proportion to the price of what this one will use. */
  #costOf(taskChars: number, input: Spread, output: Spread): Spread | undefined {
    const priced = this.#priceOf(input.mean, output.mean);
    const earlier = this.answers?.near('costUsd', taskChars);
    if (earlier === undefined) {
      if (priced === undefined) return this.isFree ? { mean: 0, variance: 0 } : undefined;
      const ratio = output.mean === 0 ? 0 : Math.sqrt(output.variance) / output.mean;
      return { mean: priced, variance: (priced * ratio) ** 2 };
    }
    const near = this.answers?.near('inputTokens', taskChars)?.mean ?? input.mean;
    const before = this.#priceOf(near, output.mean);
    const factor = priced === undefined || before === undefined || before === 0 ? 1 : priced / before;
    return { mean: factor * earlier.mean, variance: factor * factor * earlier.variance };
  }

  #priceOf(inputTokens: number, outputTokens: number): number | undefined {
    const { provider } = this.registered.definition;
    return provider?.costUsd?.(this.model, { inputTokens, outputTokens });
  }

  #assumedInput(taskChars: number): Spread {
    if (this.registered.definition.provider === undefined) return { mean: 0, variance: 0 };
    const { instructions = '' } = this.registered.definition;
    return assumed((taskChars + instructions.length) / ASSUMED_CHARS_PER_TOKEN);
  }

  #assumedOutput(): Spread {
    const { provider } = this.registered.definition;
    if (provider === undefined) return { mean: 0, variance: 0 };
    const most = provider.maxOutputTokens?.(this.model, this.#call.paramsOf(this.registered));
    return assumed(most === undefined ? ASSUMED_OUTPUT_TOKENS : Math.min(ASSUMED_OUTPUT_TOKENS, most / 2));
  }
}

function assumed(mean: number): Spread {
  return { mean, variance: (ASSUMED_DEVIATION * mean) ** 2 };
}
