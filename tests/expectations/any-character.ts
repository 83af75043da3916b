import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * Any character of Unicode, every other one of the first 256. A unit for `fc.string`, whose own unit `binary` begins with
 * a table of all million characters: most of a second and a hundred megabytes in each file.
 */
export const anyCharacter = fc
  .oneof(fc.nat(0xff), fc.nat(0x10_ffff - SURROGATES.count))
  .map((place) => String.fromCodePoint(place < SURROGATES.first ? place : place + SURROGATES.count));
