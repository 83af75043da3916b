import { describe, expect, test } from '@jest/globals';
import { isBusy, toDatabaseError } from '../../src/sqlite/sqlite-error.js';

const withFields = (fields: object) => Object.assign(new Error('what SQLite said'), fields);

describe('toDatabaseError', () => {
  test.each([
    ['sqlite3', { errno: 13, code: 'SQLITE_FULL' }, 'full'],
    ['sqlite3, read-only', { errno: 8 }, 'read-only'],
    ['sqlite3, unknown number', { errno: 1 }, 'statement'],
    ['node:sqlite, with the extended code', { errcode: 522, code: 'ERR_SQLITE_ERROR' }, 'io'],
    ['node:sqlite, corrupt', { errcode: 267 }, 'corrupt'],
    ['the file system', { errno: -28, code: 'ENOSPC' }, 'io'],
  ])('recognises an error of %s', (_, fields, problem) => {
    const cause = withFields(fields);
    const error = toDatabaseError(cause, '/a/b.db');
    expect(error).toMatchObject({ problem, path: '/a/b.db', code: 'TUTTI_DATABASE', cause });
    expect(error.message).toContain('what SQLite said');
  });

  test('takes anything that is thrown', () => {
    for (const thrown of ['text', null, undefined, 7]) {
      expect(toDatabaseError(thrown, 'x').message).toContain(String(thrown));
    }
  });

  test('can pass when it is only that somebody else holds the file', () => {
    expect(toDatabaseError(withFields({ errno: 5 }), 'x').retryable).toBe(true);
    expect(toDatabaseError(withFields({ errno: 13 }), 'x').retryable).toBe(false);
    expect(isBusy(withFields({ errcode: 517 }))).toBe(true);
    expect(isBusy(undefined)).toBe(false);
  });
});
