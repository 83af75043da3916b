// Covers: src/agents/load-folder.ts, src/agents/file-agent.ts, src/agents/file-provider.ts, src/agents/missing-tools.ts
// Covers: src/agents/load-agents-options.ts
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import * as z from 'zod';
import { type LoadAgentsOptions, loadAgents } from '../../src/agents/index.js';
import type { AgentFileError } from '../../src/errors/agent-file-error.js';
import { silentLogger } from '../../src/logging/logger.js';
import { AsyncOrchestrator } from '../../src/orchestrator/async-orchestrator.js';
import { anthropic } from '../../src/providers/anthropic/anthropic.js';
import { startModelServer } from '../../src/testing/model-server/model-server.js';
import { agentFolder, collect, md } from './agent-folder.js';

let folder: Awaited<ReturnType<typeof agentFolder>>;
let other: Awaited<ReturnType<typeof agentFolder>>;
beforeEach(async () => {
  folder = await agentFolder();
  other = await agentFolder();
});
afterEach(async () => {
  await folder.remove();
  await other.remove();
});

const namesOf = (agents: ReadonlyArray<{ name: string }>) => agents.map(({ name }) => name);
const noEnd = '---\nname: bad\n';

/** A logger that keeps its warnings. */
function warningLogger() {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (_fields: object, message = '') => void warnings.push(message) };
  return { warnings, logger: { ...logger, child: () => logger } };
}

describe('loadAgents with bad files', () => {
  beforeEach(async () => {
    await folder.put('one.md', md('name: one'));
    await folder.put('bad.md', noEnd);
    await folder.put('sub/two.md', md('name: two'));
    await folder.put('sub/worse.json', '{ "prompt": ');
  });

  test('loads the good ones and reports each of the others', async () => {
    const { agents, problems } = await collect(folder.path);
    expect(namesOf(agents)).toEqual(['one', 'two']);
    expect(problems.map(({ file, line }) => [file, line])).toEqual([
      [join(folder.path, 'bad.md'), 1],
      [join(folder.path, 'sub/worse.json'), 1],
    ]);
  });

  test('names all of them in one error when it is strict', async () => {
    const error = (await collect(folder.path, { strict: true }).catch((e: unknown) => e)) as AgentFileError;
    expect(error).toMatchObject({ code: 'TUTTI_AGENT_FILE', file: folder.path, line: undefined });
    expect(error.message).toContain('2 files cannot be loaded');
    expect(error.message).toContain(`${join(folder.path, 'bad.md')}:1: `);
    expect(error.message).toContain(join(folder.path, 'sub/worse.json'));
    expect(error.errors).toHaveLength(2);
  });

  test('logs them without a listener', async () => {
    const { warnings, logger } = warningLogger();
    await collect(folder.path, { onError: undefined, logger });
    expect(warnings).toEqual([expect.stringContaining('bad.md'), expect.stringContaining('worse.json')]);
  });

  test('warns the process without a listener and a logger', async () => {
    const spy = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      await collect(folder.path, { onError: undefined });
      expect(spy.mock.calls.map(([message]) => String(message))).toEqual([
        expect.stringContaining('bad.md'),
        expect.stringContaining('worse.json'),
      ]);
    } finally {
      spy.mockRestore();
    }
  });

  test('loads the others when a listener throws', async () => {
    const spy = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    try {
      const onError = () => {
        throw new Error('on fire');
      };
      expect((await collect(folder.path, { onError })).agents).toHaveLength(2);
    } finally {
      spy.mockRestore();
    }
  });

  test('loads the first of two files with one name, and reports the second', async () => {
    await folder.put('sub/x.md', md('name: one', 'Another one.'));
    const { agents, problems } = await collect(folder.path);
    expect(agents.find(({ name }) => name === 'one')?.instructions).toBe('Do it well.');
    expect(problems.map(({ message }) => message)).toContainEqual(
      `${join(folder.path, 'sub/x.md')}: agent "one" is already defined in ${join(folder.path, 'one.md')}; rename or remove one of them.`,
    );
  });

  test('reports two agents of one file that get the same name', async () => {
    await other.put('a.json', '{"agents": {"a b": {"prompt": "1"}, "a-b": {"prompt": "2"}}}');
    const { agents, problems } = await collect(other.path);
    expect(agents).toEqual([]);
    expect(problems).toMatchObject([{ file: join(other.path, 'a.json') }]);
  });
});

