// Cuts what the microphone gives into frames of 20 ms at 24 kHz. Runs on the audio thread.

import { Resampler } from "./resampler.js";

const RATE = 24_000;
const FRAME = 480;

class MicrophoneFrames extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = sampleRate === RATE ? null : new Resampler(sampleRate, RATE);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
    this.closed = false;
    this.port.onmessage = () => (this.closed = true);
  }

  process([[channel]]) {
    if (channel) this.#take(this.resampler ? this.resampler.feed(channel) : channel);
    return !this.closed;
  }

  #take(samples) {
    for (let at = 0; at < samples.length; ) {
      const part = samples.subarray(at, at + FRAME - this.filled);
      this.frame.set(part, this.filled);
      this.filled += part.length;
      at += part.length;
      if (this.filled === FRAME) this.#send();
    }
  }

  #send() {
    this.port.postMessage(this.frame, [this.frame.buffer]);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
  }
}

registerProcessor("microphone-frames", MicrophoneFrames);
