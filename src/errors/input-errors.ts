import { TuttiError, type TuttiErrorOptions } from './tutti-error.js';

/**
 * An argument or option is invalid. Thrown before any work starts. The message says which field it is, what was
 * expected, what was received and how to fix it.
 */
export class InvalidArgumentError extends TuttiError<'TUTTI_INVALID_ARGUMENT'> {
  /** Path of the invalid argument, for instance `options.retry.factor`. */
  readonly field: string;

  constructor(field: string, message: string, options: Omit<TuttiErrorOptions, 'retryable'> = {}) {
    super('TUTTI_INVALID_ARGUMENT', message, { ...options, details: { field, ...options.details } });
    this.field = field;
  }
}

/** No agent is registered under the name. The message suggests the nearest registered name. */
export class UnknownAgentError extends TuttiError<'TUTTI_UNKNOWN_AGENT'> {
  /** The unknown name. */
  readonly agent: string;

  constructor(agent: string, suggestion: string | undefined, knownAgents: number) {
    const hint =
      suggestion === undefined
        ? `${knownAgents} agents are registered; list them with orchestrator.agents.list().`
        : `Did you mean "${suggestion}"?`;
    super('TUTTI_UNKNOWN_AGENT', `Agent "${agent}" not found. ${hint}`, {
      details: { agent, suggestion, knownAgents },
    });
    this.agent = agent;
  }
}

/** An agent is already registered under the name. */
export class DuplicateAgentError extends TuttiError<'TUTTI_DUPLICATE_AGENT'> {
  /** The name in use. */
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

/** The orchestrator (or another object) is closed and accepts nothing new. */
export class ClosedError extends TuttiError<'TUTTI_CLOSED'> {
  constructor(what: string) {
    super('TUTTI_CLOSED', `The ${what} is closed and accepts nothing new; create another one.`, {
      details: { what },
    });
  }
}
