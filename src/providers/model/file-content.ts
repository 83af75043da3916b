import type { ContentFile } from '../../contracts/task-content.js';

/** Images that the official APIs take. */
export const WEB_IMAGES: readonly string[] = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];

/** What the official APIs take: images, PDFs, and text, which is sent as text. */
export const MODEL_FILES: readonly string[] = [...WEB_IMAGES, 'application/pdf', 'text/*'];

/** The bytes of a file in base64. */
export function base64Of({ bytes }: ContentFile): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** A file as a `data:` URL. */
export function dataUrlOf(file: ContentFile): string {
  return `data:${file.mediaType};base64,${base64Of(file)}`;
}

/** The text of a text file, without a byte order mark. */
export function textOf({ bytes }: ContentFile): string {
  return new TextDecoder().decode(bytes);
}

/** The text of a text file with its name, for providers without a form for such files. */
export function namedText(file: ContentFile): string {
  return `File ${file.name}:\n\n${textOf(file)}`;
}
