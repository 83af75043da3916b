// Covers: src/content/inspect-file.ts, src/content/media-type.ts, src/content/file-errors.ts, src/content/read-task-files-now.ts
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { prepareContent } from '../../src/content/prepare-content.js';
import type { PreparedContent } from '../../src/content/prepared-content.js';
import { identifyTaskFiles, readTaskFiles } from '../../src/content/read-task-files.js';
import { readTaskFilesNow } from '../../src/content/read-task-files-now.js';
import type { ContentFile, FileInput } from '../../src/contracts/task-content.js';
import { rejection } from '../behaviour/scripted-agents.js';
import { jpeg, pdf, png } from './sample-files.js';

let folder: string;
let server: Server;
let url: string;
let answer: (response: ServerResponse) => void;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tutti-content-'));
  server = createServer((_request, response) => answer(response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

const { signal } = new AbortController();
const content = (file: FileInput, maxFileBytes = 1_000_000): PreparedContent =>
  prepareContent({ files: [file] }, { maxTaskChars: 100, maxFileBytes });

async function load(file: FileInput, maxFileBytes?: number): Promise<ContentFile> {
  const prepared = content(file, maxFileBytes);
  await readTaskFiles(prepared, signal);
  return prepared.files[0]?.loaded as ContentFile;
}

async function write(name: string, bytes: string | Uint8Array): Promise<{ path: string }> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return { path };
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('a file', () => {
  test.each([
    ['photo.png', png(4, 3), { kind: 'image', mediaType: 'image/png', sizePx: { widthPx: 4, heightPx: 3 } }],
    [
      'photo.dat',
      jpeg(2, 1),
      { kind: 'image', mediaType: 'image/jpeg', sizePx: { widthPx: 2, heightPx: 1 } },
    ],
    ['photo.svg', Buffer.from('<svg/>'), { kind: 'image', mediaType: 'image/svg+xml' }],
    ['paper.pdf', pdf(2), { kind: 'pdf', mediaType: 'application/pdf', pages: 2 }],
    ['notes.md', Buffer.from('# hi'), { kind: 'text', mediaType: 'text/markdown' }],
    ['data.json', Buffer.from('{}'), { kind: 'text', mediaType: 'application/json' }],
    ['Makefile', Buffer.from('all: ☃'), { kind: 'text', mediaType: 'text/plain' }],
    ['song.mp3', Buffer.from([0xff, 0xfb, 1]), { kind: 'other', mediaType: 'audio/mpeg' }],
    ['unknown', Buffer.from([0, 1, 2]), { kind: 'other', mediaType: 'application/octet-stream' }],
  ])('is known by its bytes, else by its name: %s', async (name, bytes, expected) => {
    const { path } = await write(name, bytes);
    expect(await load({ path })).toMatchObject({ ...expected, name, path, digest: sha256(bytes) });
  });

  test('given as bytes is what it shows to be, else what it was given as', async () => {
    expect(await load({ data: jpeg(1, 1), mediaType: 'image/png' })).toMatchObject({
      mediaType: 'image/jpeg',
    });
    expect(await load({ data: Buffer.of(1, 2), mediaType: 'Image/PNG; q=1' })).toMatchObject({
      ...{ kind: 'image', mediaType: 'image/png', name: 'file', sizePx: undefined },
    });
    const text = { data: Buffer.from('%PDF-like'), mediaType: 'text/x-notes', name: 'n' };
    expect(await load(text)).toMatchObject({ kind: 'text', mediaType: 'text/x-notes', name: 'n' });
    expect(await load({ data: pdf(1), mediaType: 'application/octet-stream' })).toMatchObject({
      kind: 'pdf',
    });
  });

  test('that is large is digested like a small one', async () => {
    const data = Buffer.alloc(300_000, 'a');
    expect(await load({ data, mediaType: 'text/plain' })).toMatchObject({ digest: sha256(data) });
  });

  test('that has been read once must not change before it is read again', async () => {
    const file = await write('changing.txt', 'one');
    const prepared = content(file);
    await identifyTaskFiles(prepared, signal);
    expect(prepared.files[0]).toMatchObject({ facts: { kind: 'text', digest: sha256(Buffer.from('one')) } });
    expect(prepared.isRead).toBe(false);
    await writeFile(file.path, 'two');
    expect(await rejection(readTaskFiles(prepared, signal))).toMatchObject({
      code: 'TUTTI_INVALID_ARGUMENT',
      message: expect.stringContaining('was changed while its call was waiting'),
    });
    await writeFile(file.path, 'one');
    await readTaskFiles(prepared, signal);
    expect(prepared.isRead).toBe(true);
  });

  test.each([
    ['is missing', () => ({ path: join(folder, 'none') }), 'task.files[0].path', /ENOENT.*Check the path/],
    ['is a folder', () => ({ path: folder }), 'task.files[0].path', /expected a file/],
    ['is empty', () => write('empty.txt', ''), 'task.files[0]', /it is empty/],
    [
      'is too large',
      () => write('large.txt', 'a'.repeat(101)),
      'task.files[0]',
      /File too large: 101 bytes, at most 100/,
    ],
    [
      'is no UTF-8 although it is text',
      () => write('latin.csv', Buffer.from([0xe4])),
      'task.files[0]',
      /expected UTF-8, as it is text\/csv/,
    ],
  ])('that %s is refused, later and at once', async (_what, make, field, message) => {
    const file = await make();
    const error = { code: 'TUTTI_INVALID_ARGUMENT', field, message: expect.stringMatching(message) };
    expect(await rejection(load(file, 100))).toMatchObject(error);
    expect(() => readTaskFilesNow(content(file, 100))).toThrow(expect.objectContaining(error));
  });

  test('that is a pipe is refused instead of being waited for', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect(await rejection(load({ path }))).toMatchObject({
      message: expect.stringContaining('expected a file'),
    });
  });

  test('is read at once for what cannot wait, unless it has to be downloaded', async () => {
    const file = await write('now.txt', 'now');
    const prepared = content(file);
    readTaskFilesNow(prepared);
    readTaskFilesNow(prepared);
    expect(prepared.files[0]?.loaded).toMatchObject({ kind: 'text', digest: sha256(Buffer.from('now')) });
    expect(() => readTaskFilesNow(content({ url }))).toThrow(
      'download it first and pass { data, mediaType }',
    );
  });
});

describe('a file from a URL', () => {
  test('is downloaded, with what the server says about it', async () => {
    answer = (response) => response.setHeader('content-type', 'text/csv; charset=utf-8').end('a,b');
    expect(await load({ url: `${url}/tables/my%20table?key=secret` })).toMatchObject({
      ...{ kind: 'text', mediaType: 'text/csv', name: 'my table', path: undefined },
    });
    expect(await load({ url: `${url}/`, mediaType: 'text/markdown' })).toMatchObject({
      ...{ mediaType: 'text/markdown', name: 'file' },
    });
    expect(await load({ url: 'data:text/plain,hello' })).toMatchObject({ kind: 'text', name: 'file' });
  });

  test('is refused if it is not there, without showing its query', async () => {
    answer = (response) => response.writeHead(404).end('no');
    const error = await rejection(load({ url: `${url}/a.png?key=secret` }));
    expect(error).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT', details: { status: 404 } });
    expect((error as Error).message).toContain('/a.png answered with status 404');
    expect((error as Error).message).not.toContain('secret');
  });

  test('may be there a moment later if its server is busy, is not reached or breaks off', async () => {
    answer = (response) => response.writeHead(503, { 'retry-after': '1' }).end();
    expect(await rejection(load({ url }))).toMatchObject({ retryable: true, status: 503 });
    answer = (response) => response.socket?.destroy();
    expect(await rejection(load({ url }))).toMatchObject({ retryable: true });
    answer = (response) => {
      response.writeHead(200, { 'content-length': '10' }).write('half');
      setImmediate(() => response.socket?.destroy());
    };
    expect(await rejection(load({ url }))).toMatchObject({ retryable: true });
  });

  test('is read no further than is allowed', async () => {
    let isClosed = false;
    answer = (response) => {
      const more = (): boolean => response.write('a'.repeat(1_000));
      response.on('close', () => {
        isClosed = true;
      });
      response.on('drain', () => {
        while (!isClosed && more());
      });
      while (more());
    };
    expect(await rejection(load({ url }, 5_000))).toMatchObject({ code: 'TUTTI_INVALID_ARGUMENT' });
  });

  test('is given up when the call is cancelled', async () => {
    answer = (response) => response.writeHead(200).write('a');
    const controller = new AbortController();
    const loading = readTaskFiles(content({ url }), controller.signal);
    setTimeout(() => controller.abort(new Error('enough')), 20);
    expect(await rejection(loading)).toMatchObject({ message: 'enough' });
  });
});
