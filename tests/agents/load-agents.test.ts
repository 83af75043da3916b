// Covers: src/agents/agent-file-schema.ts, src/agents/confined-folder.ts, src/agents/directory-loader.ts
// Covers: src/agents/front-matter.ts, src/agents/json-loader.ts, src/agents/live-folder.ts, src/agents/load-folder.ts
// Covers: src/agents/markdown-loader.ts, src/agents/yaml-source.ts
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import {
  type AgentChange,
  type AgentFile,
  type LoadAgentsOptions,
  loadAgents,
} from '../../src/agents/index.js';
import type { AgentDefinition } from '../../src/contracts/agent.js';
import type { AgentFileError } from '../../src/errors/agent-file-error.js';
import { type Clock, systemClock } from '../../src/time/clock.js';

let base: string;
let folder: string;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'tutti-agents-'));
  folder = join(base, 'agents');
  await mkdir(folder);
});
afterEach(() => rm(base, { recursive: true, force: true }));

async function put(path: string, text: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  // In one step, so that a watcher never sees half a file.
  await writeFile(join(base, 'new'), text);
  await rename(join(base, 'new'), join(folder, path));
}

const md = (fields: string, body = 'Do it well.') => `---\n${fields}\n---\n\n${body}\n`;

/** A provider that keeps what it was given. */
function collector() {
  const files: AgentFile[] = [];
  const provider: LoadAgentsOptions['provider'] = ({ name, model, instructions, params }, file) => {
    files.push(file);
    return {
      name,
      run: () => '',
      params,
      ...(model === undefined ? {} : { model }),
      ...(instructions === undefined ? {} : { instructions }),
    };
  };
  return { files, provider };
}

const load = (options: Partial<LoadAgentsOptions> = {}) =>
  loadAgents(folder, { provider: collector().provider, ...options });

async function failure(options: Partial<LoadAgentsOptions> = {}): Promise<AgentFileError> {
  try {
    await load({ strict: true, ...options });
  } catch (error) {
    return error as AgentFileError;
  }
  throw new Error('it was expected to fail');
}

describe('loadAgents, Markdown', () => {
  test('reads front matter and body', async () => {
    await put(
      'expert.md',
      md('name: expert\ndescription: Knows it\nmodel: big\ntemperature: 0\nparams:\n  top_k: 3'),
    );
    expect([...(await load())]).toEqual([
      {
        name: 'expert',
        description: 'Knows it',
        model: 'big',
        instructions: 'Do it well.',
        params: { temperature: 0, top_k: 3 },
        run: expect.any(Function),
      },
    ]);
  });

  test('loads the files of a coding assistant as they are', async () => {
    await put(
      'code-reviewer.md',
      md(
        'name: code-reviewer\ndescription: Use this agent when: code was written. Examples: <example>user: "look"</example>\ntools: Read, Grep, Bash(git log:*, git show)\nmodel: sonnet\ncolor: blue',
      ),
    );
    await put('helper.md', md('name: helper\ndescription: Helps\nmodel: inherit'));
    await put('team/nested.md', md('name: nested\ndescription: Deeper'));
    await put('README.md', '# Our agents\n');
    await put('notes.txt', 'not an agent');
    const { files, provider } = collector();
    const agents = await loadAgents(folder, {
      provider,
      model: 'default',
      models: { sonnet: 'claude-sonnet-4-5' },
    });
    expect(agents.map(({ name, model, params }) => ({ name, model, params }))).toEqual([
      { name: 'code-reviewer', model: 'claude-sonnet-4-5', params: {} },
      { name: 'helper', model: 'default', params: {} },
      { name: 'nested', model: 'default', params: {} },
    ]);
    expect(files[0]).toMatchObject({
      description: 'Use this agent when: code was written. Examples: <example>user: "look"</example>',
      tools: ['Read', 'Grep', 'Bash(git log:*, git show)'],
      model: 'sonnet',
      metadata: { color: 'blue' },
    });
    expect(files[1]).not.toHaveProperty('tools');
  });

  test('is the same agent with a byte order mark and Windows line ends', async () => {
    await put('a.md', `\uFEFF---\r\nname: a\r\n---\r\nOne\r\nTwo\r\n`);
    expect((await load())[0]).toMatchObject({ name: 'a', instructions: 'One\nTwo' });
  });

  test('keeps a line of dashes in the body, and settings out of the parameters', async () => {
    await put('a.md', md('name: a\ntimeoutMs: 5000\nmaxRetries: 0\nversion: 2', 'One\n---\nTwo'));
    expect((await load())[0]).toMatchObject({
      instructions: 'One\n---\nTwo',
      timeoutMs: 5000,
      maxRetries: 0,
      version: '2',
      params: {},
    });
  });

  test('takes an agent without a body', async () => {
    await put('a.md', '---\nname: a\n---');
    expect((await load())[0]).not.toHaveProperty('instructions');
  });
});

