import type { FileKind } from '../contracts/task-content.js';

/** Media types by how a file begins. These formats are recognised whatever a file is called. */
const SIGNATURES: ReadonlyArray<readonly [mediaType: string, matches: (start: string) => boolean]> = [
  ['image/png', (start) => start.startsWith('\x89PNG\r\n\x1a\n')],
  ['image/jpeg', (start) => start.startsWith('\xff\xd8\xff')],
  ['image/gif', (start) => start.startsWith('GIF87a') || start.startsWith('GIF89a')],
  ['image/webp', (start) => start.startsWith('RIFF') && start.slice(8, 12) === 'WEBP'],
  ['application/pdf', (start) => start.startsWith('%PDF-')],
];
const LONGEST_SIGNATURE = 16;

/** Media types by extension, for files whose bytes do not say it. Other text is `text/plain`. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  bmp: 'image/bmp',
  csv: 'text/csv',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  heic: 'image/heic',
  htm: 'text/html',
  html: 'text/html',
  json: 'application/json',
  md: 'text/markdown',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  svg: 'image/svg+xml',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  wav: 'audio/wav',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
};

const TEXT_TYPE = /^text\/|[/+](json|xml|yaml|toml|javascript|typescript|jsonlines|ndjson|x-sh|sql)$/;

/** The media type that the first bytes show; `undefined` if they show none. */
export function sniffMediaType(bytes: Uint8Array): string | undefined {
  const start = Buffer.from(bytes.subarray(0, LONGEST_SIGNATURE)).toString('latin1');
  return SIGNATURES.find(([, matches]) => matches(start))?.[0];
}

/** The media type that a name suggests; `undefined` if it suggests none. */
export function mediaTypeOfName(name: string): string | undefined {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(BY_EXTENSION, extension) ? BY_EXTENSION[extension] : undefined;
}

/** A media type without parameters, in lower case. */
export function bareMediaType(mediaType: string): string {
  return (mediaType.split(';', 1)[0] as string).trim().toLowerCase();
}

/** What files of a media type are to a model. */
export function kindOfMediaType(mediaType: string): FileKind {
  if (mediaType === 'application/pdf') return 'pdf';
  if (mediaType.startsWith('image/')) return 'image';
  return TEXT_TYPE.test(mediaType) ? 'text' : 'other';
}
