// Covers: src/agents/repair-front-matter.ts, src/agents/front-matter.ts, src/agents/json-loader.ts
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { agentFolder, collect, md } from './agent-folder.js';

let folder: Awaited<ReturnType<typeof agentFolder>>;
beforeEach(async () => {
  folder = await agentFolder();
});
afterEach(() => folder.remove());

/** The content of one file. */
async function read(text: string, file = 'a.md') {
  await folder.put(file, text);
  const { files } = await collect(folder.path, { strict: true });
  return files[0];
}

describe('front matter as people write it', () => {
  test.each([
    ['a colon', 'Use it when: something changed', 'Use it when: something changed'],
    ['a hash at its beginning', '"#1 for reviews"', '#1 for reviews'],
    ['a star at its beginning', '*Fast* reviews', '*Fast* reviews'],
    ['a lone star word', '*Fast*', '*Fast*'],
    ['an exclamation mark', '!important for reviews', '!important for reviews'],
    ['an at sign', '@team asks for it', '@team asks for it'],
    ['a percent sign', '%done is what it reports', '%done is what it reports'],
    ['brackets', '[WIP] Looks at changes', '[WIP] Looks at changes'],
    ['braces', '{draft} Looks at changes', '{draft} Looks at changes'],
    ['quotes at its beginning', '"Fast" and safe', '"Fast" and safe'],
    ['quotes within quotes', '"Does "this" and that"', 'Does "this" and that'],
    ['a backtick', '`git log` reader', '`git log` reader'],
    ['escaped line breaks', 'Examples:\\n\\nuser: "x"', 'Examples:\\n\\nuser: "x"'],
    ['a number', '42', '42'],
    ['an indented continuation with a colon', 'One:\n  two: three', 'One:\n  two: three'],
    ['a conversation on lines of its own', 'One\nuser: "x"\nuser: "y"', 'One\nuser: "x"\nuser: "y"'],
    ['a block that is not indented', '|\nOne\nTwo', 'One\nTwo'],
    ['bold words on lines of their own', 'One\n**Focus**: two', 'One\n**Focus**: two'],
  ])('takes a description with %s', async (_what, written, description) => {
    expect(await read(md(`name: a\ndescription: ${written}\ntools: Read`))).toMatchObject({
      name: 'a',
      description,
      tools: ['Read'],
    });
  });

  test('takes a description of many lines with a conversation, and the fields after it', async () => {
    const conversation = [
      'Use this agent for reviews. Examples:',
      '',
      '<example>',
      'Context: A change was made',
      'user: "Review it"',
      'assistant: "I will."',
      '<commentary>',
      'Review wanted: use the agent.',
      '</commentary>',
      '</example>',
    ].join('\n');
    expect(
      await read(md(`name: a\ndescription: ${conversation}\n\nmodel: sonnet\ncolor: green\ntools: ["Read"]`)),
    ).toMatchObject({
      description: conversation,
      model: 'sonnet',
      tools: ['Read'],
      metadata: { color: 'green' },
    });
  });

  test('takes unknown fields after a description that is repaired', async () => {
    expect(await read(md('name: a\ndescription: One: two: three\nhome: there\ntools: Read'))).toMatchObject({
      description: 'One: two: three',
      metadata: { home: 'there' },
    });
  });

  test.each([
    ['text', 'tools: Read, Bash(git log:*, git show:*)', ['Read', 'Bash(git log:*, git show:*)']],
    ['a list', 'tools:\n  - Read\n  - mcp__server__search', ['Read', 'mcp__server__search']],
    ['a flow list', 'tools: ["Read", "Grep"]', ['Read', 'Grep']],
    ['a star', 'tools: *', ['*']],
    ['switches', 'tools:\n  write: false\n  read: true', ['read']],
    ['switches that are all off', 'tools:\n  write: false', undefined],
    ['nothing', 'tools:', undefined],
    ['an empty list', 'tools: []', []],
  ])('takes tools as %s', async (_what, fields, tools) => {
    expect((await read(md(`name: a\n${fields}`)))?.tools).toEqual(tools);
  });

  test('knows which tools are refused', async () => {
    expect(await read(md('name: a\ndisallowedTools: Write, Edit\ntools:\n  bash: false'))).toMatchObject({
      disallowedTools: ['Write', 'Edit', 'bash'],
    });
  });

  test.each([
    ['long fences', '-----\nname: a\n-----\nDo it.'],
    ['fences with spaces behind them', '---  \nname: a\n---\t\nDo it.'],
    ['empty lines before it', '\n\n---\nname: a\n---\nDo it.'],
    ['indentation', '\n    ---\n    name: a\n    ---\n\nDo it.'],
    ['Windows line ends', '---\r\nname: a\r\n---\r\nDo it.'],
  ])('takes %s', async (_what, text) => {
    expect(await read(text)).toMatchObject({ name: 'a', instructions: 'Do it.' });
  });

  test('keeps unknown fields as metadata, and parameters apart from them', async () => {
    const file = await read(
      md(
        'name: a\nauthor: someone\ntags: [x, y]\nmaxTurns: 5\ntemperature: 0\nmax_tokens: 100\nversion: 1.2.0\nparams:\n  top_k: 3',
      ),
    );
    expect(file).toMatchObject({
      metadata: { author: 'someone', tags: ['x', 'y'], maxTurns: 5 },
      params: { temperature: 0, max_tokens: 100, top_k: 3 },
      settings: { version: '1.2.0' },
    });
  });

  test.each([
    ['a list, the first', 'model: ["one", "two"]', 'one'],
    ['inherit, none', 'model: Inherit', undefined],
    ['nothing, none', 'model:', undefined],
  ])('of a model that is %s', async (_what, field, model) => {
    expect((await read(md(`name: a\n${field}`)))?.model).toBe(model);
  });

  test.each([
    ['a key twice', 'name: a\nname: b', 3],
    ['tabs as indentation', 'name: a\nmodel:\n\t- sonnet', 4],
    ['a list that does not end', 'name: a\nx: [1, 2', 3],
    [
      'a key twice below text that is repaired',
      'name: a\ndescription: One: two: three\ntools: x\ntools: y',
      5,
    ],
    ['a temperature that is text', 'name: a\ntemperature: warm', 3],
    ['a temperature that is text among the parameters', 'name: a\nparams:\n  temperature: warm', 4],
  ])('reports %s with its line', async (_what, fields, line) => {
    await folder.put('good.md', md('name: good'));
    await folder.put('a.md', md(fields));
    const { agents, problems } = await collect(folder.path);
    expect(agents.map(({ name }) => name)).toEqual(['good']);
    expect(problems).toMatchObject([{ code: 'TUTTI_AGENT_FILE', line }]);
  });

  test('is read in a moment even where every line has to be repaired', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `k${index}: *a: b: c ${index}`);
    await folder.put('a.md', md(`name: a\n${lines.join('\n')}`));
    const { problems } = await collect(folder.path);
    expect(problems).toHaveLength(1);
  });
});

