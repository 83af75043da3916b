import type { ResolvedCommandOptions } from './command-options.js';

/** What programs need to find their files, speak the user's language and know the time. Nothing secret. */
const BASIC = new Set([
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TERM',
  'TMPDIR',
  'TEMP',
  'TMP',
  // Windows
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
  'COMSPEC',
  'PATHEXT',
  'USERPROFILE',
  'HOMEDRIVE',
  'HOMEPATH',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'USERNAME',
]);

/** The environment a program starts with: what it inherits, overlaid with what it is given. */
export function buildEnvironment(
  { env, inheritEnv }: Pick<ResolvedCommandOptions, 'env' | 'inheritEnv'>,
  ours: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const result: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(ours)) {
    if (inheritEnv === 'all' || isBasic(name)) result[name] = value;
  }
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete result[name];
    else result[name] = value;
  }
  return result;
}

/** Windows writes `Path` and the like as it pleases. */
function isBasic(name: string): boolean {
  const upper = name.toUpperCase();
  return BASIC.has(upper) || upper.startsWith('LC_');
}
