import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { AgentRegistry, type AgentsInput } from '../../src/agents/agent-registry.js';
import type { Provider } from '../../src/contracts/provider.js';

const quiet = { added: () => {}, removed: () => {} };

const scripted: Provider = {
  specificationVersion: 1,
  name: 'scripted',
  generate: async () => ({ output: '' }),
};

describe('AgentRegistry', () => {
  test.each([
    [5, 'agents', /expected a record of name → agent or an array of definitions; got 5/],
    [null, 'agents', /got null/],
    [{ a: 5 }, 'agents.a', /expected a function or an agent definition; got 5/],
    [{ a: null }, 'agents.a', /got null/],
    [[{ name: 'a' }], 'run', /expected either `run` \(a function\) or `provider`/],
    [[{ name: 'a', run: () => '', provider: scripted }], 'run', /one of the two/],
    [[{ name: 'a', provider: scripted, repairs: 1 }], 'repairs', /expected `output` too/],
    [[{ name: 'a', run: () => '', output: z.string(), repairs: 1 }], 'repairs', /expected `provider`/],
  ] as Array<[unknown, string, RegExp]>)('refuses %j and names what is wrong', (agents, field, message) => {
    const make = () => new AgentRegistry(agents as unknown as AgentsInput, quiet);
    expect(make).toThrow(expect.objectContaining({ code: 'TUTTI_INVALID_ARGUMENT', field }));
    expect(make).toThrow(message);
  });

  test('removes an agent once', () => {
    const registry = new AgentRegistry({ a: { name: '', provider: scripted }, b: () => '' }, quiet);
    expect(registry.remove('a')).toBe(true);
    expect(registry.remove('a')).toBe(false);
    expect(registry.list().map(({ name }) => name)).toEqual(['b']);
  });
});
