import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';

describe('a busy event loop', () => {
  test('is not taken for a broken cache', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tutti-busy-'));
    const open = () =>
      new AsyncOrchestrator({
        agents: { agent: (task: string) => `answer to ${task}` },
        cache: { directory, secret: 'a secret of these tests' },
      });
    const first = open();
    await first.execute('agent', 'task');
    await first.close();
    const second = open();
    const hit = second.execute('agent', 'task');
    // The cache is being opened and read when somebody computes for longer than a read may take.
    for (let blocks = 0; blocks < 2; blocks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const startedMs = performance.now();
      while (performance.now() - startedMs < 700);
    }
    expect((await hit).cached).toBe('disk');
    await second.close();
    await rm(directory, { recursive: true });
  });
});
