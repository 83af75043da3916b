/** What the lanes of function agents are called, before the agent's name. */
export const FUNCTION_LANE = 'function';

/** The name of the lane of a provider's model. */
export function laneName(provider: string, model: string | undefined): string {
  return model === undefined ? provider : `${provider}/${model}`;
}