describe('loadAgents with several folders', () => {
  test('prefers the first folder, without a report', async () => {
    await folder.put('a.md', md('name: a', 'Project.'));
    await other.put('a.md', md('name: a', 'User.'));
    await other.put('b.md', md('name: b'));
    const { agents } = await collect([folder.path, other.path], { strict: true });
    expect(agents.map(({ name, instructions }) => [name, instructions])).toEqual([
      ['a', 'Project.'],
      ['b', 'Do it well.'],
    ]);
  });

  test('still refuses one name twice in one of them', async () => {
    await other.put('a.md', md('name: a'));
    await other.put('b.md', md('name: a'));
    const { agents, problems } = await collect([folder.path, other.path]);
    expect(namesOf(agents)).toEqual(['a']);
    expect(problems).toHaveLength(1);
  });

  test('leaves out and reports one that does not exist; one at least has to', async () => {
    await folder.put('a.md', md('name: a'));
    const missing = join(folder.path, 'nowhere');
    const { agents, problems } = await collect([missing, folder.path]);
    expect(namesOf(agents)).toEqual(['a']);
    expect(problems).toMatchObject([{ file: missing }]);
    await expect(collect([missing, `${missing}2`])).rejects.toMatchObject({ code: 'TUTTI_AGENT_FILE' });
  });

  test('finds the home directory', async () => {
    await folder.put('.claude/agents/a.md', md('name: a'));
    const home = process.env.HOME;
    process.env.HOME = folder.path;
    try {
      expect(namesOf((await collect('~/.claude/agents')).agents)).toEqual(['a']);
    } finally {
      process.env.HOME = home;
    }
  });

  test.each([
    ['no folder', [], {}, 'directory'],
    ['a folder without a name', ['a', ''], {}, 'directory'],
    ['files of two folders', ['a', 'b'], { files: ['a.md'] }, 'options.files'],
  ])('refuses %s', async (_what, directories, options, field) => {
    await expect(collect(directories, options)).rejects.toMatchObject({ field });
  });

  test('brings back the agent of the second folder when the first loses its own', async () => {
    await folder.put('a.md', md('name: a', 'Project.'));
    await other.put('a.md', md('name: a', 'User.'));
    let changed: () => void = () => undefined;
    const change = new Promise<void>((resolve) => {
      changed = resolve;
    });
    const { agents } = await collect([folder.path, other.path], { watch: true, onChange: () => changed() });
    await folder.put('a.md', md('name: b'));
    await change;
    expect(agents.map(({ name, instructions }) => [name, instructions])).toEqual([
      ['b', 'Do it well.'],
      ['a', 'User.'],
    ]);
    await agents.close();
  }, 20_000);

  test('does not follow a link out of a folder, and loads the rest', async () => {
    await other.put('outside.md', md('name: outside'));
    await folder.put('a.md', md('name: a'));
    await symlink(join(other.path, 'outside.md'), join(folder.path, 'link.md'));
    const { agents, problems } = await collect(folder.path);
    expect(namesOf(agents)).toEqual(['a']);
    expect(problems[0]?.message).toContain('leads out of');
  });
});

