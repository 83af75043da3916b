// Covers: src/providers/model/tool-progress.ts, src/providers/model/tool-conversation.ts
import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { CallLedger } from '../../../src/contracts/call-ledger.js';
import type { Tool } from '../../../src/contracts/tool.js';
import { silentLogger } from '../../../src/logging/logger.js';
import type { ModelStep, ModelStepRequest } from '../../../src/providers/model/model-step.js';
import { runToolLoop } from '../../../src/providers/model/tool-loop.js';
import { prepareTools } from '../../../src/providers/model/tool-set.js';
import { seeded } from '../../behaviour/seeded-random.js';

/** How many seeds are tried; set TUTTI_TOOL_SEEDS for more or fewer. */
const SEEDS = Number(process.env.TUTTI_TOOL_SEEDS ?? 1_000);
const KINDS = ['reconcile', 'idempotent', 'plain'] as const;
const INPUT_TOKENS = 100;
const MAX_PROCESSES = 50;

type Moment = 'model' | 'record' | 'before' | 'after';

class Killed extends Error {}
class Unavailable extends Error {}

/** One call of an agent whose model, tools and processes fail at random; what was recorded outlives the processes. */
class Scene {
  readonly effects: string[] = [];
  readonly recorded: unknown[] = [];
  readonly plan: readonly number[];
  answeredTokens = 0;
  lostTokens = 0;
  readonly #random: () => number;
  readonly #kind: (typeof KINDS)[number];
  #faultsLeft: number;

  constructor(seed: number) {
    this.#random = seeded(seed);
    this.#kind = KINDS[seed % KINDS.length] as (typeof KINDS)[number];
    this.#faultsLeft = 1 + Math.floor(this.#random() * 4);
    // How many tools the model calls in each step.
    this.plan = Array.from(
      { length: 1 + Math.floor(this.#random() * 4) },
      () => 1 + Math.floor(this.#random() * 3),
    );
  }

  get kind(): (typeof KINDS)[number] {
    return this.#kind;
  }

  /** All effects there have to be. */
  get seats(): string[] {
    return this.plan.flatMap((calls, step) =>
      Array.from({ length: calls }, (_none, call) => `${step}.${call}`),
    );
  }

  fails(): boolean {
    if (this.#faultsLeft === 0 || this.#random() > 0.15) return false;
    this.#faultsLeft -= 1;
    return true;
  }

  /** Makes the call, in as many processes as it takes. */
  async run(): Promise<{ text: string } | { error: Error }> {
    for (let process = 0; process < MAX_PROCESSES; process += 1) {
      try {
        return { text: await new Life(this).run() };
      } catch (error) {
        if (!(error instanceof Killed)) return { error: error as Error };
      }
    }
    throw new Error('it never ends');
  }
}

/** One process: after its death nothing of it takes effect. */
class Life {
  readonly #scene: Scene;
  #isDead = false;

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  async run(): Promise<string> {
    const found = [...this.#scene.recorded];
    const ledger: CallLedger = {
      id: 'call',
      load: async () => JSON.parse(JSON.stringify(found)) as unknown[],
      record: async (entry) => {
        await this.#write(entry);
      },
      addSpent: () => {},
    };
    for (;;) {
      try {
        const reply = await runToolLoop((request) => this.#answer(request), {
          agent: 'clerk',
          callId: 'call',
          api: 'test',
          ledger,
          task: 'Book.',
          tools: prepareTools({ book: this.#tool() as Tool }),
          maxSteps: 20,
          signal: new AbortController().signal,
          logger: silentLogger,
        });
        return reply.text;
      } catch (error) {
        if (this.#isDead) throw new Killed();
        // A failed attempt is followed by the next one.
        if (!(error instanceof Unavailable)) throw error;
      }
    }
  }

  /** The process may die here; a dead one does nothing any more. */
  #live(moment: Moment): void {
    if (!this.#isDead && this.#scene.fails()) this.#isDead = true;
    if (this.#isDead) throw new Killed(moment);
  }

  /** The process may die before it has written, and after. */
  async #write(entry: unknown): Promise<void> {
    try {
      this.#live('record');
    } catch (death) {
      // An answer that reached a process which died before it had written it down: it has to be asked for again.
      if ((entry as { type: string }).type === 'step') this.#scene.lostTokens += INPUT_TOKENS;
      throw death;
    }
    this.#scene.recorded.push(entry);
    this.#live('record');
  }

  async #answer({ messages }: ModelStepRequest): Promise<ModelStep> {
    if (this.#scene.fails()) throw new Unavailable();
    if (this.#isDead) throw new Killed('model');
    this.#scene.answeredTokens += INPUT_TOKENS;
    const step = messages.filter(({ role }) => role === 'tool').length;
    const calls = this.#scene.plan[step] ?? 0;
    return {
      text: calls === 0 ? 'Done.' : '',
      toolCalls: Array.from({ length: calls }, (_none, call) => {
        const seat = `${step}.${call}`;
        return { id: seat, name: 'book', input: { seat } };
      }),
      usage: { inputTokens: INPUT_TOKENS, outputTokens: 1 },
      finishReason: calls === 0 ? 'stop' : 'tool-calls',
    };
  }

  #tool(): Tool<{ seat: string }> {
    const { effects, kind } = this.#scene;
    return {
      input: z.object({ seat: z.string() }),
      idempotent: kind === 'idempotent',
      run: async ({ seat }, { key }) => {
        this.#live('before');
        effects.push(`${key} ${seat}`);
        await Promise.resolve();
        this.#live('after');
        return `booked ${seat}`;
      },
      ...(kind === 'reconcile'
        ? { reconcile: (key) => effects.find((effect) => effect.startsWith(`${key} `)) }
        : {}),
    };
  }
}

describe(`${SEEDS} calls whose model, tools and processes fail at random`, () => {
  test('have each effect exactly once, or at most once and say so, and pay for each step once', async () => {
    const ends = { answered: 0, inDoubt: 0, repeated: 0 };
    const violations: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const scene = new Scene(seed);
      const end = await scene.run();
      const expectThat = (holds: boolean, what: string): void => {
        if (!holds) violations.push(`seed ${seed} (${scene.kind}): ${what}`);
      };
      const keys = scene.effects.map((effect) => effect.split(' ')[0] as string);
      const isOnce = new Set(keys).size === keys.length;
      if (!isOnce) ends.repeated += 1;
      expectThat(isOnce || scene.kind === 'idempotent', 'an effect twice');
      if ('text' in end) {
        ends.answered += 1;
        const seats = [...new Set(scene.effects)].map((effect) => effect.split(' ')[1]).sort();
        expectThat(end.text === 'Done.' && seats.join() === scene.seats.join(), 'an effect is missing');
        // Each step once, and the answer.
        const undisturbed = (scene.plan.length + 1) * INPUT_TOKENS;
        expectThat(
          scene.answeredTokens - scene.lostTokens <= 1.02 * undisturbed,
          'a step was paid for twice',
        );
      } else {
        ends.inDoubt += 1;
        const { code, key } = end.error as { code?: string; key?: string };
        expectThat(scene.kind === 'plain' && code === 'TUTTI_TOOL_IN_DOUBT', `it failed: ${end.error}`);
        expectThat(
          scene.recorded.some((entry) => (entry as { key?: string }).key === key),
          'an unknown key',
        );
      }
    }
    expect(violations).toEqual([]);
    // Something of each kind has happened, or nothing was shown.
    if (SEEDS >= 100) for (const count of Object.values(ends)) expect(count).toBeGreaterThan(0);
  }, 60_000);
});
