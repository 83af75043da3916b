import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { AsyncOrchestrator, CancelledError, ClosedError, InvalidArgumentError } from '../../src/index.js';
import { runCode } from '../../src/runs/run-start.js';
import { holdBack } from '../behaviour/held-code.js';
import { rejectionOf, turn } from '../behaviour/scripted-agents.js';

const agents = { echo: (task: string): string => task };
const tasks = [
  ['echo', 'a'],
  ['echo', 'b'],
] as const;

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a run that starts before its code is loaded', () => {
  test('is made once it is there', async () => {
    const { open } = holdBack(runCode);
    const orchestrator = new AsyncOrchestrator({ agents });
    const run = orchestrator.executeMultiple(tasks);
    const each = orchestrator.executeEach(tasks).next();
    await turn();
    expect(orchestrator.stats()).toMatchObject({ inFlight: 0, running: 0 });
    open();
    expect((await run).map((outcome) => outcome.success && outcome.output)).toEqual(['a', 'b']);
    expect((await each).value).toMatchObject({ success: true, index: 0 });
  });

  test('has its options checked before', async () => {
    holdBack(runCode);
    const orchestrator = new AsyncOrchestrator({ agents });
    const run = orchestrator.executeMultiple(tasks, { priority: 'x' } as never);
    await rejectionOf(InvalidArgumentError, run);
    expect(runCode.load).not.toHaveBeenCalled();
  });

  test('was accepted: closing waits for it', async () => {
    const { open } = holdBack(runCode);
    const orchestrator = new AsyncOrchestrator({ agents });
    const run = orchestrator.executeMultiple(tasks);
    const closing = orchestrator.close();
    open();
    expect((await run).every(({ success }) => success)).toBe(true);
    await closing;
  });

  test('is ended by closing like any other, where it has started meanwhile', async () => {
    const { open } = holdBack(runCode);
    const hang = (): Promise<never> => new Promise(() => {});
    const orchestrator = new AsyncOrchestrator({ agents: { hang }, abandonMs: 1 });
    const run = orchestrator.executeMultiple([['hang', 'a']]);
    const closing = orchestrator.close({ drainMs: 50 });
    open();
    const [outcome] = await run;
    expect(outcome).toMatchObject({ success: false, error: expect.any(CancelledError) });
    await closing;
  });

  test('never starts where there is no time left for it', async () => {
    const { open } = holdBack(runCode);
    const seen: string[] = [];
    const orchestrator = new AsyncOrchestrator({ agents: { echo: (task) => String(seen.push(task)) } });
    const run = orchestrator.executeMultiple(tasks);
    const each = orchestrator.executeEach(tasks).next();
    const closing = orchestrator.close({ drainMs: 0 });
    await turn();
    open();
    await rejectionOf(ClosedError, run);
    await rejectionOf(ClosedError, each);
    await closing;
    expect(seen).toEqual([]);
  });

  test('rejects with the reason where the code cannot be loaded, and closing does not wait', async () => {
    const { fail } = holdBack(runCode);
    const orchestrator = new AsyncOrchestrator({ agents });
    const run = orchestrator.executeMultiple(tasks);
    fail(new Error('the chunk is not there'));
    await expect(run).rejects.toThrow('the chunk is not there');
    await orchestrator.close();
  });
});
