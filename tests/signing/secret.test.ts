import { execFile } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { InvalidArgumentError } from '../../src/errors/input-errors.js';
import type { CacheStoreError } from '../../src/errors/storage-errors.js';
import { configuredSecrets } from '../../src/signing/configured-secrets.js';
import { loadSecrets, secretFolder } from '../../src/signing/secret.js';

let root: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tutti-secret-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const freshHome = (): string => join(root, `home-${count++}`);

function failWith(): { problems: CacheStoreError[]; onProblem: (error: CacheStoreError) => void } {
  const problems: CacheStoreError[] = [];
  return { problems, onProblem: (error) => problems.push(error) };
}

describe('loadSecrets', () => {
  test('takes the option before the variable and the variable before the file', async () => {
    const home = freshHome();
    const env = { HOME: home, TUTTI_CACHE_SECRET: 'from the variable!' };
    expect(await loadSecrets({ secret: 'from the option itself', env })).toEqual([
      Buffer.from('from the option itself'),
    ]);
    expect(await loadSecrets({ env })).toEqual([Buffer.from('from the variable!')]);
    await expect(stat(home)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('takes several secrets in their order', async () => {
    const secrets = ['the new one, 16 bytes', 'the old one, 16 bytes'];
    expect(await loadSecrets({ secret: secrets })).toEqual(secrets.map((secret) => Buffer.from(secret)));
  });

  test.each([
    ['a short option', { secret: '15 bytes, short' }, 'secret'],
    ['a short second one', { secret: ['0123456789abcdef', 'short'] }, 'secret[1]'],
    ['an empty list', { secret: [] }, 'secret'],
    ['a short variable', { env: { TUTTI_CACHE_SECRET: '15 bytes, short' } }, 'TUTTI_CACHE_SECRET'],
    ['a number', { secret: 12 as unknown as string }, 'secret'],
  ])('refuses %s and does not repeat it', (_, options, field) => {
    let error: InvalidArgumentError | undefined;
    try {
      configuredSecrets(options);
    } catch (thrown) {
      error = thrown as InvalidArgumentError;
    }
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error?.field).toBe(field);
    expect(error?.message).not.toContain('short');
  });

  test('makes 32 random bytes once, for their owner alone', async () => {
    const env = { HOME: freshHome() };
    const [first] = await loadSecrets({ env });
    const [second] = await loadSecrets({ env });
    expect(first).toHaveLength(32);
    expect(second).toEqual(first);
    const folder = join(env.HOME, '.config', 'tutti');
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'cache.key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['cache.key']);
  });

  test('takes an empty variable for one that is not set, as container tools pass it on', async () => {
    const env = { HOME: freshHome(), TUTTI_CACHE_SECRET: '' };
    expect(configuredSecrets({ env })).toBeUndefined();
    expect(await loadSecrets({ env })).toEqual(await loadSecrets({ env: { HOME: env.HOME } }));
  });

  test.each([
    ['no HOME that is absolute', { HOME: '' }],
    ['a relative HOME', { HOME: 'somewhere' }],
  ])('writes nothing where there is %s, and says so once', async (_, env) => {
    const before = await readdir('.');
    const { problems, onProblem } = failWith();
    expect(secretFolder(env)).toBeUndefined();
    expect((await loadSecrets({ env, onProblem }))[0]).toHaveLength(32);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain('there is no home directory');
    expect(await readdir('.')).toEqual(before);
  });

  test.each([0o644, 0o640, 0o604, 0o666])(
    'narrows a file that others can read (%o), with a warning',
    async (mode) => {
      const env = { HOME: freshHome() };
      const [first] = await loadSecrets({ env });
      const file = join(env.HOME, '.config', 'tutti', 'cache.key');
      await chmod(file, mode);
      const { problems, onProblem } = failWith();
      expect(await loadSecrets({ env, onProblem })).toEqual([first]);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(problems.map(({ message }) => message)).toEqual([
        expect.stringContaining('could be read by other users'),
      ]);
      await loadSecrets({ env, onProblem });
      expect(problems).toHaveLength(1);
    },
  );

  test('refuses a file of another user, and one that is too large to be a secret', async () => {
    const env = { HOME: freshHome() };
    await loadSecrets({ env });
    const file = join(env.HOME, '.config', 'tutti', 'cache.key');
    await writeFile(file, Buffer.alloc(1_000_000), { mode: 0o600 });
    const { problems, onProblem } = failWith();
    await loadSecrets({ env, onProblem });
    expect(problems).toHaveLength(1);
    if (process.getuid?.() !== 0) return;
    await writeFile(file, Buffer.alloc(32, 7));
    await chown(file, 12_345, 12_345);
    const [secret] = await loadSecrets({ env, onProblem });
    expect(Buffer.from(secret).equals(Buffer.alloc(32, 7))).toBe(false);
    expect(problems[1]?.message).toContain('belongs to another user');
  });

  test('refuses a configuration folder below a link that leads elsewhere', async () => {
    const [home, elsewhere] = [freshHome(), freshHome()];
    await mkdir(elsewhere);
    await mkdir(home);
    await symlink(elsewhere, join(home, 'link'));
    const { problems, onProblem } = failWith();
    await loadSecrets({ env: { XDG_CONFIG_HOME: join(home, 'link', 'config') }, onProblem });
    expect(problems[0]?.message).toContain('is a link that leads to');
    expect(await readdir(elsewhere)).toEqual([]);
  });

  test('differs between two installations', async () => {
    const [one] = await loadSecrets({ env: { HOME: freshHome() } });
    const [other] = await loadSecrets({ env: { HOME: freshHome() } });
    expect(one).not.toEqual(other);
  });

  test('uses XDG_CONFIG_HOME when it is absolute and ignores it otherwise', async () => {
    const config = freshHome();
    const home = freshHome();
    const [secret] = await loadSecrets({ env: { HOME: home, XDG_CONFIG_HOME: config } });
    expect(await readFile(join(config, 'tutti', 'cache.key'))).toEqual(secret);
    await loadSecrets({ env: { HOME: home, XDG_CONFIG_HOME: 'relative' } });
    expect(await readdir(join(home, '.config', 'tutti'))).toEqual(['cache.key']);
  });

  test('agrees on one secret among many that start together', async () => {
    const env = { HOME: freshHome() };
    const all = await Promise.all(Array.from({ length: 50 }, () => loadSecrets({ env })));
    expect(new Set(all.map(([secret]) => Buffer.from(secret).toString('hex'))).size).toBe(1);
    expect(await readdir(join(env.HOME, '.config', 'tutti'))).toEqual(['cache.key']);
  });

  test('sets a truncated file aside and makes a new secret', async () => {
    const env = { HOME: freshHome() };
    const folder = join(env.HOME, '.config', 'tutti');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'cache.key'), 'cut');
    const [secret] = await loadSecrets({ env });
    expect(secret).toHaveLength(32);
    expect(await readFile(join(folder, 'cache.key.bad'), 'utf8')).toBe('cut');
  });

  test('goes on with a secret of its own and one report where none can be kept', async () => {
    const home = freshHome();
    await writeFile(home, 'a file where the folder should be');
    const { problems, onProblem } = failWith();
    const [secret] = await loadSecrets({ env: { HOME: home }, onProblem });
    const [other] = await loadSecrets({ env: { HOME: home } });
    expect(secret).toHaveLength(32);
    expect(other).not.toEqual(secret);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'TUTTI_CACHE_STORE', operation: 'secret' });
    expect(problems[0]?.message).toContain('TUTTI_CACHE_SECRET');
  });

  test('survives a folder in place of the file', async () => {
    const home = freshHome();
    await mkdir(join(home, '.config', 'tutti', 'cache.key'), { recursive: true });
    const { problems, onProblem } = failWith();
    await loadSecrets({ env: { HOME: home }, onProblem });
    expect(problems).toHaveLength(1);
  });

  test('leaves the mode of a folder alone that was there', async () => {
    const home = freshHome();
    await mkdir(join(home, '.config'), { recursive: true });
    await chmod(join(home, '.config'), 0o755);
    await loadSecrets({ env: { HOME: home } });
    expect((await stat(join(home, '.config'))).mode & 0o777).toBe(0o755);
  });

  test('stands nowhere in the source', async () => {
    const { stdout } = await promisify(execFile)('grep', ['-rniE', 'secret\\s*[:=]\\s*[\'"`]', 'src']).catch(
      (error: unknown) => error as { stdout: string },
    );
    expect(stdout).toBe('');
  });
});
