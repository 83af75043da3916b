import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AsyncOrchestrator } from 'tutti';
import { z } from 'zod';
import { openModel } from './open-model.mjs';

const DOCUMENTS = 3;
const MAX_CHARS = 6_000;

const verdict = z.object({ verdict: z.string(), stars: z.number().min(1).max(5) });

/**
 * Has a model judge the first documents, side by side, with an answer of a fixed shape, and sum its verdicts up, as a
 * stream. Gives whether every call worked.
 */
export async function askModel({ root, files, signal, stream, environment = process.env }) {
  const say = (text = '') => stream.write(`${text}\n`);
  const model = await openModel(environment);
  say(`\n${model.notice}`);
  const orchestrator = new AsyncOrchestrator({
    agents: {
      critic: model.agent({
        instructions: 'Judge this document for a newcomer: one sentence, and 1 to 5 stars.',
        output: verdict,
        repairs: 1,
      }),
      editor: model.agent({ instructions: 'Sum these verdicts up in two sentences.', maxTokens: 300 }),
    },
    timeoutMs: 60_000,
    maxRetries: 2,
  });
  try {
    const results = await orchestrator.executeMultiple(documentsOf(root, files), { signal });
    for (const result of results) say(lineOf(result));
    const verdicts = results.flatMap((result) => (result.success ? [result.data.verdict] : []));
    if (verdicts.length > 0) await sumUp(orchestrator, verdicts, { signal, stream });
    say(costLine(orchestrator.stats(), model.isReal));
    return results.every((result) => result.success);
  } catch (error) {
    say(`The summary failed: ${error.message}`);
    return false;
  } finally {
    await orchestrator.close({ drainMs: 0 });
    await model.close();
  }
}

async function* documentsOf(root, files) {
  const documents = files.filter(({ kind }) => kind === 'markdown');
  for (const { path } of (documents.length > 0 ? documents : files).slice(0, DOCUMENTS)) {
    const text = await readFile(join(root, path), 'utf8');
    if (text.trim() !== '') yield { agent: 'critic', task: text.slice(0, MAX_CHARS), metadata: { path } };
  }
}

function lineOf(result) {
  const { path } = result.metadata;
  if (!result.success) return `  ${path}: ${result.error.message}`;
  const { data, usage, attempts } = result;
  const retried = attempts === 1 ? '' : `, ${attempts} attempts`;
  return `  ${path}: ${data.stars} of 5, ${data.verdict} (${usage.totalTokens} tokens${retried})`;
}

async function sumUp(orchestrator, verdicts, { signal, stream }) {
  stream.write('  Summary: ');
  const summary = orchestrator.stream('editor', verdicts.join('\n'), { signal });
  for await (const text of summary.text) stream.write(text);
  const { timings } = await summary.result;
  stream.write(` (first word after ${timings.firstTokenMs.toFixed(0)} ms)\n`);
}

function costLine({ attempts, costUsd }, isReal) {
  const price = `$${costUsd.toFixed(6)} at list price`;
  return `  ${attempts} requests, ${price}${isReal ? '' : ', had a model answered: nothing was spent'}.`;
}
