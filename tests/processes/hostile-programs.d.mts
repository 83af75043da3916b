/** Shell scripts by what they do. */
export const HOSTILE: Readonly<Record<string, string>>;
export function hostileScript(script: string, sleepSeconds: number): string;
