// Plays the agent's voice from a queue and tells exactly how much of it was played. Runs on the audio thread.

const TELL_EVERY = 960; // samples: 40 ms
const FIRST_CUSHION = 1200; // samples kept in hand before a voice begins: 50 ms
const LATER_CUSHION = 3600; // and after it ran dry: 150 ms
const FADE = 128; // samples: no click where a voice is cut off
const AUDIBLE = 0.002;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.items = []; // in the order in which they are to be heard
    this.fading = null;
    this.sinceTold = 0;
    this.closed = false;
    this.port.onmessage = ({ data }) => this[data.type](data);
  }

  // --- what the page asks for

  play({ item, samples }) {
    let last = this.items.at(-1);
    if (last?.item !== item) {
      if (last) last.ended = true;
      last = newItem(item);
      this.items.push(last);
    }
    last.chunks.push(samples);
    last.received += samples.length;
  }

  end({ item }) {
    for (const each of this.items) if (each.item === item) each.ended = true;
  }

  stop({ ticket }) {
    const cut = this.items.map(({ item, played, received }) => ({ item, played, received }));
    this.fading = this.items.length && this.items[0].isRunning ? faded(this.items[0]) : null;
    this.items = [];
    this.port.postMessage({ type: "stopped", ticket, cut });
  }

  close() {
    this.closed = true;
  }

  // --- the audio thread asks for 128 samples at a time

  process(_inputs, [[output]]) {
    if (this.fading) this.#finishFade(output);
    else this.#fill(output);
    return !this.closed;
  }

  #finishFade(output) {
    output.set(this.fading.subarray(0, output.length));
    this.fading = null;
  }

  #fill(output) {
    let at = 0;
    while (at < output.length && this.items.length) {
      const item = this.items[0];
      if (!this.#mayRun(item)) break;
      at += this.#copy(item, output, at);
      if (item.played < item.received) continue;
      if (!item.ended) {
        this.#runDry(item, at);
        break;
      }
      this.items.shift();
      this.#tell("finished", item);
    }
    this.#tellProgress(output);
  }

  #mayRun(item) {
    const inHand = item.received - item.played;
    if (!item.isRunning && (item.ended || inHand >= item.cushion)) {
      item.isRunning = true;
      const wasHeard = item.dryAt !== null && inHand > 0;
      if (wasHeard) this.#tell("underrun", item, { gapMs: (currentTime - item.dryAt) * 1000 });
      item.dryAt = null;
    }
    return item.isRunning;
  }

  #copy(item, output, at) {
    const from = at;
    while (at < output.length && item.chunks.length) {
      const part = item.chunks[0].subarray(item.offset, item.offset + output.length - at);
      output.set(part, at);
      if (!item.isAudible) this.#listen(item, part, at);
      at += part.length;
      item.offset += part.length;
      if (item.offset < item.chunks[0].length) continue;
      item.chunks.shift();
      item.offset = 0;
    }
    item.played += at - from;
    return at - from;
  }

  /** The first sound that can be heard, leading silence left out. */
  #listen(item, part, at) {
    const first = part.findIndex((sample) => Math.abs(sample) > AUDIBLE);
    if (first < 0) return;
    item.isAudible = true;
    this.#tell("audible", item, { contextTime: currentTime + (at + first) / sampleRate });
  }

  #runDry(item, at) {
    item.isRunning = false;
    item.cushion = LATER_CUSHION;
    item.dryAt = currentTime + at / sampleRate;
  }

  #tellProgress(output) {
    this.sinceTold += output.length;
    if (this.sinceTold < TELL_EVERY || !this.items.length) return;
    this.sinceTold = 0;
    let sum = 0;
    for (const sample of output) sum += sample * sample;
    this.#tell("progress", this.items[0], { loudness: Math.sqrt(sum / output.length) });
  }

  #tell(type, { item, played, received }, more = {}) {
    this.port.postMessage({ type, item, played, received, ...more });
  }
}

function newItem(item) {
  return {
    item,
    chunks: [],
    offset: 0,
    played: 0,
    received: 0,
    ended: false,
    isRunning: false,
    isAudible: false,
    cushion: FIRST_CUSHION,
    dryAt: null,
  };
}

/** The next few samples, from full to nothing. They are too short to be heard, so they do not count as played. */
function faded({ chunks, offset }) {
  const tail = (chunks[0] ?? new Float32Array()).slice(offset, offset + FADE);
  return tail.map((sample, index) => sample * (1 - index / FADE));
}

registerProcessor("player", Player);
