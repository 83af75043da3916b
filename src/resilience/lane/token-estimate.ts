/** UTF-8 bytes per token until there are observations: English text has about four, code and other scripts fewer. */
const FIRST_BYTES_PER_TOKEN = 3.5;
/** Tokens of an answer until there are observations, if `maxTokens` is not set. */
const FIRST_OUTPUT_TOKENS = 1_000;
/** Weight of the newest observation in the averages. */
const GAIN = 0.1;
/** Number of mean deviations added to an estimate, so that most calls use less than they reserve. */
const CUSHION = 2;

/** A moving average with its mean deviation. */
class Observed {
  mean: number;
  deviation = 0;
  #observations = 0;

  constructor(first: number) {
    this.mean = first;
  }

  observe(value: number): void {
    this.#observations += 1;
    // The first few observations weigh more, so that the initial guess is soon replaced.
    const gain = Math.max(GAIN, 1 / this.#observations);
    const error = value - this.mean;
    this.mean += gain * error;
    this.deviation += gain * (Math.abs(error) - this.deviation) * (this.#observations > 1 ? 1 : 0);
  }
}

/**
 * Estimates how many tokens the calls of a lane will use, from the size of their text, and learns from every answer.
 * A tokenizer would be exact only for the models of one provider, takes 130 ms or more to load, and does not know what
 * a provider adds; the observed ratio includes that.
 */
export class TokenEstimator {
  readonly #tokensPerByte = new Observed(1 / FIRST_BYTES_PER_TOKEN);
  readonly #promptTokensPerByte = new Observed(1 / FIRST_BYTES_PER_TOKEN);
  readonly #outputTokens = new Observed(FIRST_OUTPUT_TOKENS);

  /**
   * Tokens that a request of `sizeBytes` of UTF-8 text will probably not exceed, without those that the provider reads
   * from its prompt cache.
   */
  inputTokens(sizeBytes: number): number {
    return estimated(this.#tokensPerByte, sizeBytes);
  }

  /** The same with nothing in the prompt cache. */
  promptTokens(sizeBytes: number): number {
    return estimated(this.#promptTokensPerByte, sizeBytes);
  }

  /** Tokens to reserve for the answer: `maxTokens` if set, otherwise an estimate from recent answers. */
  outputTokens(maxTokens: number | undefined): number {
    if (maxTokens !== undefined) return maxTokens;
    const { mean, deviation } = this.#outputTokens;
    return Math.max(1, Math.ceil(mean + CUSHION * deviation));
  }

  /**
   * Learns from an answer; 0 means that the provider reported nothing. `cachedTokens` were read from its prompt cache, and
   * `inputTokens` does not include them.
   */
  observe(sizeBytes: number, inputTokens: number, outputTokens: number, cachedTokens = 0): void {
    if (sizeBytes > 0 && inputTokens > 0) {
      this.#tokensPerByte.observe(inputTokens / sizeBytes);
      this.#promptTokensPerByte.observe((inputTokens + cachedTokens) / sizeBytes);
    }
    if (outputTokens > 0) this.#outputTokens.observe(outputTokens);
  }
}

function estimated({ mean, deviation }: Observed, sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes * (mean + CUSHION * deviation)));
}
