import { basename } from 'node:path';
import { sha256Hex } from '../hashing/digest.js';
import { isAgentName } from './agent-name.js';

const MAX_NAME_CHARS = 128;

/**
 * The name under which the agent of a file is registered:
 *
 * 1. a name that is allowed stays as it is;
 * 2. accents are removed, `C++` becomes `Cpp`, `C#` becomes `Csharp`, and every other run of characters that are not
 *    allowed becomes one hyphen, none at the ends; at most 128 characters are kept;
 * 3. a name whose letters or digits would be lost, as those of other scripts, is replaced by the name of the file;
 * 4. if its letters would be lost too, by `agent-` and 8 hex digits of the name's SHA-256.
 */
export function allowedName(written: string, file: string): string {
  return (
    plainName(written) ?? plainName(fileName(file)) ?? `agent-${sha256Hex(written.normalize()).slice(0, 8)}`
  );
}

/** The name of an agent whose file does not name it: that of the file. */
export function fileName(file: string): string {
  return basename(file).replace(/(\.(agent|chatmode|subagent))?\.(md|json)$/i, '');
}

function plainName(text: string): string | undefined {
  if (isAgentName(text)) return text;
  const letters = text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/(?<=\bC)\+\+/gi, 'pp')
    .replace(/(?<=\b[CF])#/gi, 'sharp');
  if (/(?![a-zA-Z])\p{L}|(?![0-9])\p{N}/u.test(letters)) return undefined;
  const name = letters
    .replace(/[^a-zA-Z0-9_-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, MAX_NAME_CHARS);
  return name === '' ? undefined : name;
}
