// The agent's voice in the conversation: what of each item is played, what was heard of it, what may not be heard any more.

import { decode, RATE } from "./pcm.js";
import { Player } from "./player.js";

export class Voice {
  #player;
  #conversation;
  #handlers;
  #cut = new Set(); // items of which nothing more may be heard

  /** Handlers: `onChange(item)` of the conversation, `onAudible(at)`, `onLevel(rms)`, `onGap(ms)`, `onSilent()`. */
  static async open(conversation, handlers) {
    const voice = new Voice();
    voice.#conversation = conversation;
    voice.#handlers = handlers;
    voice.#player = await Player.open({
      onAudible: (id, at) => handlers.onAudible(at),
      onProgress: (id, playedMs, rms) => {
        handlers.onLevel(rms);
        handlers.onChange(conversation.played(id, playedMs));
      },
      onUnderrun: (_id, gapMs) => handlers.onGap(gapMs),
      onFinished: (id) => {
        handlers.onChange(conversation.playedWhole(id));
        handlers.onSilent();
      },
    });
    return voice;
  }

  get isPlaying() {
    return this.#player.isPlaying;
  }

  /** Plays a piece of audio; false where the item was interrupted before. */
  add({ item_id: id, delta }) {
    if (this.#cut.has(id)) return false;
    const samples = decode(delta);
    this.#conversation.received(id, (samples.length * 1000) / RATE);
    this.#player.play(id, samples);
    return true;
  }

  /** All of the item's audio has come. */
  end(id) {
    this.#player.end(id);
  }

  isPlayingItem(id) {
    return this.#player.isPlayingItem(id);
  }

  /** Stops at once. Resolves to the items that were cut off: `item` (its id), `heardMs`, `receivedMs`. */
  async silence() {
    if (!this.isPlaying) return [];
    const cut = await this.#player.stop();
    for (const { item, heardMs } of cut) {
      this.#cut.add(item);
      this.#handlers.onChange(this.#conversation.interrupted(item, heardMs));
    }
    return cut;
  }

  close() {
    this.#player.close();
  }
}
