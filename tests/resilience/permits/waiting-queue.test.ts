import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { QueueNode } from '../../../src/collections/priority-queue.js';
import {
  AGED_SHARE,
  AGEING_MS,
  FairLine,
  type PermitRequest,
  PriorityLine,
  type WaitingLine,
} from '../../../src/resilience/permits/waiting-queue.js';
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

const KINDS: ReadonlyArray<[string, (clock: FakeClock) => WaitingLine]> = [
  ['PriorityLine', (clock) => new PriorityLine(clock)],
  ['FairLine', (clock) => new FairLine(clock, { agentWeights: { agent: 2 } })],
];

const nameOf = (request: PermitRequest | undefined): string | undefined =>
  (request as Request | undefined)?.name;

describe.each(KINDS)('%s', (_, make) => {
  test('gives everybody once who was not taken out, highest priority first for one tenant', () => {
    const operation = fc.record({ priority: fc.integer({ min: -2, max: 2 }), isTakenOut: fc.boolean() });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
        const clock = new FakeClock();
        const line = make(clock);
        const requests = operations.map(
          ({ priority }, index) => new Request(`${index}`, priority, 't', clock),
        );
        for (const request of requests) line.push(request);
        for (const [index, { isTakenOut }] of operations.entries()) {
          if (isTakenOut) expect(line.delete(requests[index] as Request)).toBe(true);
        }
        const left = requests.filter((_request, index) => operations[index]?.isTakenOut === false);
        expect(line.size).toBe(left.length);
        const expected = [...left].sort((a, b) => b.priority - a.priority).map(({ name }) => name);
        const given: Array<string | undefined> = [];
        while (line.size > 0) given.push(nameOf(line.take()));
        expect(given).toEqual(expected);
      }),
    );
  });

  test('has nothing to give when it is empty, and takes nobody out twice', () => {
    const clock = new FakeClock();
    const line = make(clock);
    expect(line.take()).toBeUndefined();
    const request = new Request('a', 0, undefined, clock);
    line.push(request);
    expect(line.delete(request)).toBe(true);
    expect(line.delete(request)).toBe(false);
    line.push(request);
    expect(line.take()).toBe(request);
    expect(line.delete(request)).toBe(false);
    expect(line.size).toBe(0);
  });
});

describe('PriorityLine', () => {
  test('gives every fourth turn to the eldest once it has waited long enough', async () => {
    const clock = new FakeClock();
    const line = new PriorityLine(clock);
    line.push(new Request('low', 0, undefined, clock));
    for (let index = 0; index < 10; index += 1) line.push(new Request('high', 1, undefined, clock));
    for (let turn = 0; turn < AGED_SHARE; turn += 1) expect(nameOf(line.take())).toBe('high');
    await clock.advance(AGEING_MS);
    expect(nameOf(line.take())).toBe('low');
    expect(nameOf(line.take())).toBe('high');
  });
});

describe('FairLine', () => {
  test('lets tenants take turns however many wait', () => {
    const clock = new FakeClock();
    const line = new FairLine(clock, { tenantWeights: { big: 2 } });
    for (let index = 0; index < 100; index += 1) line.push(new Request('big', 0, 'big', clock));
    for (let index = 0; index < 4; index += 1) line.push(new Request('small', 0, 'small', clock));
    const turns = Array.from({ length: 12 }, () => nameOf(line.take()));
    expect(turns.filter((name) => name === 'small')).toHaveLength(4);
  });
});
