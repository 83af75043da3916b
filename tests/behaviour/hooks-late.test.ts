// Covers: src/calls/run-hooks.ts
import { afterEach, describe, expect, test } from '@jest/globals';
import {
  AsyncOrchestrator,
  CancelledError,
  HookError,
  type HookRequest,
  type Hooks,
} from '../../src/index.js';
import { rejectionOf } from './scripted-agents.js';

const opened: AsyncOrchestrator[] = [];
afterEach(async () => {
  for (const orchestrator of opened.splice(0)) await orchestrator.close();
});

function open(hooks: Hooks, options: { cache?: boolean } = {}) {
  const asked: string[] = [];
  const run = (task: string): string => {
    asked.push(task);
    return `answer to ${task}`;
  };
  const orchestrator = new AsyncOrchestrator({ agents: { agent: run }, hooks, ...options });
  opened.push(orchestrator as unknown as AsyncOrchestrator);
  return { orchestrator, asked };
}

/** A promise, and what settles it. */
function gate(): { passed: Promise<void>; open: () => void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a hook that returns after its call was cancelled', () => {
  test.each(['before', 'after'] as const)('changes nothing: %s', async (name) => {
    const { passed, open: letPass } = gate();
    const { orchestrator, asked } = open({ [name]: () => passed });
    const controller = new AbortController();
    const call = orchestrator.execute('agent', 'q', { signal: controller.signal });
    await turn();
    controller.abort();
    await rejectionOf(CancelledError, call);
    letPass();
    await turn();
    expect(asked).toEqual(name === 'before' ? [] : ['q']);
    expect(orchestrator.stats()).toMatchObject({ cancelled: 1, succeeded: 0, failed: 0, running: 0 });
  });
});

describe('an after hook that fails', () => {
  test('fails a call that the cache has answered, which costs nothing', async () => {
    let results = 0;
    const after = (): void => {
      results += 1;
      if (results === 2) throw new Error('not this one');
    };
    const { orchestrator, asked } = open({ after }, { cache: true });
    expect((await orchestrator.execute('agent', 'q')).cached).toBe(false);
    const error = await rejectionOf(HookError, orchestrator.execute('agent', 'q'));
    expect(error.message).toContain('not this one');
    expect((await orchestrator.execute('agent', 'q')).cached).toBe('memory');
    expect(asked).toEqual(['q']);
  });
});

describe('the task that a hook is asked with', () => {
  const file = { data: new Uint8Array([104, 105]), mediaType: 'text/plain' };
  const talk = [
    { role: 'user', content: 'hello' },
    { role: 'assistant', content: 'yes?' },
  ] as const;
  test.each([
    ['a conversation that goes on', { text: 'and now?', messages: talk }],
    ['files alone', { files: [file] }],
    ['all of it', { text: 'and now?', messages: talk, files: [file] }],
  ])('has the shape in which it was given: %s', async (_what, task) => {
    const seen: HookRequest[] = [];
    const before = (request: HookRequest): void => void seen.push(request);
    const { orchestrator } = open({ before });
    await orchestrator.execute('agent', task);
    expect(seen[0]?.task).toEqual(task);
  });
});
