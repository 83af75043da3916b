import { cachePlaceOf, UnsubmittedCall } from '../../calls/cached/call-request.js';
import type { Call } from '../../calls/call.js';
import type { TaskSource } from '../../contracts/call.js';
import type { AgentForecast, Estimate, Forecast } from '../../contracts/forecast.js';
import { type RunContext, taskAdmission } from '../task-admission.js';
import { openTaskReader } from '../task-reader.js';
import { certain, UncertainSum, whole } from './estimates.js';
import { ForecastLot } from './forecast-lot.js';
import { slowestBound } from './wall-time.js';

/** Tasks that are looked up in the cache together, and between two turns of the event loop. */
const TASKS_PER_TURN = 500;

/** A task that may be in the cache. */
interface KeyedTask {
  readonly lot: ForecastLot;
  readonly key: string;
  readonly taskChars: number;
}

/** Says what a run would take, without making a request. */
export async function forecastRun(context: RunContext, tasks: TaskSource): Promise<Forecast> {
  const forecasting = new Forecasting(context);
  const reader = openTaskReader(tasks, undefined);
  try {
    for (let task = await reader.next(); task !== undefined; task = await reader.next()) {
      await forecasting.read(task.input);
    }
  } finally {
    reader.close();
  }
  return forecasting.finish();
}

class Forecasting {
  readonly #context: RunContext;
  readonly #admit: ReturnType<typeof taskAdmission>;
  readonly #lots = new Map<string, ForecastLot>();
  /** Keys of tasks that were read: an identical one later is answered by the first. */
  readonly #keys = new Set<string>();
  #keyed: KeyedTask[] = [];
  #calls = 0;
  #invalid = 0;
  #withFiles = 0;

  constructor(context: RunContext) {
    this.#context = context;
    this.#admit = taskAdmission(context);
  }

  async read(input: unknown): Promise<void> {
    this.#calls += 1;
    const request = this.#admit(input);
    if ('success' in request) {
      this.#invalid += 1;
      return;
    }
    await request.registered.loadCode?.();
    const call = new UnsubmittedCall(request);
    const lot = this.#lotOf(call);
    lot.calls += 1;
    const taskChars = typeof call.task === 'string' ? call.task.length : call.task.textChars;
    const key = this.#keyOf(call);
    if (key === undefined) lot.add(taskChars);
    else if (this.#keys.has(key)) lot.cacheHits += 1;
    else {
      this.#keys.add(key);
      this.#keyed.push({ lot, key, taskChars });
    }
    if (this.#calls % TASKS_PER_TURN === 0) await this.#lookUp();
  }

  async finish(): Promise<Forecast> {
    await this.#lookUp();
    const lots = [...this.#lots.values()];
    for (const lot of lots) lot.finish();
    const { maxConcurrent } = this.#context.services.permits;
    const { wallMs, boundBy, boundAt } = slowestBound(lots, maxConcurrent);
    const hits = lots.reduce((sum, { cacheHits }) => sum + cacheHits, 0);
    const computed = lots.reduce((sum, { lengths }) => sum + lengths.length, 0);
    const isPriced = lots.every(({ isUnpriced }) => !isUnpriced);
    return {
      calls: this.#calls,
      invalid: this.#invalid,
      cacheHits: certain(hits),
      attempts: whole(total(lots, 'attempts', computed)),
      inputTokens: whole(total(lots, 'inputTokens')),
      outputTokens: whole(total(lots, 'outputTokens')),
      costUsd: isPriced ? total(lots, 'costUsd') : undefined,
      wallMs,
      boundBy,
      boundAt,
      byAgent: byAgent(lots),
      assumptions: this.#assumptions(lots),
    };
  }

  #lotOf(call: Call): ForecastLot {
    const name = `${call.agent} ${call.model ?? ''}`;
    let lot = this.#lots.get(name);
    if (lot === undefined) {
      lot = new ForecastLot(call);
      this.#lots.set(name, lot);
    }
    return lot;
  }

  /** The key under which its answer is stored; `undefined` if it would not be looked up, or its files are not read. */
  #keyOf(call: Call): string | undefined {
    const { cache } = this.#context.services;
    if (cache === undefined) return undefined;
    if (typeof call.task !== 'string' && !call.task.isText && !call.task.isRead) {
      this.#withFiles += 1;
      return undefined;
    }
    return cachePlaceOf(call, cache);
  }

  async #lookUp(): Promise<void> {
    const keyed = this.#keyed;
    this.#keyed = [];
    const found = (await this.#context.services.cache?.peekMany(keyed.map(({ key }) => key))) ?? [];
    for (const [index, { lot, taskChars }] of keyed.entries()) {
      if (found[index] === true) lot.cacheHits += 1;
      else lot.add(taskChars);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  #assumptions(lots: readonly ForecastLot[]): string[] {
    const computed = lots.filter(({ lengths }) => lengths.length > 0);
    const said = computed.flatMap((lot) => [
      ...(lot.samples > 0 ? [] : [`"${lot.agent}" has not answered yet: its figures are assumed.`]),
      ...(lot.isUnpriced ? [`The price of "${lot.agent}" (${lot.model ?? 'no model'}) is not known.`] : []),
    ]);
    if (this.#withFiles > 0) {
      said.push(`${this.#withFiles} tasks have files that were not read: they count as not cached.`);
    }
    return said;
  }
}

type Figure = 'attempts' | 'inputTokens' | 'outputTokens' | 'costUsd';

function total(lots: readonly ForecastLot[], figure: Figure, least = 0): Estimate {
  const sum = new UncertainSum();
  for (const lot of lots) sum.addSum(lot[figure]);
  return sum.estimate(least);
}

/** Agents of which several models were asked count as one. */
function byAgent(lots: readonly ForecastLot[]): Record<string, AgentForecast> {
  const groups = new Map<string, ForecastLot[]>();
  for (const lot of lots) groups.set(lot.agent, [...(groups.get(lot.agent) ?? []), lot]);
  return Object.fromEntries([...groups].map(([agent, group]) => [agent, forecastOf(group)]));
}

function forecastOf(lots: readonly ForecastLot[]): AgentForecast {
  const sum = (pick: (lot: ForecastLot) => number): number =>
    lots.reduce((total, lot) => total + pick(lot), 0);
  const computed = sum(({ lengths }) => lengths.length);
  return {
    calls: sum(({ calls }) => calls),
    cacheHits: sum(({ cacheHits }) => cacheHits),
    samples: sum(({ samples }) => samples),
    attempts: whole(total(lots, 'attempts', computed)),
    inputTokens: whole(total(lots, 'inputTokens')),
    outputTokens: whole(total(lots, 'outputTokens')),
    costUsd: lots.some(({ isUnpriced }) => isUnpriced) ? undefined : total(lots, 'costUsd'),
  };
}
