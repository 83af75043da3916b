import { randomBytes } from 'node:crypto';

/** The variable that every program and everything it starts inherits. Nested orchestrators each add their own part. */
const VARIABLE = 'TUTTI_CALL';

let token: string | undefined;
let programs = 0;

/** What the markers of all programs begin with that this copy of the library starts; it is in no other environment. */
export function ownToken(): string {
  token ??= randomBytes(8).toString('hex');
  return token;
}

/** A marker for one program: no other marker contains it. */
export function createMarker(): string {
  programs += 1;
  return `${ownToken()}-${programs}.`;
}

/** The environment with the marker in it. */
export function markEnvironment(environment: NodeJS.ProcessEnv, marker: string): NodeJS.ProcessEnv {
  return { ...environment, [VARIABLE]: (process.env[VARIABLE] ?? '') + marker };
}
