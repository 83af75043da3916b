// Runs main.mjs without a key: with 5,000 invented tickets in a folder, and a model server in this process that answers
// by rules. Usage: node try.mjs [folder]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeJsonl } from 'tutti/batch';
import { startModelServer } from 'tutti/testing';

const folder = process.argv[2] ?? 'tickets';
const path = join(folder, 'tickets.jsonl');
const TEXTS = [
  'I was charged twice',
  'I cannot sign in',
  'The colours are too bright',
  'My invoice is missing! Urgent!',
];

if (
  await access(path).then(
    () => false,
    () => true,
  )
) {
  const tickets = writeJsonl(path);
  for (let id = 1; id <= 5_000; id += 1) await tickets.write({ id, text: `${TEXTS[id % 4]} (order ${id})` });
  await tickets.close();
}
const server = await startModelServer(({ body }) => {
  const text = body.messages.at(-1).content;
  const team = /charged|invoice/.test(text) ? 'billing' : /sign in/.test(text) ? 'login' : 'other';
  return { text: JSON.stringify({ team, urgency: text.includes('!') ? 5 : 2 }), delayMs: 20 };
});
const env = { ...process.env, OPENAI_BASE_URL: server.openaiURL, OPENAI_API_KEY: 'none' };
const main = fileURLToPath(new URL('main.mjs', import.meta.url));
const job = spawn(process.execPath, [main, folder], { env, stdio: 'inherit' });
// Ctrl-C reaches both: the job stops, and this program waits for it.
process.on('SIGINT', () => {});
const [code] = await once(job, 'close');
await server.close();
process.exitCode = code ?? 1;
