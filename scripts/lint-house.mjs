// npm run lint:house: the rules of the house that no other linter knows. Prints what breaks one, by rule.
import { fileURLToPath } from 'node:url';
import { findDefaultsTwice } from './house/defaults.mjs';
import { findUnusedMembers } from './house/members.mjs';
import { findNamesDeclaredTwice, findOptionTypesTwice } from './house/names.mjs';
import { publicNames, readSources } from './house/sources.mjs';
import { findLongTests, findSourcesWithoutTest } from './house/tests.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readSources(root, 'src');
const tests = readSources(root, 'tests');

const findings = {
  'One name, one thing': findNamesDeclaredTwice(sources),
  'No option type exists twice': findOptionTypesTwice(sources),
  'A default stands in one place': findDefaultsTwice(sources),
  'No member of a class is unused': findUnusedMembers(sources, publicNames(sources)),
  'Every source is covered by a test that can be found': findSourcesWithoutTest(sources, tests),
  'A test file can be read': findLongTests(tests),
};

for (const [rule, broken] of Object.entries(findings)) {
  if (broken.length === 0) continue;
  console.log(`${rule}:\n${broken.map((finding) => `  ${finding}`).join('\n')}`);
  process.exitCode = 1;
}