describe('loadAgents, JSON', () => {
  test('takes long instructions', async () => {
    const instructions = 'long '.repeat(100_000);
    await put('a.json', JSON.stringify({ name: 'a', instructions }));
    expect((await load())[0]?.instructions).toBe(instructions);
    await put('a.json', JSON.stringify({ name: [7], instructions }));
    expect(await failure()).toMatchObject({ line: undefined, message: expect.stringContaining('"name"') });
  });

  test('reads the same fields and instructions', async () => {
    await put(
      'a.json',
      '{\n\t"name": "a", "description": "\\ud83d\\ude00", "tools": ["Read"],\n\t"instructions": "Do", "top_k": 7 }',
    );
    const { files, provider } = collector();
    const [agent] = await loadAgents(folder, { provider });
    expect(agent).toMatchObject({ name: 'a', description: '😀', instructions: 'Do', params: { top_k: 7 } });
    expect(files[0]?.tools).toEqual(['Read']);
  });

  test.each([
    ['{\n "name": "a",\n oops }', 3, /not JSON/],
    ['{\n "name": "a"', 2, /not JSON/],
    ['{\n "prompt": "x",\n "name": "a", "name": "b" }', 3, /twice/],
    ['{\n "prompt": "x",\n "tools": 7 }', 3, /tools/],
    ['{ "name": "a",\n "prompt": "file://./a.md" }', 2, /another file/],
    ['{ "name": "a",\n "prompt": "{file:./a.md}" }', 2, /another file/],
    [
      `{ "prompt": "a", "x": ${'['.repeat(100_000)}${']'.repeat(100_000)} }`,
      undefined,
      /cannot be read|plain data/,
    ],
    ['{ "prompt": "a", "x": { "__proto__": { "bad": 1 } } }', 1, /__proto__/],
  ])('refuses bad JSON %#', async (text, line, message) => {
    await put('a.json', text);
    const error = await failure();
    expect(error).toMatchObject({ code: 'TUTTI_AGENT_FILE', file: join(folder, 'a.json'), line });
    expect(error.message).toMatch(message);
  });
});

