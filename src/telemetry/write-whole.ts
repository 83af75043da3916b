import { PartialFile } from '../files/partial-file.js';

/** Writes a file beside its path and puts it in its place once it is whole. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const file = await PartialFile.open(path);
  try {
    await file.append(text);
    await file.finish();
  } catch (error) {
    await file.discard().catch(() => {});
    throw error;
  }
}
