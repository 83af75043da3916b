/** The oldest supported version of Node.js. */
const OLDEST = { major: 20, minor: 19 };

/** What is wrong with a version of Node.js, such as `18.20.8`; `undefined` for a supported one. */
export function nodeVersionProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor);
  if (!isOld) return undefined;
  return `tutti needs Node.js ${OLDEST.major}.${OLDEST.minor} or newer; this is Node.js ${version}. Install a newer one from https://nodejs.org.`;
}
