// npm run lint:house: prints what breaks a rule of the house, by rule.
import { fileURLToPath } from 'node:url';
import { checkHouse } from './house/rules.mjs';

for (const [rule, broken] of Object.entries(checkHouse(fileURLToPath(new URL('..', import.meta.url))))) {
  if (broken.length === 0) continue;
  console.log(`${rule}:\n${broken.map((finding) => `  ${finding}`).join('\n')}`);
  process.exitCode = 1;
}
