/** The date of {@link MODEL_ALIASES}. Later models are not included. */
export const MODEL_ALIASES_AS_OF = '2026-10-24';

/**
 * The models behind the aliases that Claude Code documents (code.claude.com/docs/en/model-config). The `models` option
 * of `loadAgents` replaces single ones or all of them.
 */
export const MODEL_ALIASES: Readonly<Record<string, string>> = {
  sonnet: 'claude-sonnet-5-5',
  opus: 'claude-opus-5-5',
  haiku: 'claude-haiku-5-5',
  fable: 'claude-fable-5-1',
  // Fable where an account has access to it, else Opus: only Opus is there for every key.
  best: 'opus',
  // Opus makes the plan, Sonnet does the work, and an agent is called for the work.
  opusplan: 'sonnet',
  default: 'opus',
};

/** Models by the names in agent files; `'*'` stands for every other name, aliases included. */
export type ModelMap = Readonly<Record<string, string>>;

/** The model of an agent file. */
export interface ResolvedModel {
  readonly model: string;
  /** False if the file's own name is used, so that only the provider knows whether there is such a model. */
  readonly isMapped: boolean;
}

/**
 * The model for a name in an agent file: from `models`, else from the aliases, whatever its case and with the suffix `[1m]`;
 * else the id that a display name such as `Claude Sonnet 4.5 (copilot)` stands for; else the name itself.
 */
export function resolveModel(written: string, models: ModelMap): ResolvedModel {
  const name = written.trim();
  // The current models have a context of a million tokens without being asked for it.
  const bare = name.replace(/\[1m\]$/i, '').trim();
  const id = idOfDisplayName(bare);
  const alias = lookUp(bare, MODEL_ALIASES);
  const mapped =
    lookUp(name, models) ??
    lookUp(bare, models) ??
    lookUp(id, models) ??
    (alias === undefined ? undefined : lookUp(alias, models)) ??
    models['*'] ??
    (alias === undefined ? undefined : (lookUp(alias, MODEL_ALIASES) ?? alias));
  return mapped === undefined ? { model: id, isMapped: false } : { model: mapped, isMapped: true };
}

/** Whether a file leaves the choice of the model to the `model` option. */
export function isInherited(written: string): boolean {
  return /^inherit$/i.test(written.trim());
}

function lookUp(name: string, models: ModelMap): string | undefined {
  if (Object.hasOwn(models, name)) return models[name];
  const lower = name.toLowerCase();
  const key = Object.keys(models).find((candidate) => candidate.toLowerCase() === lower);
  return key === undefined ? undefined : models[key];
}

const CLAUDE_NAME = /^claude[ -][\w .-]+$/i;
const CLAUDE_FAMILY = /^(sonnet|opus|haiku|fable)[ -]\d[\d. -]*$/i;
const GPT_NAME = /^gpt-[\w .-]+$/i;
/** An id as opencode writes it; those of gateways have a dot in the version and stay as they are. */
const WITH_PROVIDER = /^anthropic\/(claude-[\w-]+)$/i;

function idOfDisplayName(name: string): string {
  const [, id] = WITH_PROVIDER.exec(name) ?? [];
  if (id !== undefined) return id;
  const shown = name.replace(/\s*\([^()]*\)$/, '');
  if (CLAUDE_NAME.test(shown)) return shown.toLowerCase().replace(/[ .]+/g, '-');
  if (CLAUDE_FAMILY.test(shown)) return `claude-${shown.toLowerCase().replace(/[ .]+/g, '-')}`;
  if (GPT_NAME.test(shown)) return shown.toLowerCase().replace(/ +/g, '-');
  return name;
}
