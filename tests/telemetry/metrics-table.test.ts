// Covers: src/telemetry/metrics.ts
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { REPOSITORY } from '../docs/markdown.js';

test('the table of metrics in the guide is as the code has it', () => {
  const script = join(REPOSITORY, 'scripts/metrics-table.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
