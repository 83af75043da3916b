import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/**
 * An argument or option is not what it has to be. Thrown before any work is done.
 * The message names the field, what was expected, what came and how to mend it.
 */
export class InvalidArgumentError extends TuttiError {
  /** Path of the argument that is wrong, for instance `options.retry.factor`. */
  readonly field: string;

  constructor(field: string, message: string, options: Omit<TuttiErrorOptions, 'retryable'> = {}) {
    super('TUTTI_INVALID_ARGUMENT', message, { ...options, details: { field, ...options.details } });
    this.field = field;
  }
}

/** No agent is registered under the name. The message suggests the nearest one that is. */
export class UnknownAgentError extends TuttiError {
  /** The name that was asked for. */
  readonly agent: string;

  constructor(agent: string, suggestion: string | undefined, knownAgents: number) {
    const hint =
      suggestion === undefined
        ? `${knownAgents} agents are registered; orchestrator.agents.list() names them.`
        : `Did you mean "${suggestion}"?`;
    super('TUTTI_UNKNOWN_AGENT', `Agent "${agent}" not found. ${hint}`, {
      details: { agent, suggestion, knownAgents },
    });
    this.agent = agent;
  }
}

/** An agent is already registered under the name. */
export class DuplicateAgentError extends TuttiError {
  /** The name that is taken. */
  readonly agent: string;

  constructor(agent: string) {
    super(
      'TUTTI_DUPLICATE_AGENT',
      `Agent "${agent}" is already registered; remove it first or choose another name.`,
      {
        details: { agent },
      },
    );
    this.agent = agent;
  }
}

/** The orchestrator (or another part) was closed; nothing new is accepted. */
export class ClosedError extends TuttiError {
  constructor(what: string) {
    super('TUTTI_CLOSED', `The ${what} is closed and accepts nothing new; create another one.`, {
      details: { what },
    });
  }
}
