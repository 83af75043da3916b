/** The name of the lane of a provider's model. */
export function laneName(provider: string, model: string | undefined): string {
  return model === undefined ? provider : `${provider}/${model}`;
}
