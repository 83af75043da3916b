// npm run lint: every step, also after one has failed, with the seconds each took. A step that passes prints nothing else.
import { spawnSync } from 'node:child_process';

const STEPS = ['format', 'types', 'promises', 'floors', 'unused', 'house', 'docs'];

const failed = STEPS.filter((step) => {
  const startedAt = performance.now();
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', `lint:${step}`], {
    encoding: 'utf8',
    env: { ...process.env, FORCE_COLOR: process.stdout.isTTY ? '1' : '0' },
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} lint:${step.padEnd(9)} ${seconds.padStart(5)} s`);
  if (status !== 0) console.log(`${stdout}${stderr}`);
  return status !== 0;
});

if (failed.length > 0) {
  console.log(`Lint failed: ${failed.join(', ')}.`);
  process.exitCode = 1;
}
