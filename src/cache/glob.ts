/**
 * Makes a test of whether a name matches a pattern as a whole: `*` stands for any characters, also none, `?` for one,
 * everything else for itself.
 *
 * The pieces between the stars are looked for one after the other, each as early as it occurs: a piece that was found
 * never has to move, so nothing is tried twice. The time grows with the length of name and pattern; a piece with a `?`
 * is compared at each place, which costs its own length more. A regular expression would try all ways to share the
 * name out between the stars.
 */
export function compileGlob(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name.length === first.length && fitsAt(name, 0, first);
  const pieces = rest.filter((piece) => piece !== '').map(toPiece);
  const shortest = first.length + last.length;
  return (name) => {
    const end = name.length - last.length;
    if (name.length < shortest || !fitsAt(name, 0, first) || !fitsAt(name, end, last)) return false;
    let at = first.length;
    for (const { find, length } of pieces) {
      const found = find(name, at, end);
      if (found < 0) return false;
      at = found + length;
    }
    return true;
  };
}

interface Piece {
  readonly length: number;
  /** Where the piece occurs first, from `start` on and wholly before `end`; -1 where it does not. */
  readonly find: (name: string, start: number, end: number) => number;
}

function toPiece(piece: string): Piece {
  return { length: piece.length, find: piece.includes('?') ? comparing(piece) : searching(piece) };
}

function comparing(piece: string): Piece['find'] {
  return (name, start, end) => {
    for (let at = start; at + piece.length <= end; at++) if (fitsAt(name, at, piece)) return at;
    return -1;
  };
}

/** Knuth, Morris and Pratt: after a mismatch the search goes on with the longest part that can still be a beginning. */
function searching(piece: string): Piece['find'] {
  const borders = bordersOf(piece);
  return (name, start, end) => {
    let matched = 0;
    for (let at = start; at < end; at++) {
      while (matched > 0 && name[at] !== piece[matched]) matched = borders[matched - 1] as number;
      if (name[at] === piece[matched]) matched += 1;
      if (matched === piece.length) return at - matched + 1;
    }
    return -1;
  };
}

/** For each beginning of the piece, the length of its longest proper beginning that is its end too. */
function bordersOf(piece: string): Uint32Array {
  const borders = new Uint32Array(piece.length);
  let length = 0;
  for (let at = 1; at < piece.length; at++) {
    while (length > 0 && piece[at] !== piece[length]) length = borders[length - 1] as number;
    if (piece[at] === piece[length]) length += 1;
    borders[at] = length;
  }
  return borders;
}

function fitsAt(name: string, start: number, piece: string): boolean {
  for (let at = 0; at < piece.length; at++) {
    if (piece[at] !== '?' && piece[at] !== name[start + at]) return false;
  }
  return true;
}
