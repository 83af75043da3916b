import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import ts from 'typescript';
import * as tutti from '../../src/index.js';
import * as providers from '../../src/providers/index.js';
import { type ModelServer, startModelServer } from '../../src/testing/model-server/model-server.js';
import { codeBlocks, readDocument } from './markdown.js';

/** The pages of providers that speak the protocol of another one, with the variable of their key. */
const PAGES = [
  ['gemini', 'GEMINI_API_KEY'],
  ['azure', 'AZURE_OPENAI_API_KEY'],
  ['bedrock', 'AWS_BEARER_TOKEN_BEDROCK'],
  ['ollama', undefined],
  ['lm-studio', undefined],
  ['vllm', undefined],
  ['groq', 'GROQ_API_KEY'],
  ['openrouter', 'OPENROUTER_API_KEY'],
  ['deepseek', 'DEEPSEEK_API_KEY'],
] as const;

let server: ModelServer;
let lines: unknown[];
const before = { ...process.env };
beforeEach(async () => {
  lines = [];
  server = await startModelServer({ text: 'A lock.' });
  jest.spyOn(console, 'log').mockImplementation((line: unknown) => void lines.push(line));
});
afterEach(async () => {
  jest.restoreAllMocks();
  process.env = { ...before };
  await server.close();
});

const AsyncFunction = (async () => {}).constructor as new (
  ...args: string[]
) => (exports: object, require: (name: string) => unknown) => Promise<void>;

/** Runs an example as it stands, with the server in place of the service. */
async function runExample(code: string): Promise<void> {
  const local = code
    .replace(/'https:\/\/my-resource[^']*'/, `'${server.url}'`)
    .replace(/'https?:\/\/[^']*'/, `'${server.openaiURL}'`)
    .replace("awsRegion: 'us-east-1'", `awsRegion: 'us-east-1', baseURL: '${server.url}'`);
  const { outputText } = ts.transpileModule(local, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const packages: Readonly<Record<string, unknown>> = {
    tutti,
    'tutti/providers': providers,
    openai: await import('openai'),
    '@anthropic-ai/bedrock-sdk': await import('@anthropic-ai/bedrock-sdk'),
  };
  await new AsyncFunction('exports', 'require', outputText)({}, (name) => packages[name]);
}

describe.each(PAGES)('the page of %s', (page, variable) => {
  const [example] = codeBlocks(readDocument(`docs/guides/providers/${page}.md`), ['ts']);
  const code = example?.code ?? '';

  test('has an example of at most ten lines, which answers', async () => {
    expect(code.trim().split('\n').filter(Boolean).length).toBeLessThanOrEqual(10);
    if (variable !== undefined) process.env[variable] = 'a-key-for-the-test';
    process.env.OPENAI_API_VERSION = '2024-10-21';
    await runExample(code);
    expect(lines).toEqual(['A lock.']);
    expect(server.requests).toHaveLength(1);
  });

  test('never sends the key of OpenAI to a service', async () => {
    process.env.OPENAI_API_KEY = 'the-key-of-openai';
    if (variable !== undefined) delete process.env[variable];
    process.env.AWS_ACCESS_KEY_ID = 'AKIDEXAMPLE';
    process.env.AWS_SECRET_ACCESS_KEY = 'a-secret-for-the-test';
    await runExample(code).catch(() => {});
    const isLocal = ['ollama', 'lm-studio'].includes(page);
    expect(JSON.stringify(server.requests.map(({ headers }) => headers)).includes('the-key-of-openai')).toBe(
      isLocal,
    );
  });
});
