import { describe, expect, test } from '@jest/globals';
import Keyv from 'keyv';
import { KeyvTier } from '../../../src/cache/tiers/keyv-tier.js';
import { FakeClock } from '../../../src/testing/fake-clock.js';
import { keyOf, stackOver, unsealed } from './signed-tier.js';

/** Three tiers, of which the last one alone has an entry. */
async function threeTiers(key: string) {
  const clock = new FakeClock();
  const tiers = [1, 2, 3].map(() => new KeyvTier({ store: new Keyv(), maxSizeBytes: 1e6, clock }));
  const [near, middle, far] = tiers as [KeyvTier, KeyvTier, KeyvTier];
  await stackOver(far).stack.set(unsealed(key, 'found'));
  await far.flush();
  const has = async () =>
    Promise.all(tiers.map(async (tier) => (await tier.getMany([key]))[0] !== undefined));
  const settled = () => Promise.all(tiers.map((tier) => tier.flush()));
  return { stack: stackOver(near, middle, far).stack, has, settled };
}

describe('TierStack', () => {
  test.each(['get', 'getMany'] as const)(
    '%s copies what a lower tier has to all nearer ones',
    async (way) => {
      const key = keyOf(1);
      const { stack, has, settled } = await threeTiers(key);
      expect(await has()).toEqual([false, false, true]);
      const [found] = way === 'get' ? [await stack.get(key)] : await stack.getMany([key]);
      expect(found?.answer.output).toBe('found');
      await settled();
      expect(await has()).toEqual([true, true, true]);
    },
  );
});
