import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/index.js';
import { guardLogger, type Logger, silentLogger } from '../../src/logging/logger.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** A logger that keeps its lines. */
function keeping(lines: unknown[], bound: Record<string, unknown> = {}): Required<Logger> {
  const line =
    (level: string) =>
    (fields: Record<string, unknown>, message?: string): void => {
      lines.push([level, { ...bound, ...fields }, message]);
    };
  return {
    debug: line('debug'),
    info: line('info'),
    warn: line('warn'),
    error: line('error'),
    child: (fields) => keeping(lines, { ...bound, ...fields }),
  };
}

describe('the logger', () => {
  test('of an agent is bound to its agent and call', async () => {
    const lines: unknown[] = [];
    const orchestrator = new AsyncOrchestrator({
      logger: keeping(lines),
      agents: {
        chatty: (_task, context) => {
          context.logger.info({ step: 1 }, 'thinking');
          context.logger.debug({ step: 2 });
          return 'ok';
        },
      },
    });
    const { callId } = await orchestrator.execute('chatty', 't');
    expect(lines).toEqual([
      ['info', { agent: 'chatty', callId, step: 1 }, 'thinking'],
      ['debug', { agent: 'chatty', callId, step: 2 }, undefined],
    ]);
  });

  test('is used as it is where it has no child()', async () => {
    const lines: unknown[] = [];
    const { child: _child, ...childless } = keeping(lines);
    const orchestrator = new AsyncOrchestrator({
      logger: childless,
      agents: {
        chatty: (_task, { logger }) => {
          logger.warn({ a: 1 }, 'x');
          return 'ok';
        },
      },
    });
    await orchestrator.execute('chatty', 't');
    expect(lines).toEqual([['warn', { a: 1 }, 'x']]);
  });

  test('is silent by default', () => {
    for (const level of LEVELS) expect(silentLogger[level]({ a: 1 }, 'x')).toBeUndefined();
    expect(silentLogger.child?.({})).toBe(silentLogger);
  });

  test('loses a line it fails to write, and breaks nothing', () => {
    const broken = (): never => {
      throw new Error('disk full');
    };
    const guarded = guardLogger({ debug: broken, info: broken, warn: broken, error: broken });
    for (const level of LEVELS) expect(() => guarded[level]({}, 'x')).not.toThrow();
    for (const level of LEVELS) expect(() => guarded.child?.({})[level]({}, 'x')).not.toThrow();
  });
});
