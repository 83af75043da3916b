/** UTF-8 bytes a token before anything was observed: English text has about four, code and other scripts fewer. */
const FIRST_BYTES_PER_TOKEN = 3.5;
/** Tokens of an answer before anything was observed and without `maxTokens`. */
const FIRST_OUTPUT_TOKENS = 1_000;
/** Weight of the newest observation in the averages. */
const GAIN = 0.1;
/** How many mean deviations are added to an estimate, so that most calls use less than they reserved. */
const CUSHION = 2;

/** An average and a mean deviation that follow what is observed. */
class Observed {
  mean: number;
  deviation = 0;
  #observations = 0;

  constructor(first: number) {
    this.mean = first;
  }

  observe(value: number): void {
    this.#observations += 1;
    // The first few count fully, so the guess at the start is soon forgotten.
    const gain = Math.max(GAIN, 1 / this.#observations);
    const error = value - this.mean;
    this.mean += gain * error;
    this.deviation += gain * (Math.abs(error) - this.deviation) * (this.#observations > 1 ? 1 : 0);
  }
}

/**
 * Guesses how many tokens a lane's calls will use, from the size of their text, and corrects itself with every
 * answer. A tokenizer would be exact for one provider's models, takes 130 ms and more to load, and does not know
 * what a provider adds; the observed ratio does.
 */
export class TokenEstimator {
  readonly #tokensPerByte = new Observed(1 / FIRST_BYTES_PER_TOKEN);
  readonly #outputTokens = new Observed(FIRST_OUTPUT_TOKENS);

  /** Tokens that a request of `sizeBytes` of UTF-8 text will probably not exceed. */
  inputTokens(sizeBytes: number): number {
    const { mean, deviation } = this.#tokensPerByte;
    return Math.max(1, Math.ceil(sizeBytes * (mean + CUSHION * deviation)));
  }

  /** Tokens to reserve for the answer: `maxTokens`, or where that is unknown what answers of late suggest. */
  outputTokens(maxTokens: number | undefined): number {
    if (maxTokens !== undefined) return maxTokens;
    const { mean, deviation } = this.#outputTokens;
    return Math.max(1, Math.ceil(mean + CUSHION * deviation));
  }

  /** Learns from an answer; zeros mean that nothing was reported. */
  observe(sizeBytes: number, inputTokens: number, outputTokens: number): void {
    if (sizeBytes > 0 && inputTokens > 0) this.#tokensPerByte.observe(inputTokens / sizeBytes);
    if (outputTokens > 0) this.#outputTokens.observe(outputTokens);
  }
}
