import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { QueueNode } from '../../../src/collections/priority-queue.js';
import { parseOptions } from '../../../src/input/parse-options.js';
import {
  FairWaitingQueue,
  type PermitRequest,
  PriorityWaitingQueue,
  type WaitingQueue,
} from '../../../src/resilience/permits/waiting-queue.js';
import { fairnessSchema } from '../../../src/resilience/traffic-options.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';

class Request extends QueueNode implements PermitRequest {
  readonly name: string;
  readonly priority: number;
  readonly tenant: string | undefined;
  readonly queuedAtMs: number;
  readonly agent = 'agent';

  constructor(name: string, priority: number, tenant: string | undefined, clock: FakeClock) {
    super();
    this.name = name;
    this.priority = priority;
    this.tenant = tenant;
    this.queuedAtMs = clock.now();
  }

  start(): undefined {
    return undefined;
  }
}

const KINDS: ReadonlyArray<[string, (clock: FakeClock) => WaitingQueue]> = [
  ['PriorityWaitingQueue', (clock) => new PriorityWaitingQueue(clock)],
  [
    'FairWaitingQueue',
    (clock) =>
      new FairWaitingQueue(clock, parseOptions(fairnessSchema(), { agentWeights: { agent: 2 } }, 'options')),
  ],
];

const nameOf = (request: PermitRequest | undefined): string | undefined =>
  (request as Request | undefined)?.name;

describe.each(KINDS)('%s', (_, make) => {
  test('returns each request that was not removed once, highest priority first for one tenant', () => {
    const operation = fc.record({ priority: fc.integer({ min: -2, max: 2 }), isRemoved: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const clock = new FakeClock();
        const queue = make(clock);
        const requests = operations.map(
          ({ priority }, index) => new Request(`${index}`, priority, 't', clock),
        );
        for (const request of requests) queue.push(request);
        for (const [index, { isRemoved }] of operations.entries()) {
          if (isRemoved) expect(queue.delete(requests[index] as Request)).toBe(true);
        }
        const left = requests.filter((_request, index) => operations[index]?.isRemoved === false);
        expect(queue.size).toBe(left.length);
        const expected = [...left].sort((a, b) => b.priority - a.priority).map(({ name }) => name);
        const given: Array<string | undefined> = [];
        while (queue.size > 0) given.push(nameOf(queue.take()));
        expect(given).toEqual(expected);
      }),
    );
  });

  test('returns nothing when it is empty, and removes no request twice', () => {
    const clock = new FakeClock();
    const queue = make(clock);
    expect(queue.take()).toBeUndefined();
    const request = new Request('a', 0, undefined, clock);
    queue.push(request);
    expect(queue.delete(request)).toBe(true);
    expect(queue.delete(request)).toBe(false);
    queue.push(request);
    expect(queue.take()).toBe(request);
    expect(queue.delete(request)).toBe(false);
    expect(queue.size).toBe(0);
  });
});

describe('PriorityWaitingQueue', () => {
  test('gives every fourth turn to the oldest once it has waited long enough', async () => {
    const clock = new FakeClock();
    const queue = new PriorityWaitingQueue(clock);
    queue.push(new Request('low', 0, undefined, clock));
    for (let index = 0; index < 10; index += 1) queue.push(new Request('high', 1, undefined, clock));
    for (let turn = 0; turn < 4; turn += 1) expect(nameOf(queue.take())).toBe('high');
    await clock.advance(5_000);
    expect(nameOf(queue.take())).toBe('low');
    expect(nameOf(queue.take())).toBe('high');
  });
});

describe('FairWaitingQueue', () => {
  test('lets tenants take turns however many wait', () => {
    const clock = new FakeClock();
    const queue = new FairWaitingQueue(
      clock,
      parseOptions(fairnessSchema(), { tenantWeights: { big: 2 } }, 'options'),
    );
    for (let index = 0; index < 100; index += 1) queue.push(new Request('big', 0, 'big', clock));
    for (let index = 0; index < 4; index += 1) queue.push(new Request('small', 0, 'small', clock));
    const turns = Array.from({ length: 12 }, () => nameOf(queue.take()));
    expect(turns.filter((name) => name === 'small')).toHaveLength(4);
  });
});