const BOMB = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
  .split('')
  .map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefg'[i]}`).join()}]`)
  .join('\n')}`;

describe('loadAgents, bad files', () => {
  test.each([
    ['front matter without end', '---\nname: a\n\nbody', 1, /does not end/],
    ['empty front matter', '---\n---\nbody', undefined, /got nothing/],
    ['a name that is a list', md('description: x\nname: [a]'), 3, /"name": must be text/],
    ['a prompt on another server', md('name: a\nkind: remote\nagent_card_url: x'), 3, /httpAgent/],
    ['YAML that is none', md('name: a\nx: [1, 2'), 3, /./],
    ['a key twice', md('name: a\nname: b'), 3, /unique/],
    ['an alias bomb', md(`name: a\n${BOMB}`), 4, /aliases/],
    ['a tag', md('name: a\nx: !!js/function "function () {}"'), 3, /tag/i],
    ['a prototype', md('name: a\nx:\n  __proto__: { bad: 1 }'), 4, /__proto__/],
    ['a key that is no text', md('name: a\n? [b]\n: c'), undefined, /keys/],
    ['a number that is none', md('name: a\nparams:\n  x: .nan'), 4, /plain data/],
    ['a text where a number belongs', md('name: a\nparams:\n  a: 1\ntimeoutMs: soon'), 5, /timeoutMs/],
    ['a text for a temperature', md('name: a\ntemperature: hot'), 3, /"temperature": must be a number/],
    [
      'a text for a number in params',
      md('name: a\nparams:\n  seed: x'),
      4,
      /"params.seed": must be a number/,
    ],
    ['bytes that are no text', Buffer.from([0x2d, 0x2d, 0x2d, 0xff]), undefined, /UTF-8/],
    ['a file of 10 MB', Buffer.alloc(10_000_000, 0x61), undefined, /1048576 bytes/],
    ['deep nesting in brackets', md(`name: a\nx: ${'['.repeat(60_000)}`), 2, /nested more than 100/],
    ['deep nesting in lists', md(`name: a\nx:\n  ${'- '.repeat(30_000)}`), 2, /nested more than 100/],
    ['too much front matter', md(`name: a\nx: ${'y'.repeat(70_000)}`), 2, /at most 65536/],
  ])('refuses %s and names the file', async (_what, text, line, message) => {
    await put('good.md', md('name: good'));
    await put('sub/bad.md', text);
    const error = await failure();
    expect(error).toMatchObject({
      name: 'AgentFileError',
      code: 'TUTTI_AGENT_FILE',
      file: join(folder, 'sub/bad.md'),
    });
    if (line !== undefined) expect(error.line).toBe(line);
    expect(error.message.startsWith(join(folder, 'sub/bad.md'))).toBe(true);
    expect(error.message).toMatch(message);
    expect(({} as Record<string, unknown>).bad).toBeUndefined();
  });

  test('refuses two files of one name, naming both', async () => {
    await put('a.md', md('name: same'));
    await put('b.json', '{ "name": "same", "prompt": "x" }');
    const error = await failure();
    expect(error.message).toContain(join(folder, 'a.md'));
    expect(error.message).toContain(join(folder, 'b.json'));
    expect(error.message).toContain('"same"');
  });

  test('names the file when the provider cannot make an agent of it', async () => {
    await put('a.md', md('name: a'));
    const cause = new Error('no model');
    const error = await failure({
      provider: () => {
        throw cause;
      },
    });
    expect(error).toMatchObject({ file: join(folder, 'a.md'), cause });
    expect(error.message).toContain('no model');
  });
});

describe('loadAgents, staying inside its folder', () => {
  beforeEach(async () => {
    await writeFile(join(base, 'outside.md'), md('name: outside'));
  });

  test.each(['../outside.md', 'sub/../../outside.md', '/etc/passwd', '..', '', 'a\0.md', '..\\outside.md'])(
    'refuses the path %j',
    async (path) => {
      const error = await failure({ files: [path] });
      expect(error).toMatchObject({ code: 'TUTTI_AGENT_FILE' });
      expect(error.message).toContain('outside');
    },
  );

  test('loads the files that are named, and no others', async () => {
    await put('a.md', md('name: a'));
    await put('sub/b.md', md('name: b'));
    await put('c.md', md('name: c'));
    expect((await load({ files: ['sub/b.md', 'a.md'] })).map(({ name }) => name)).toEqual(['b', 'a']);
  });

  test('refuses a link to a file outside', async () => {
    await symlink(join(base, 'outside.md'), join(folder, 'link.md'));
    const error = await failure();
    expect(error.file).toBe(join(folder, 'link.md'));
    expect(error.message).toContain('leads out of');
  });

  test('refuses a file behind a linked folder outside', async () => {
    await symlink(base, join(folder, 'sub'));
    const error = await failure({ files: ['sub/outside.md'] });
    expect(error.message).toContain('leads out of');
  });

  test('does not descend into linked folders', async () => {
    await symlink(base, join(folder, 'sub'));
    expect(await load()).toHaveLength(0);
  });

  test('follows a link inside the folder, and a linked folder itself', async () => {
    await put('.store/a.md', md('name: a'));
    await symlink('.store/a.md', join(folder, 'a.md'));
    await symlink(folder, join(base, 'linked'));
    const agents = await loadAgents(join(base, 'linked'), { provider: collector().provider });
    expect(agents.map(({ name }) => name)).toEqual(['a']);
  });

  test.each([
    ['a link to a device', () => symlink('/dev/zero', join(folder, 'bad.md')), /leads out of/],
    ['a link to nothing', () => symlink('nowhere.md', join(folder, 'bad.md')), /does not exist/],
    ['a link to itself', () => symlink('bad.md', join(folder, 'bad.md')), /circle/],
    ['a folder', () => mkdir(join(folder, 'bad.md')), /not a regular file/],
    [
      'a named pipe',
      async () => {
        expect(spawnSync('mkfifo', [join(folder, 'bad.md')]).status).toBe(0);
      },
      /not a regular file/,
    ],
  ])('refuses %s', async (_what, make, message) => {
    await make();
    const error = await failure();
    expect(error).toMatchObject({ code: 'TUTTI_AGENT_FILE', file: join(folder, 'bad.md') });
    expect(error.message).toMatch(message);
  });

  test.each([
    ['does not exist', /it does not exist/, () => join(base, 'nowhere')],
    ['is not a folder', /it is not a folder/, () => join(base, 'outside.md')],
  ])('says that the folder %s', async (_what, message, path) => {
    await expect(loadAgents(path(), { provider: collector().provider })).rejects.toMatchObject({
      code: 'TUTTI_AGENT_FILE',
      file: path(),
      message: expect.stringMatching(message),
    });
  });

  test('refuses bad arguments', async () => {
    await expect(loadAgents('', { provider: collector().provider })).rejects.toMatchObject({
      field: 'directory',
    });
    await expect(loadAgents(folder, {} as LoadAgentsOptions)).rejects.toMatchObject({
      field: 'options.provider',
    });
  });
});

/** Twenty seconds pass in one. */
const fastClock: Clock = {
  ...systemClock,
  setTimeout: (callback, delayMs, argument) => systemClock.setTimeout(callback, delayMs / 20, argument),
};

describe.each([true, 'poll'] as const)('loadAgents, watch: %s', (watch) => {
  /** Collects what is told, one by one, however long it takes to come. */
  function queue<T>() {
    const items: T[] = [];
    const waiting: Array<(item: T) => void> = [];
    return {
      push: (item: T) => {
        const next = waiting.shift();
        if (next === undefined) items.push(item);
        else next(item);
      },
      next: () => {
        const item = items.shift();
        return item === undefined
          ? new Promise<T>((resolve) => waiting.push(resolve))
          : Promise.resolve(item);
      },
    };
  }

  test('follows the files, and keeps the last good agent of a broken one', async () => {
    const changes = queue<AgentChange>();
    const errors = queue<AgentFileError>();
    await put('a.md', md('name: a', 'One'));
    await using agents = await load({
      watch,
      clock: fastClock,
      onChange: changes.push,
      onError: errors.push,
    });
    const registered = new Map<string, AgentDefinition>(agents.map((agent) => [agent.name, agent]));
    agents.follow({
      add: (agent) => void registered.set(agent.name, agent),
      remove: (name) => void registered.delete(name),
    });

    await put('a.md', md('name: a', 'Two'));
    expect(await changes.next()).toMatchObject({
      added: [],
      changed: [{ name: 'a', instructions: 'Two' }],
      removed: [],
    });
    expect(agents[0]?.instructions).toBe('Two');
    expect(registered.get('a')?.instructions).toBe('Two');

    await put('a.md', '---\nname: a');
    expect(await errors.next()).toMatchObject({ file: join(folder, 'a.md'), line: 1 });
    expect(agents.map(({ instructions }) => instructions)).toEqual(['Two']);

    await put('sub/b.md', md('name: b'));
    expect(await changes.next()).toMatchObject({ added: [{ name: 'b' }], changed: [], removed: [] });
    expect([...registered.keys()]).toEqual(['a', 'b']);

    await put('sub/b.md', md('name: a'));
    expect((await errors.next()).message).toContain('already defined');
    expect([...registered.keys()]).toEqual(['a', 'b']);

    await rename(join(folder, 'sub/b.md'), join(folder, 'sub/c.md'));
    await rm(join(folder, 'sub/c.md'));
    expect(await changes.next()).toMatchObject({ removed: ['b'] });
    expect(agents.map(({ name }) => name)).toEqual(['a']);
  }, 30_000);
});

describe('loadAgents, watching', () => {
  test('warns, and goes on, when nobody listens for errors or a listener throws', async () => {
    const warnings: string[] = [];
    let onWarning: () => void = () => {};
    const spy = jest.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      warnings.push(String(warning));
      onWarning();
    });
    const warned = (count: number) =>
      new Promise<void>((resolve) => {
        onWarning = () => {
          if (warnings.length >= count) resolve();
        };
        onWarning();
      });
    try {
      await put('a.md', md('name: a'));
      const onChange = () => {
        throw new Error('a listener on fire');
      };
      await using agents = await load({ watch: true, clock: fastClock, onChange });
      await put('a.md', '---\nbroken');
      await warned(1);
      expect(warnings[0]).toContain(join(folder, 'a.md'));
      await put('a.md', md('name: a', 'Again'));
      await warned(2);
      expect(warnings[1]).toContain('a listener on fire');
      expect(agents[0]?.instructions).toBe('Again');
    } finally {
      spy.mockRestore();
    }
  });

  test('is an array like any other, which is closed twice without harm', async () => {
    await put('a.md', md('name: a'));
    const agents = await load({ watch: true });
    expect(Array.isArray(agents)).toBe(true);
    expect(Object.keys(agents)).toEqual(['0']);
    await agents.close();
    await agents.close();
  });

  test('needs neither closing nor a listener when it does not watch', async () => {
    const agents = await load();
    agents.follow({ add: () => undefined, remove: () => undefined });
    await agents[Symbol.asyncDispose]();
    expect(agents).toHaveLength(0);
  });

  test('tells of a new file that is broken, and of one that the provider refuses, and keeps the others', async () => {
    await put('a.md', md('name: a'));
    const told: AgentFileError[] = [];
    let onTold: () => void = () => {};
    const { provider } = collector();
    await using agents = await load({
      watch: true,
      clock: fastClock,
      provider: (options, file) => {
        if (options.name === 'refused') throw new Error('no such model');
        return provider(options, file);
      },
      onError: (error) => {
        told.push(error);
        onTold();
      },
    });
    const next = (count: number) =>
      new Promise<void>((resolve) => {
        onTold = () => {
          if (told.length >= count) resolve();
        };
        onTold();
      });
    await put('b.md', '---\nname: b');
    await next(1);
    expect(told[0]).toMatchObject({ code: 'TUTTI_AGENT_FILE', file: join(folder, 'b.md') });
    await put('c.md', md('name: refused'));
    await next(2);
    expect(told[1]).toMatchObject({ code: 'TUTTI_AGENT_FILE', file: join(folder, 'c.md') });
    expect(told[1]?.message).toContain('no such model');
    expect(agents.map(({ name }) => name)).toEqual(['a']);
  });

  test('refuses folders that are nested without end', async () => {
    await put(`${'deeper/'.repeat(20)}a.md`, md('name: a'));
    const error = await failure();
    expect(error.code).toBe('TUTTI_AGENT_FILE');
    expect(error.message).toContain('nested too deeply');
  });
});

describe('loadAgents, lists', () => {
  test('names the line of a list with an entry that is wrong', async () => {
    await put('a.md', md('name: a\ntools:\n  - Read\n  - [5]'));
    const error = await failure();
    expect(error).toMatchObject({ file: join(folder, 'a.md'), line: 3 });
  });
});
