import { nearestName } from './nearest-name.js';

/** Our options by the names that other packages have for them. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['concurrency', 'maxConcurrent'],
  ['concurrencyLimit', 'maxConcurrent'],
  ['maxConcurrency', 'maxConcurrent'],
  ['parallelism', 'maxConcurrent'],
  ['retries', 'maxRetries'],
  ['maxAttempts', 'maxRetries'],
  ['timeout', 'timeoutMs'],
  ['deadline', 'deadlineMs'],
  ['ttl', 'ttlMs'],
  ['system', 'instructions'],
  ['systemPrompt', 'instructions'],
  ['prompt', 'instructions'],
  ['handler', 'run'],
  ['execute', 'run'],
  ['fn', 'run'],
  ['schema', 'output'],
  ['abortSignal', 'signal'],
  ['baseUrl', 'baseURL'],
  ['base_url', 'baseURL'],
  ['api_key', 'apiKey'],
]);

/** Parameters of models, which agents and calls take under `params`. */
const MODEL_PARAMS: ReadonlySet<string> = new Set([
  'temperature',
  'topP',
  'topK',
  'top_p',
  'top_k',
  'seed',
  'maxTokens',
  'maxOutputTokens',
  'stopSequences',
  'stop',
]);

/** Where options belong that are known, but not here. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['instructions', 'an agent: set instructions in its definition, as in { run, instructions }'],
  ['model', 'an agent or a call: { model } in its definition, or execute(agent, task, { model })'],
  ['params', 'an agent or a call: { params } in its definition, or execute(agent, task, { params })'],
  ['output', 'an agent: set output in its definition'],
  ['apiKey', 'the provider of an agent'],
  ['baseURL', 'the provider of an agent'],
  ['maxConcurrent', 'the orchestrator or an agent: new AsyncOrchestrator({ maxConcurrent })'],
]);

/** What to write in place of a name that is not known here. */
export interface Equivalent {
  /** A sentence for the message. */
  readonly hint: string;
  /** The option to use, if it is one of those known here. */
  readonly suggestion: string | undefined;
}

/**
 * What a user means by an unknown option: the same thing under our name, else where it belongs, else the known name that
 * is spelt most like it; `undefined` if it is none of these.
 */
export function equivalentOf(name: string, known: readonly string[]): Equivalent | undefined {
  const own = SYNONYMS.get(name) ?? name;
  if (own !== name && known.includes(own)) return meant(own);
  if (MODEL_PARAMS.has(name)) {
    if (known.includes('params')) return { hint: `Write params: { ${name} }.`, suggestion: 'params' };
    return { hint: `It belongs to ${PLACES.get('params')}, with ${name} inside.`, suggestion: undefined };
  }
  const place = PLACES.get(own);
  if (place !== undefined) {
    const called = own === name ? 'It' : `It is called ${own} and`;
    return { hint: `${called} belongs to ${place}.`, suggestion: undefined };
  }
  const nearest = nearestName(name, known);
  return nearest === undefined ? undefined : meant(nearest);
}

function meant(suggestion: string): Equivalent {
  return { hint: `Did you mean "${suggestion}"?`, suggestion };
}
