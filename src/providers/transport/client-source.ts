/** Where a provider's client comes from: the shared pool, or the user. */
export interface ClientSource<Client> {
  /** The client, made on first use. */
  get(): Promise<Client>;
  /** Frees what was made; a client of the user's is left alone. */
  close(): Promise<void>;
}
