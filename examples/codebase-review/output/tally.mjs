/**
 * Counts what happens, agent by agent: results as they come, and retries as the orchestrator tells of them, which is
 * before the call that is retried has a result.
 */
export class Tally {
  done = 0;
  failed = 0;
  timedOut = 0;
  cancelled = 0;
  retried = 0;
  /** Calls answered from the cache. */
  cached = 0;
  /** How long the agents had worked for these answers when they were computed. */
  savedMs = 0;
  #agents = new Map();

  /** `notCached` names the agents whose answers are not kept. */
  constructor(agentNames = [], notCached = []) {
    for (const name of agentNames) this.#of(name);
    for (const name of notCached) this.#of(name).isCacheable = false;
  }

  /** Follows an orchestrator's events. */
  follow(orchestrator) {
    orchestrator.on('call:retry', ({ agent }) => {
      this.retried++;
      this.#of(agent).retried++;
    });
  }

  /** Counts a result. A cancelled call is neither done nor failed. */
  addResult(result) {
    if (result.error?.code === 'TUTTI_CANCELLED') {
      this.cancelled++;
      return;
    }
    const agent = this.#of(result.agent);
    this.done++;
    agent.calls++;
    if (result.success) this.#addAnswer(agent, result);
    else this.#addFailure(agent, result);
  }

  /** One row an agent, in the order in which they were registered. */
  rows() {
    return Array.from(this.#agents.values(), (agent) => ({
      ...agent,
      meanMs: mean(agent.runMs),
      p95Ms: percentile(agent.runMs, 0.95),
    }));
  }

  /** Answers of one agent. */
  answersOf(name) {
    return this.#agents.get(name)?.answers ?? [];
  }

  #addAnswer(agent, { output, data, attempts, cached, timings, metadata }) {
    agent.ok++;
    if (cached) {
      agent.cached++;
      this.cached++;
      this.savedMs += data?.workMs ?? 0;
    } else agent.runMs.push(timings.runMs);
    agent.answers.push({ path: metadata?.path ?? '', output, data, attempts });
  }

  #addFailure(agent, { error, attempts, timings, metadata }) {
    agent.runMs.push(timings.runMs);
    const timeout = timeoutIn(error);
    const column = timeout === undefined ? 'failed' : 'timedOut';
    this[column]++;
    agent[column]++;
    agent.failures.push({ path: metadata?.path ?? '', error, timeout, attempts });
  }

  #of(name) {
    let agent = this.#agents.get(name);
    if (agent === undefined) {
      agent = {
        name,
        calls: 0,
        ok: 0,
        failed: 0,
        timedOut: 0,
        retried: 0,
        cached: 0,
        isCacheable: true,
        runMs: [],
        answers: [],
        failures: [],
      };
      this.#agents.set(name, agent);
    }
    return agent;
  }
}

// With retries left, a timeout is wrapped in the error that says that all attempts failed.
function timeoutIn(error) {
  const last = error.code === 'TUTTI_RETRIES_EXHAUSTED' ? error.errors.at(-1) : error;
  return last?.code === 'TUTTI_TIMEOUT' ? last : undefined;
}

function mean(values) {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The value that a share of the values does not exceed (nearest rank). */
function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
