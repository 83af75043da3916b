/** The source of a provider's client: the shared pool, or the user. */
export interface ClientSource<Client> {
  /** The client, created on first use. */
  get(): Promise<Client>;
  /** Releases what was created. A client of the user is left alone. */
  close(): Promise<void>;
}
