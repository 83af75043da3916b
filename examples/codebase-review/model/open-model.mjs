import { anthropic, openai } from 'tutti/providers';

const KEYS = 'ANTHROPIC_API_KEY, OPENAI_API_KEY or OPENAI_BASE_URL';

/**
 * Where answers come from, by what the environment has: a real model where there is a key, else a server in this
 * process that plays one. `agent(settings)` makes an agent of it, `notice` says which it is, `close` ends it.
 */
export async function openModel(environment) {
  const { ANTHROPIC_API_KEY, OPENAI_API_KEY, OPENAI_BASE_URL, TUTTI_MODEL } = environment;
  if (ANTHROPIC_API_KEY) return real('Anthropic', anthropic, { model: TUTTI_MODEL ?? 'claude-haiku-4-5' });
  if (OPENAI_API_KEY || OPENAI_BASE_URL) {
    const address = OPENAI_BASE_URL ? { baseURL: OPENAI_BASE_URL } : {};
    const where = OPENAI_BASE_URL ?? 'OpenAI';
    return real(where, openai, { model: TUTTI_MODEL ?? 'gpt-4.1-mini', ...address });
  }
  return scripted();
}

function real(where, provider, options) {
  return {
    isReal: true,
    notice: `Asking the model ${options.model} of ${where}. This costs money.`,
    agent: (settings) => provider({ ...options, ...settings }),
    close: async () => {},
  };
}

/** Everything but the answers is as with the real thing: client, sockets, streams, usage, prices, a rate limit. */
async function scripted() {
  const { startModelServer } = await import('tutti/testing');
  let requests = 0;
  const server = await startModelServer(({ isStream, body }) => {
    requests += 1;
    if (requests === 1) return { status: 429, headers: { 'retry-after-ms': '100' } };
    const words = JSON.stringify(body.messages).split(/\s+/).length;
    const usage = { inputTokens: Math.ceil(words * 1.3), outputTokens: 24 };
    if (!isStream) return { text: JSON.stringify(scriptedVerdict(words)), usage, delayMs: 20 };
    return { text: SCRIPTED_SUMMARY.split(/(?<= )/), usage, chunkDelayMs: 10 };
  });
  return {
    isReal: false,
    notice: `No key is set (${KEYS}): a server on this machine plays the model. Its answers are scripted, no model has read anything.`,
    agent: (settings) =>
      anthropic({
        model: 'claude-haiku-4-5',
        apiKey: 'none',
        baseURL: server.url,
        cache: false,
        ...settings,
      }),
    close: () => server.close(),
  };
}

const SCRIPTED_SUMMARY =
  'This is a scripted summary that streams in word by word, as the summary of a model would.';

const scriptedVerdict = (words) => ({
  verdict: `scripted: ${words} words were sent`,
  stars: 1 + (words % 5),
});
