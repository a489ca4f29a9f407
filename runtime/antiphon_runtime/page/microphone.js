// The microphone as frames of 20 ms, and when the user was last heard in them.

import { loudness, RATE } from "./pcm.js";
import { microphoneProblem, Problem } from "./words.js";

const WANTED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

export class Microphone {
  #stream;
  #context;
  #frames;

  /**
   * Asks for the microphone; throws a Problem where there is none to be had.
   * `onFrame(samples, loudness)` is called every 20 ms, `onLost()` when it is taken away.
   */
  static async open({ onFrame, onLost }) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Problem("microphone-insecure");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: WANTED });
      return await new Microphone().#start(stream, onFrame, onLost);
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      throw microphoneProblem(error);
    }
  }

  async #start(stream, onFrame, onLost) {
    this.#stream = stream;
    const source = this.#source(stream);
    await this.#context.audioWorklet.addModule(new URL("./microphone-worklet.js", import.meta.url));
    this.#frames = new AudioWorkletNode(this.#context, "microphone-frames", {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: "explicit",
    });
    this.#frames.port.onmessage = ({ data }) => onFrame(data, loudness(data));
    source.connect(this.#frames);
    stream.getAudioTracks()[0].addEventListener("ended", onLost);
    if (this.#context.state === "suspended") await this.#context.resume();
    return this;
  }

  /** At our rate where the browser resamples by itself; else at its own, which the worklet resamples. */
  #source(stream) {
    this.#context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    try {
      return this.#context.createMediaStreamSource(stream);
    } catch {
      this.#context.close();
      this.#context = new AudioContext({ latencyHint: "interactive" });
      return this.#context.createMediaStreamSource(stream);
    }
  }

  close() {
    for (const track of this.#stream.getTracks()) track.stop();
    this.#frames.port.onmessage = null;
    this.#frames.port.postMessage("close");
    this.#frames.disconnect();
    this.#context.close();
  }
}

/** Tells when somebody was last speaking, by loudness above the room's own noise. */
export class Loudness {
  #floor = 0.001;
  lastLoudAt = null;

  hear(rms, at) {
    if (rms > Math.max(0.008, 4 * this.#floor)) this.lastLoudAt = at;
    const slower = rms < this.#floor ? 0.3 : 0.002;
    this.#floor = Math.max(1e-5, this.#floor + slower * (rms - this.#floor));
  }
}
