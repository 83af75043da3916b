import type { Logger } from '../logging/logger.js';

/** The tools that files name and that are not there. They are logged once, all together. */
export class MissingTools {
  readonly #logger: Logger | undefined;
  readonly #agentsOfTool = new Map<string, Set<string>>();
  #isReported = false;

  /** @param logger Without one, the logger of the first call is used. */
  constructor(logger: Logger | undefined) {
    this.#logger = logger;
  }

  add(agent: string, tools: readonly string[]): void {
    for (const tool of tools) {
      const agents = this.#agentsOfTool.get(tool) ?? new Set();
      this.#agentsOfTool.set(tool, agents.add(agent));
    }
  }

  report(logger: Logger | undefined = this.#logger): void {
    if (logger === undefined || this.#isReported || this.#agentsOfTool.size === 0) return;
    this.#isReported = true;
    const agents = new Set([...this.#agentsOfTool.values()].flatMap((names) => [...names]));
    const tools = [...this.#agentsOfTool.keys()];
    logger.warn(
      { tools, agents: [...agents] },
      `Agent files name ${tools.length === 1 ? 'a tool that is' : `${tools.length} tools that are`} not there, so ${agents.size === 1 ? 'the agent works' : `${agents.size} agents work`} without: ${shorten(tools)}. Pass tools with the \`tools\` option of loadAgents.`,
    );
  }
}

const MAX_SHOWN = 10;

function shorten(names: readonly string[]): string {
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  return names.length > MAX_SHOWN ? `${shown} and ${names.length - MAX_SHOWN} more` : shown;
}
