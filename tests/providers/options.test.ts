// Covers: src/errors/missing-package-error.ts, src/providers/agent-settings.ts, src/providers/check-options.ts
// Covers: src/providers/model/model-agent-options.ts, src/providers/model/model-client-options.ts
import { describe, expect, jest, test } from '@jest/globals';
import { z } from 'zod';
import { anthropic, openai, PRICE_TABLE } from '../../src/providers/index.js';
import { quietUnless } from '../../src/providers/transport/client-logging.js';
import { peerLoader } from '../../src/providers/transport/load-peer.js';
import { rejection } from './provider-request.js';

describe('the options of a model provider', () => {
  test('become an agent definition, without what only the provider needs', () => {
    const output = z.object({ a: z.number() });
    const agent = anthropic({
      name: 'expert',
      description: 'Knows things.',
      model: 'm',
      instructions: 'Be kind.',
      output,
      timeoutMs: 5,
      maxTokens: 7,
      params: { temperature: 0 },
      apiKey: 'secret',
    });
    expect(agent).toEqual({
      name: 'expert',
      description: 'Knows things.',
      model: 'm',
      instructions: 'Be kind.',
      output,
      timeoutMs: 5,
      params: { maxTokens: 7, temperature: 0 },
      provider: expect.objectContaining({ specificationVersion: 1, name: 'anthropic' }),
    });
    expect(JSON.stringify(agent.provider)).not.toContain('secret');
  });

  test('need no name, because the key of a record gives it', () => {
    expect(openai({ model: 'm' }).name).toBe('');
  });

  test('take part in the identity where they change answers', () => {
    expect(
      openai({ model: 'm', api: 'responses', baseURL: 'http://localhost:1/v1' }).provider?.identity,
    ).toEqual({
      api: 'responses',
      baseURL: 'http://localhost:1/v1',
      tools: [],
    });
  });

  test.each<[object, string, RegExp]>([
    [{ modle: 'm' }, 'options.modle', /anthropic has no option "modle"\. Did you mean "model"\?/],
    [{ quite: 'unlike' }, 'options.quite', /Known options: .*apiKey.*baseURL/],
    [{ model: '' }, 'options.model', /model must be a non-empty string; got an empty string/],
    [{ baseURL: 'localhost' }, 'options.baseURL', /starts with http:/],
    [{ baseURL: 'http://' }, 'options.baseURL', /got "http:/],
    [{ apiKey: 5 }, 'options.apiKey', /got 5/],
    [{ headers: { a: 1 } }, 'options.headers', /object of strings/],
    [{ headers: [] }, 'options.headers', /got an array/],
    [{ client: 'x' }, 'options.client', /must be an object; got a string/],
    [{ connections: 0 }, 'options.connections', /whole number from 1 to 10000; got 0/],
    [{ connections: 1.5 }, 'options.connections', /got 1.5/],
    [{ maxResponseBytes: -1 }, 'options.maxResponseBytes', /got -1/],
    [{ structuredOutput: 'yes' }, 'options.structuredOutput', /true or false/],
    [{ maxSteps: 0 }, 'options.maxSteps', /maxSteps/],
    [{ maxTokens: 0 }, 'options.maxTokens', /got 0/],
    [{ params: null }, 'options.params', /got null/],
    [{ prices: { m: {} } }, 'prices.m.inputUsd', /dollars per million/],
    [{ tools: { 'a b': {} } }, 'options.tools.a b', /Tool name/],
    [{ client: {}, apiKey: 'k' }, 'options.apiKey', /apiKey has no effect together with client/],
  ])('are refused at once: %j', (options, field, message) => {
    const thrown = expect.objectContaining({
      code: 'TUTTI_INVALID_ARGUMENT',
      field,
      message: expect.stringMatching(message),
    });
    expect(() => anthropic({ model: 'm', ...options } as never)).toThrow(thrown);
  });

  test.each([undefined, null, 'claude', []])('are refused when they are %j', (options) => {
    expect(() => anthropic(options as never)).toThrow(/anthropic takes an object of options/);
  });

  test('of openai name the two APIs', () => {
    expect(() => openai({ api: 'completions' } as never)).toThrow(/"chat" or "responses"/);
  });

  test('never show a key', () => {
    expect(() => anthropic({ apiKey: ['sk-secret'] } as never)).toThrow(/^((?!sk-secret).)*$/);
  });

  test('come with a price table to extend', () => {
    expect(PRICE_TABLE['claude-sonnet-4-5']?.inputUsd).toBe(3);
  });
});

describe('peerLoader', () => {
  test('says which package is missing and how to install it, and tries again', async () => {
    const load = jest.fn<() => Promise<string>>();
    load.mockRejectedValueOnce(Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' }));
    load.mockResolvedValueOnce('the module');
    const get = peerLoader(
      'some-sdk',
      'some()',
      async (toMissing) => {
        try {
          return await load();
        } catch (cause) {
          throw toMissing(cause);
        }
      },
      'some-sdk@6',
    );
    const error = await rejection(get());
    expect(error).toMatchObject({ code: 'TUTTI_MISSING_PACKAGE', packageName: 'some-sdk', retryable: false });
    expect(error.message).toContain('npm install some-sdk@6');
    expect(await get()).toBe('the module');
    expect(await get()).toBe('the module');
    expect(load).toHaveBeenCalledTimes(2);
  });

  test.each([{}, { default: {} }, { default: undefined }])(
    'a module without exports is a missing package: %j',
    async (module) => {
      const get = peerLoader('some-sdk', 'some()', async () => module);
      expect(await rejection(get())).toMatchObject({
        code: 'TUTTI_MISSING_PACKAGE',
        packageName: 'some-sdk',
      });
    },
  );

  test.each([{ default: { Client: 1 } }, { Client: 1 }])('exports are a package: %j', async (module) => {
    expect(await peerLoader('some-sdk', 'some()', async () => module)()).toBe(module);
  });
});

describe('quietUnless', () => {
  test('keeps a client from printing, unless its own variable is set', () => {
    expect(quietUnless('TUTTI_TEST_LOG')).toEqual({ logLevel: 'off' });
    process.env.TUTTI_TEST_LOG = 'debug';
    expect(quietUnless('TUTTI_TEST_LOG')).toEqual({});
    delete process.env.TUTTI_TEST_LOG;
  });
});
