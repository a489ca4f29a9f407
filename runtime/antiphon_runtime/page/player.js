// The agent's voice: played as it comes, stopped at once, with how much of each item was heard.

import { RATE } from "./pcm.js";

export class Player {
  #context;
  #node;
  #active = new Set(); // items that are queued or playing
  #stops = new Map(); // ticket -> whoever waits for it
  #tickets = 0;
  #handlers;

  /**
   * Handlers, each of an item: `onAudible(item, at)` with the time (of performance.now) at which its first sound leaves
   * the loudspeaker, `onProgress(item, playedMs, loudness)`, `onFinished(item, playedMs)`, `onUnderrun(item, gapMs)`.
   */
  static async open(handlers) {
    const player = new Player();
    player.#handlers = handlers;
    player.#context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
    await player.#context.audioWorklet.addModule(new URL("./player-worklet.js", import.meta.url));
    player.#node = new AudioWorkletNode(player.#context, "player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    player.#node.port.onmessage = ({ data }) => player.#told(data);
    player.#node.connect(player.#context.destination);
    if (player.#context.state === "suspended") await player.#context.resume();
    return player;
  }

  get isPlaying() {
    return this.#active.size > 0;
  }

  isPlayingItem(item) {
    return this.#active.has(item);
  }

  play(item, samples) {
    this.#active.add(item);
    this.#node.port.postMessage({ type: "play", item, samples }, [samples.buffer]);
  }

  /** No more audio of this item will come. */
  end(item) {
    this.#node.port.postMessage({ type: "end", item });
  }

  /** Silence now. Resolves to the items that were cut off, with how much of each was heard. */
  stop() {
    this.#active.clear();
    const ticket = ++this.#tickets;
    const stopped = new Promise((resolve) => this.#stops.set(ticket, resolve));
    this.#node.port.postMessage({ type: "stop", ticket });
    return stopped;
  }

  close() {
    this.#node.port.onmessage = null;
    this.#node.port.postMessage({ type: "close" });
    this.#context.close();
    for (const resolve of this.#stops.values()) resolve([]);
  }

  #told(data) {
    if (data.type === "stopped") return this.#stopped(data);
    if (!this.#active.has(data.item)) return undefined; // said before it was told to stop
    if (data.type === "finished") this.#active.delete(data.item);
    const playedMs = milliseconds(data.played);
    if (data.type === "audible") this.#handlers.onAudible(data.item, this.#leavesAt(data.contextTime));
    else if (data.type === "progress") this.#handlers.onProgress(data.item, playedMs, data.loudness);
    else if (data.type === "finished") this.#handlers.onFinished(data.item, playedMs);
    else if (data.type === "underrun") this.#handlers.onUnderrun(data.item, data.gapMs);
    return undefined;
  }

  #stopped({ ticket, cut }) {
    const onItsWayMs = (this.#context.outputLatency || 0) * 1000;
    const heard = cut.map(({ item, played, received }) => ({
      item,
      heardMs: Math.max(0, Math.floor(milliseconds(played) - onItsWayMs)),
      receivedMs: Math.floor(milliseconds(received)),
    }));
    this.#stops.get(ticket)?.(heard);
    this.#stops.delete(ticket);
  }

  #leavesAt(contextTime) {
    const { contextTime: now, performanceTime } = this.#context.getOutputTimestamp();
    if (now > 0 && performanceTime > 0) return performanceTime + (contextTime - now) * 1000;
    return performance.now() + (this.#context.outputLatency || 0) * 1000;
  }
}

function milliseconds(samples) {
  return (samples * 1000) / RATE;
}