describe('agents from files that are called', () => {
  async function open(options: Partial<LoadAgentsOptions<string>>, baseURL: string) {
    const { warnings, logger } = warningLogger();
    const agents = await loadAgents(folder.path, {
      provider: (agent) => anthropic({ ...agent, baseURL, apiKey: 'key' }),
      model: 'claude-sonnet-4-5',
      ...options,
    });
    return { orchestrator: new AsyncOrchestrator({ agents, maxRetries: 0, logger }), warnings };
  }

  test('send the model, the parameters and nothing else of the file', async () => {
    await using server = await startModelServer();
    await folder.put(
      'a.md',
      md('name: a\nmodel: Opus[1m]\ntemperature: 0\ncategory: web\ncolor: red\nparams:\n  top_k: 5'),
    );
    const { orchestrator } = await open({}, server.url);
    await orchestrator.execute('a', 'hello');
    await orchestrator.close();
    expect(server.requests[0]?.body).toEqual({
      model: 'claude-opus-5-5',
      max_tokens: 4096,
      temperature: 0,
      top_k: 5,
      system: 'Do it well.',
      messages: [{ role: 'user', content: 'hello' }],
    });
  });

  test.each([
    ['inherit', 'claude-sonnet-4-5'],
    ['default', 'claude-sonnet-4-5'],
    ['haiku', 'mine'],
  ])('resolve the model %s to %s', async (written, model) => {
    await using server = await startModelServer();
    await folder.put('a.md', md(`name: a\nmodel: ${written}`));
    const { orchestrator } = await open({ models: { Haiku: 'mine' } }, server.url);
    await orchestrator.execute('a', 'hello');
    await orchestrator.close();
    expect(server.requests[0]?.body.model).toBe(model);
  });

  test('say where to map a model that the provider does not know, streamed or not', async () => {
    await using server = await startModelServer({ status: 404 });
    await folder.put('a.md', md('name: a\nmodel: GPT-5 (copilot)'));
    await folder.put('b.md', md('name: b\nmodel: sonnet'));
    const { orchestrator } = await open({}, server.url);
    const failure = {
      code: 'TUTTI_PROVIDER_REQUEST',
      status: 404,
      message: expect.stringContaining('models: { "GPT-5 (copilot)": \'…\' }'),
    };
    await expect(orchestrator.execute('a', 'hello')).rejects.toMatchObject(failure);
    await expect(orchestrator.stream('a', 'hello').result).rejects.toMatchObject(failure);
    await expect(orchestrator.execute('b', 'hello')).rejects.toMatchObject({
      message: expect.not.stringContaining('loadAgents'),
    });
    await orchestrator.close();
  });

  test('leave other errors as they are, and stream to the end', async () => {
    await using server = await startModelServer([{ status: 401 }, { text: ['one ', 'two'] }]);
    await folder.put('a.md', md('name: a\nmodel: other'));
    const { orchestrator } = await open({}, server.url);
    await expect(orchestrator.execute('a', 'hello')).rejects.toMatchObject({
      message: expect.not.stringContaining('loadAgents'),
    });
    const stream = orchestrator.stream('a', 'hello');
    const pieces: string[] = [];
    for await (const piece of stream.text) pieces.push(piece);
    expect(pieces.join('')).toBe('one two');
    await orchestrator.close();
  });

  const search = { description: 'Searches', input: z.object({ query: z.string() }), run: () => 'found' };

  test('get the tools that their files name, and log once which are missing', async () => {
    await using server = await startModelServer();
    await folder.put('a.md', md('name: a\ntools: search, Read'));
    await folder.put('b.md', md('name: b\ntools: Grep'));
    await folder.put('c.md', md('name: c'));
    const { orchestrator, warnings } = await open({ tools: { search } }, server.url);
    for (const agent of ['a', 'b', 'c', 'a']) await orchestrator.execute(agent, 'hello');
    await orchestrator.close();
    const sent = server.requests.map(({ body }) =>
      (body.tools as Array<{ name: string }>)?.map(({ name }) => name),
    );
    expect(sent).toEqual([['search'], undefined, ['search'], ['search']]);
    expect(warnings).toEqual([
      'Agent files name 2 tools that are not there, so 2 agents work without: Read, Grep. Pass tools with the `tools` option of loadAgents.',
    ]);
  });

  test('log missing tools when they are loaded, if there is a logger', async () => {
    await folder.put('a.md', md('name: a\ntools: Read'));
    const { warnings, logger } = warningLogger();
    await collect(folder.path, { logger });
    expect(warnings).toEqual([
      expect.stringContaining('a tool that is not there, so the agent works without: Read.'),
    ]);
  });

  test('do not log the names of tools that the provider function takes care of', async () => {
    await folder.put('a.md', md('name: a\ntools: Read'));
    const { warnings, logger } = warningLogger();
    const { files } = await collect(folder.path, { logger, tools: false });
    expect(files[0]?.tools).toEqual(['Read']);
    expect(warnings).toEqual([]);
  });
});
