import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { VERSION } from '../../src/index.js';
import { REPOSITORY } from '../docs/markdown.js';

describe('VERSION', () => {
  test('is the version of the package', () => {
    const manifest = JSON.parse(readFileSync(`${REPOSITORY}/package.json`, 'utf8')) as { version: string };
    expect(VERSION).toBe(manifest.version);
  });
});
