/** One request, as the report of its response is compared with what this process knows of one quantity. */
export interface ReportedRequest {
  /** Its position among all sent requests. */
  readonly sendOrder: number;
  /** The position of the next request that will be sent. */
  readonly nextOrder: number;
  /** When it was sent, in milliseconds of the clock's `now()`. */
  readonly sentAtMs: number;
  /** All that was ever used when it was sent, itself included. */
  readonly totalWhenSent: number;
  /** What the window contained when it was sent, itself included. */
  readonly usedWhenSent: number;
  /** The least that a sliding window contained when it was sent, itself included. */
  readonly leastUsedWhenSent: number;
  /** Requests on their way when it was sent, of which no response had been heard; itself included. */
  readonly unheardWhenSent: number;
  /** Whether every other response is known. */
  readonly isLast: boolean;
}
