// When to try again after the connection broke.

const FOR_MS = 30_000; // as long as servers keep a session, unless configured otherwise
const FIRST_MS = 250;
const LONGEST_MS = 4_000;

export class Resuming {
  #since = 0;
  #delayMs = FIRST_MS;

  begin() {
    this.#since = performance.now();
    this.#delayMs = FIRST_MS;
  }

  /** Resolves when it is time for the next attempt, to false where there will be none. */
  async wait() {
    if (performance.now() - this.#since > FOR_MS) return false;
    const spread = 0.75 + Math.random() / 2; // not all clients of a server at once
    await new Promise((resolve) => setTimeout(resolve, this.#delayMs * spread));
    this.#delayMs = Math.min(LONGEST_MS, 2 * this.#delayMs);
    return true;
  }
}
