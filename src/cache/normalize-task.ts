/** Differences between tasks that do not count. Everything is off unless named. */
export interface NormalizeOptions {
  /** White space at both ends. */
  trim?: boolean | undefined;
  /** Different encodings of the same character (Unicode NFC). */
  unicode?: boolean | undefined;
  /** How much white space stands between words. */
  spaces?: boolean | undefined;
  /** Upper and lower case. */
  ignoreCase?: boolean | undefined;
}

/** Makes what is applied to a task before it becomes part of a key; `undefined` when every difference counts. */
export function createTaskNormalizer(
  options: boolean | NormalizeOptions,
): ((task: string) => string) | undefined {
  if (options === false) return undefined;
  const { trim, unicode, spaces, ignoreCase } =
    options === true ? { trim: true, unicode: true, spaces: true, ignoreCase: false } : options;
  return (task) => {
    let text = unicode === true ? task.normalize('NFC') : task;
    if (spaces === true) text = text.replace(/\s+/g, ' ');
    if (trim === true) text = text.trim();
    return ignoreCase === true ? text.toLowerCase() : text;
  };
}
