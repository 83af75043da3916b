import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, test } from '@jest/globals';
import { KeyvSqlite } from '@keyv/sqlite';
import Keyv from 'keyv';
import type { CacheTier } from '../../../src/cache/tiers/cache-tier.js';
import { DiskTier } from '../../../src/cache/tiers/disk/disk-tier.js';
import { KeyvTier } from '../../../src/cache/tiers/keyv-tier.js';
import { TierGuard } from '../../../src/cache/tiers/tier-guard.js';
import type { SqliteDriverName } from '../../../src/sqlite/driver.js';
import { cacheTierSuite, type TierMaker, type TierSettings } from '../../../src/testing/cache-tier-suite.js';
import { ChaosTier } from '../../../src/testing/chaos-tier.js';
import { describeDrivers } from '../../sqlite/drivers.js';
import { MemoryAsTier } from './memory-as-tier.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-tiers-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

/** Remembers for each tier where it is, so that another one can be opened there. */
class Places<Place> {
  readonly #places = new WeakMap<CacheTier, Place>();
  readonly #open: (place: Place, settings: TierSettings) => CacheTier;

  constructor(open: (place: Place, settings: TierSettings) => CacheTier) {
    this.#open = open;
  }

  at(place: Place, settings: TierSettings): CacheTier {
    const tier = this.#open(place, settings);
    this.#places.set(tier, place);
    return tier;
  }

  again(tier: CacheTier, settings: TierSettings): CacheTier {
    return this.at(this.#places.get(tier) as Place, settings);
  }
}

function diskMaker(
  driver: SqliteDriverName,
  wrap: (tier: CacheTier) => CacheTier = (tier) => tier,
): TierMaker {
  const places = new Places<string>((directory, settings) =>
    wrap(new DiskTier({ directory, driver, ...settings })),
  );
  return {
    make: async (settings) => places.at(join(root, `disk-${count++}`), settings),
    reopen: async (tier, settings) => places.again(tier, settings),
    knowsAfterReopen: true,
  };
}

function keyvMaker(newStore: () => Keyv): TierMaker {
  const places = new Places<Keyv>((store, settings) => new KeyvTier({ store, ...settings }));
  return {
    make: async (settings) => places.at(newStore(), settings),
    reopen: async (tier, settings) => places.again(tier, settings),
  };
}

function runSuite(maker: TierMaker): void {
  for (const { name, run } of cacheTierSuite(maker)) test(name, run);
}

await describeDrivers('DiskTier', (driver) => runSuite(diskMaker(driver)));

// Memory is no CacheTier, as it holds answers and works without promises; behind that interface it has to do the same.
describe('MemoryTier', () => {
  runSuite({ make: async (settings) => new MemoryAsTier(settings) });
});

describe('KeyvTier over a Map', () => {
  runSuite(keyvMaker(() => new Keyv()));
});

describe('KeyvTier over @keyv/sqlite', () => {
  const stores: KeyvSqlite[] = [];
  afterAll(async () => {
    for (const store of stores) await store.disconnect();
  });
  runSuite(
    keyvMaker(() => {
      const store = new KeyvSqlite();
      stores.push(store);
      return new Keyv({ store });
    }),
  );
});

describe('ChaosTier that does nothing wrong', () => {
  runSuite(diskMaker('keyv-sqlite', (tier) => new ChaosTier(tier)));
});

describe('TierGuard', () => {
  // It refuses nothing and throws nothing, so closing is the one thing it does differently.
  const suite = cacheTierSuite(diskMaker('keyv-sqlite', (tier) => new TierGuard(tier)));
  for (const { name, run } of suite) if (!name.startsWith('closes')) test(name, run);
});
