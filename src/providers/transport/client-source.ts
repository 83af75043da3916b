/** The source of a provider's client: the shared pool, or the user. */
export interface ClientSource<Client> {
  /** The client, created on first use; `onWait` as in a `ProviderRequest`. */
  get(onWait?: () => () => void): Promise<Client>;
  /** Releases what was created. A client of the user is left alone. */
  close(): Promise<void>;
}
