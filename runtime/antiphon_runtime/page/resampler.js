// Changes the sample rate of a stream, for browsers that do not give the microphone at the rate asked for.

const ZERO_CROSSINGS = 16;

/** Windowed sinc, low-passed below the lower of both rates. Delays by a few milliseconds. */
export class Resampler {
  constructor(from, to) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from) * 0.94;
    this.half = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.kept = new Float32Array(this.half); // silence before the first sample
    this.position = this.half; // of the next output sample, in samples of what is kept
  }

  /** What can be computed now; the rest comes with the samples that follow. */
  feed(samples) {
    const input = new Float32Array(this.kept.length + samples.length);
    input.set(this.kept);
    input.set(samples, this.kept.length);
    const output = [];
    while (this.position + this.half < input.length) {
      output.push(this.#at(input, this.position));
      this.position += this.step;
    }
    const done = Math.max(0, Math.floor(this.position) - this.half);
    this.kept = input.slice(done);
    this.position -= done;
    return Float32Array.from(output);
  }

  #at(input, position) {
    const first = Math.max(0, Math.ceil(position - this.half));
    const last = Math.floor(position + this.half);
    let sum = 0;
    for (let n = first; n <= last; n++) sum += input[n] * this.#kernel(n - position);
    return sum;
  }

  #kernel(offset) {
    const x = Math.PI * this.cutoff * offset;
    const sinc = Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * offset) / this.half);
    return this.cutoff * sinc * window;
  }
}
