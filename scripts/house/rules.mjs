// The rules of the house that no other linter knows, each with what breaks it.
import { findDefaultsTwice } from './defaults.mjs';
import { findUnusedMembers } from './members.mjs';
import { findNamesDeclaredTwice, findOptionTypesTwice } from './names.mjs';
import { publicNames, readSources } from './sources.mjs';
import { findLongTests, findSourcesWithoutTest } from './tests.mjs';

/**
 * @param {string} root The folder that holds `src` and `tests`.
 * @returns {Record<string, string[]>}
 */
export function checkHouse(root) {
  const sources = readSources(root, 'src');
  const tests = readSources(root, 'tests');
  return {
    'One name, one thing': findNamesDeclaredTwice(sources),
    'No option type exists twice': findOptionTypesTwice(sources),
    'A default stands in one place': findDefaultsTwice(sources),
    'No member of a class is unused': findUnusedMembers(sources, publicNames(sources)),
    'Every source is covered by a test that can be found': findSourcesWithoutTest(sources, tests),
    'A test file can be read': findLongTests(tests),
  };
}
