// How long a turn took as this browser saw it. Pure; times are milliseconds of one clock.

const STEPS = [
  { mark: "decided", name: "end of turn", what: "until the server decided that you had finished" },
  { mark: "words", name: "answer begins", what: "until the first words of the answer" },
  { mark: "audio", name: "voice", what: "until its first audio came in" },
  { mark: "heard", name: "playback", what: "until its first sound left the loudspeaker" },
];

export const STEP_NAMES = STEPS.map(({ name }) => name);

/** One turn: from the last sound of the user to the first sound of the agent. Each mark is taken once. */
export class TurnClock {
  #marks = {};

  /** `kind`: spoken, held (push to talk) or typed. */
  constructor(stoppedAt, kind) {
    this.stoppedAt = stoppedAt;
    this.kind = kind;
  }

  mark(name, at) {
    this.#marks[name] ??= at;
  }

  has(name) {
    return name in this.#marks;
  }

  /** Milliseconds from the user's last sound, or null where it has not happened. */
  after(name) {
    return this.has(name) ? Math.max(0, this.#marks[name] - this.stoppedAt) : null;
  }

  /** The first sound; of a written answer the first words. */
  get totalMs() {
    return this.after("heard") ?? (this.has("written") ? this.after("words") : null);
  }

  get transcribedMs() {
    return this.after("transcribed");
  }

  /** What came after what: the steps that were taken, each with its own length. */
  get steps() {
    let before = 0;
    const taken = STEPS.filter(({ mark }) => this.has(mark));
    return taken.map(({ mark, name, what }) => {
      const until = Math.max(before, this.after(mark));
      const step = { name, what, ms: until - before };
      before = until;
      return step;
    });
  }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