describe('names in files', () => {
  test.each([
    ['Brand Guardian', 'Brand-Guardian', 'Brand Guardian'],
    ['framework-4.8', 'framework-4-8', 'framework-4.8'],
    ['设计者', 'the-file', '设计者'],
    ['fine', 'fine', undefined],
  ])('%s is registered as %s', async (written, name, title) => {
    await folder.put('the file.md', md(`name: ${written}`));
    const { agents, files } = await collect(folder.path, { strict: true });
    expect(agents[0]?.name).toBe(name);
    expect(agents[0]?.title).toBe(title);
    expect(files[0]?.title).toBe(title);
  });

  test('a missing name is that of the file, and a title stays', async () => {
    await folder.put('planner.agent.md', md('description: Plans\ntitle: The Planner'));
    const { agents } = await collect(folder.path);
    expect(agents).toMatchObject([{ name: 'planner', title: 'The Planner', description: 'Plans' }]);
  });
});

describe('files of other programs', () => {
  test('takes an agent of opencode', async () => {
    const file = await read(
      md(
        'description: Reviews\nmode: subagent\nmodel: anthropic/claude-sonnet-4-5\ntemperature: 0.1\ntools:\n  write: false\n  bash: true\npermission:\n  edit: deny',
      ),
      'review.md',
    );
    expect(file).toMatchObject({
      name: 'review',
      model: 'anthropic/claude-sonnet-4-5',
      params: { temperature: 0.1 },
      tools: ['bash'],
      disallowedTools: ['write'],
      metadata: { mode: 'subagent', permission: { edit: 'deny' } },
    });
  });

  test('takes an agent of Gemini CLI', async () => {
    const file = await read(
      md(
        'name: auditor\nkind: local\ndescription: Audits\ntools:\n  - read_file\n  - mcp_*\nmodel: gemini-3.1-pro\ntemperature: 0.2\nmax_turns: 10\ntimeout_mins: 5',
      ),
    );
    expect(file).toMatchObject({
      name: 'auditor',
      model: 'gemini-3.1-pro',
      params: { temperature: 0.2 },
      tools: ['read_file', 'mcp_*'],
      metadata: { kind: 'local', max_turns: 10, timeout_mins: 5 },
    });
  });

  test('takes JSON with a prompt', async () => {
    const text = '{"name": "a", "prompt": "You are an architect.", "tools": ["read"], "mcpServers": {}}';
    expect(await read(text, 'a.json')).toMatchObject({
      instructions: 'You are an architect.',
      tools: ['read'],
      metadata: { mcpServers: {} },
    });
  });

  test('takes the agents of a configuration file that have a prompt', async () => {
    await folder.put(
      'opencode.json',
      JSON.stringify({
        model: 'anthropic/claude-opus-4-1',
        agent: {
          build: { temperature: 0.5 },
          review: { description: 'Reviews', prompt: 'You review.', tools: { write: false } },
          'Docs Writer': { prompt: 'You write.' },
          off: { prompt: 'You sleep.', disable: true },
        },
      }),
    );
    const { agents } = await collect(folder.path, { strict: true });
    expect(agents).toMatchObject([
      { name: 'review', description: 'Reviews', instructions: 'You review.' },
      { name: 'Docs-Writer', title: 'Docs Writer' },
    ]);
  });

  test.each([
    ['a page', 'CONTRIBUTING.md', '# How to add an agent\n'],
    ['an empty page', 'empty.md', ''],
    ['a package', 'package.json', '{"name": "agents", "description": "x", "version": "1.0.0"}'],
    ['an index', 'index.json', '{"version": 1, "agents": ["a"]}'],
    ['a list', 'list.json', '["a"]'],
    ['an agent that is turned off', 'off.md', md('name: off\ndisable: true')],
  ])('passes over %s', async (_what, file, text) => {
    await folder.put('good.md', md('name: good'));
    await folder.put(file, text);
    const { agents, problems } = await collect(folder.path, { strict: true });
    expect(agents.map(({ name }) => name)).toEqual(['good']);
    expect(problems).toEqual([]);
  });

  test.each([
    ['page.md', '# A page', /expected front matter/],
    ['package.json', '{"name": "a"}', /`instructions` or `prompt`/],
  ])('reports %s if it was asked for by name', async (file, text, message) => {
    await folder.put(file, text);
    const { problems } = await collect(folder.path, { files: [file] });
    expect(problems).toMatchObject([{ line: 1, message: expect.stringMatching(message) }]);
  });
});
