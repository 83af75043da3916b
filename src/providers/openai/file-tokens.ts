import type { ContentFile, ImageSize } from '../../contracts/task-content.js';

/** Models that count images in patches of 32 pixels, with the tokens of a patch. */
const PATCH_MODELS: ReadonlyArray<readonly [model: RegExp, tokensPerPatch: number]> = [
  [/^(gpt-4\.1-nano|gpt-5-nano)/, 2.46],
  [/^(gpt-4\.1-mini|gpt-5-mini)/, 1.62],
  [/^o4-mini/, 1.72],
];
/** Models that count images in tiles of 512 pixels, with the tokens of an image and of a tile. */
const TILE_MODELS: ReadonlyArray<readonly [model: RegExp, tokensPerImage: number, tokensPerTile: number]> = [
  [/^gpt-4o-mini/, 2_833, 5_667],
  [/^gpt-5/, 70, 140],
  [/^(o1|o3)/, 75, 150],
];
/** Of all other models. */
const [TOKENS_PER_IMAGE, TOKENS_PER_TILE] = [85, 170];

const PATCH_PX = 32;
const MOST_PATCHES = 1_536;
const TILE_PX = 512;
const LONGEST_SIDE_PX = 2_048;
const SHORTER_SIDE_PX = 768;
/** The largest image that is not scaled down, for images of unknown size. */
const LARGEST: ImageSize = { widthPx: LONGEST_SIDE_PX, heightPx: SHORTER_SIDE_PX };
/** A page of a PDF is read as text and as an image. */
const TEXT_TOKENS_PER_PAGE = 1_000;

/** The tokens of a file as OpenAI counts them: an image in patches or tiles, by the model; a PDF by its pages. */
export function openaiFileTokens(
  model: string | undefined,
  { kind, pages = 1, sizePx }: ContentFile,
): number {
  if (kind === 'pdf') return pages * (TEXT_TOKENS_PER_PAGE + imageTokens(model, LARGEST));
  return imageTokens(model, sizePx ?? LARGEST);
}

function imageTokens(model = '', size: ImageSize): number {
  const patches = PATCH_MODELS.find(([name]) => name.test(model));
  if (patches !== undefined) return Math.ceil(patchesOf(size) * patches[1]);
  const [, perImage, perTile] = TILE_MODELS.find(([name]) => name.test(model)) ?? [
    undefined,
    TOKENS_PER_IMAGE,
    TOKENS_PER_TILE,
  ];
  return perImage + tilesOf(size) * perTile;
}

function patchesOf({ widthPx, heightPx }: ImageSize): number {
  return Math.min(MOST_PATCHES, Math.ceil(widthPx / PATCH_PX) * Math.ceil(heightPx / PATCH_PX));
}

/** An image is scaled down to fit a square, then to the shorter side, before it is divided. */
function tilesOf({ widthPx, heightPx }: ImageSize): number {
  const toSquare = Math.min(1, LONGEST_SIDE_PX / Math.max(widthPx, heightPx));
  const toShorter = Math.min(1, SHORTER_SIDE_PX / (Math.min(widthPx, heightPx) * toSquare));
  const scale = toSquare * toShorter;
  return Math.ceil((widthPx * scale) / TILE_PX) * Math.ceil((heightPx * scale) / TILE_PX);
}
