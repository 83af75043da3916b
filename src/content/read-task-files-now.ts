import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { InvalidArgumentError } from '../errors/input-errors.js';
import { sha256Hex } from '../hashing/digest.js';
import { notAFile, unreadable } from './file-errors.js';
import { type FileSource, inspectFile, sourceOfData } from './inspect-file.js';
import { checkFileSize } from './prepare-file.js';
import type { PreparedContent, PreparedFile } from './prepared-content.js';

/**
 * Reads the files of a task before it returns, for what cannot wait.
 *
 * @throws {@link InvalidArgumentError} for a file that cannot be read, and for one that has to be downloaded.
 */
export function readTaskFilesNow({ files, maxFileBytes }: PreparedContent): void {
  for (const file of files) {
    if (file.loaded !== undefined) continue;
    const source = readNow(file, maxFileBytes);
    checkFileSize(source.bytes.length, file.field, maxFileBytes);
    file.loaded = inspectFile(file, source, sha256Hex(source.bytes));
  }
}

function readNow({ given, field }: PreparedFile, maxFileBytes: number): FileSource {
  if ('data' in given) return sourceOfData(given);
  if ('url' in given) {
    throw new InvalidArgumentError(
      `${field}.url`,
      `${field}.url: expected a file whose bytes are here; download it first and pass { data, mediaType }.`,
    );
  }
  const { path } = given;
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw notAFile(path, field);
    checkFileSize(stats.size, field, maxFileBytes);
    return { bytes: readFileSync(path), mediaType: undefined, name: basename(path) };
  } catch (thrown) {
    throw unreadable(thrown, path, field);
  }
}
