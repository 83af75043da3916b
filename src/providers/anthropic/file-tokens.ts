import type { ContentFile } from '../../contracts/task-content.js';

/** Larger images are scaled down to this length of their longer side, and to this many tokens. */
const LONGEST_SIDE_PX = 1_568;
const MOST_IMAGE_TOKENS = 1_600;
const PIXELS_PER_TOKEN = 750;
/** A page is read as text and as an image: 1,500 to 3,000 tokens of text, by how full it is. */
const TOKENS_PER_PAGE = 3_000;

/** The tokens of a file as Anthropic counts them: an image by its area, a PDF by its pages. */
export function anthropicFileTokens({ kind, pages = 1, sizePx }: ContentFile): number {
  if (kind === 'pdf') return pages * TOKENS_PER_PAGE;
  if (sizePx === undefined) return MOST_IMAGE_TOKENS;
  const { widthPx, heightPx } = sizePx;
  const scale = Math.min(1, LONGEST_SIDE_PX / Math.max(widthPx, heightPx));
  return Math.min(MOST_IMAGE_TOKENS, Math.ceil((widthPx * scale * heightPx * scale) / PIXELS_PER_TOKEN));
}
