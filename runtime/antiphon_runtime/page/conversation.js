// The conversation as the server's events tell it: who said what, and how much of it was heard. Pure.

/**
 * An item: `id`, `role` (user, agent), `text`, `status` (open, done, interrupted, failed), `spoken` (it has audio) and
 * `heard`, the number of characters that were heard of a spoken one.
 */
export class Conversation {
  #items = new Map();
  #marks = new Map(); // item -> [{ characters, audioMs }]: so much text when so much audio was there

  get items() {
    return [...this.#items.values()];
  }

  get(id) {
    return this.#items.get(id);
  }

  /** Takes an event in; returns the item that it changed, if it changed one. */
  apply(event) {
    return this.#handlers[event.type]?.(event);
  }

  /** So much audio of the item has come in, in all. */
  received(id, ms) {
    const item = this.#items.get(id);
    if (!item) return;
    item.receivedMs = (item.receivedMs ?? 0) + ms;
    const marks = this.#marks.get(id) ?? [];
    const last = marks.at(-1);
    if (last?.characters === item.text.length) last.audioMs = item.receivedMs;
    else marks.push({ characters: item.text.length, audioMs: item.receivedMs });
    this.#marks.set(id, marks);
  }

  /** So much of the item was played. */
  played(id, ms) {
    const item = this.#items.get(id);
    if (!item || item.status === "interrupted") return item;
    item.heard = this.#charactersAt(id, ms);
    return item;
  }

  playedWhole(id) {
    const item = this.#items.get(id);
    if (item && item.status !== "interrupted") item.heard = Infinity;
    return item;
  }

  interrupted(id, heardMs) {
    const item = this.#items.get(id);
    if (!item) return undefined;
    item.heard = heardMs === null ? 0 : wholeWords(item.text, this.#charactersAt(id, heardMs));
    item.status = "interrupted";
    return item;
  }

  /** Nothing more will be said or heard; returns the items that this changed. */
  end() {
    const isOpen = ({ role, spoken, text, heard, status }) =>
      status === "open" || (role === "agent" && spoken && status === "done" && heard < text.length);
    return this.items.filter(isOpen).map((item) => {
      if (item.role === "user" && !item.text) return this.#deleted(item.id);
      return Object.assign(item, { status: item.role === "user" ? "done" : "interrupted" });
    });
  }

  /** For a new session that knows nothing: the events that tell it what was said. */
  asEvents(most = 40) {
    return this.items
      .filter(({ text, heard, spoken }) => (spoken ? text.slice(0, heard) : text).trim())
      .slice(-most)
      .map((item) => ({ type: "conversation.item.create", item: { id: item.id, ...asCreated(item) } }));
  }

  #handlers = {
    "conversation.item.added": ({ item }) => this.#added(item),
    "input_audio_buffer.speech_started": ({ item_id: id }) => this.#begun(id),
    "conversation.item.deleted": ({ item_id: id }) => this.#deleted(id),
    "conversation.item.input_audio_transcription.delta": ({ item_id: id, delta }) => this.#write(id, "user", delta),
    "conversation.item.input_audio_transcription.completed": ({ item_id: id, transcript }) =>
      this.#finish(id, "user", transcript, "done"),
    "conversation.item.input_audio_transcription.failed": ({ item_id: id }) => this.#finish(id, "user", null, "failed"),
    "response.output_audio_transcript.delta": ({ item_id: id, delta }) => this.#write(id, "agent", delta, true),
    "response.output_text.delta": ({ item_id: id, delta }) => this.#write(id, "agent", delta),
    "response.output_item.done": ({ item }) => this.#itemDone(item),
    "response.done": ({ response }) => this.#responseDone(response),
    "conversation.item.retrieved": ({ item }) => this.#retrieved(item),
  };

  /** A turn that began before and was never committed has gone. */
  #begun(id) {
    for (const item of this.items) if (item.isGuess && item.id !== id) this.#deleted(item.id);
    return Object.assign(this.#open(id, "user", true), { isGuess: true });
  }

  #added({ id, type, role, content = [] }) {
    if (type !== "message" || role === "system") return undefined;
    const known = this.#items.get(id);
    if (known) return Object.assign(known, { isGuess: false });
    const item = this.#open(id, role === "user" ? "user" : "agent", content.some((part) => /audio/.test(part.type)));
    const text = content.map((part) => part.text ?? part.transcript ?? "").join("");
    if (text) Object.assign(item, { text, status: "done" });
    return item;
  }

  #open(id, role, spoken = false) {
    const item = this.#items.get(id) ?? { id, role, text: "", status: "open", spoken, heard: role === "user" ? Infinity : 0 };
    this.#items.set(id, item);
    return item;
  }

  #write(id, role, delta, spoken = false) {
    const item = this.#open(id, role, spoken || role === "user");
    if (item.status === "interrupted") return undefined;
    item.spoken = spoken || role === "user";
    item.text += delta;
    return item;
  }

  #finish(id, role, text, status) {
    const item = this.#open(id, role, true);
    if (text !== null) item.text = text.trim();
    item.status = status;
    return item;
  }

  #itemDone({ id }) {
    const item = this.#items.get(id);
    if (item?.status === "open") item.status = "done";
    return item;
  }

  /** One that ran into its limit of tokens is not whole either, but what there is of it will be heard. */
  #responseDone({ status, output = [] }) {
    const broken = output.find((item) => item.type === "message" && item.status === "incomplete");
    const item = this.#items.get(broken?.id);
    if (item && status === "cancelled") item.status = "interrupted";
    return item;
  }

  #deleted(id) {
    const item = this.#items.get(id);
    this.#items.delete(id);
    if (item) item.status = "deleted";
    return item;
  }

  /** After a truncation: what the server takes to have been heard, if it is how our text begins. */
  #retrieved({ id, content = [] }) {
    const item = this.#items.get(id);
    const kept = content.map((part) => part.transcript ?? part.text ?? "").join("");
    if (item?.status !== "interrupted" || !item.text.startsWith(kept)) return undefined;
    item.heard = kept.length;
    return item;
  }

  #charactersAt(id, ms) {
    let before = { characters: 0, audioMs: 0 };
    for (const mark of this.#marks.get(id) ?? []) {
      if (ms < mark.audioMs) {
        const share = (ms - before.audioMs) / (mark.audioMs - before.audioMs);
        return Math.round(before.characters + share * (mark.characters - before.characters));
      }
      before = mark;
    }
    return before.characters;
  }
}

function asCreated({ role, text, heard, spoken }) {
  if (role === "user") return { type: "message", role: "user", content: [{ type: "input_text", text }] };
  const said = spoken ? text.slice(0, heard) : text;
  return { type: "message", role: "assistant", content: [{ type: "output_text", text: said }] };
}

function wholeWords(text, characters) {
  if (characters >= text.length || /\s/.test(text[characters])) return characters;
  return Math.max(0, text.lastIndexOf(" ", characters - 1));
}
