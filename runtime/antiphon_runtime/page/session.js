// One conversation with the agent: microphone and text out, voice and words in, interruptions between them.

import { Conversation } from "./conversation.js";
import { Line } from "./line.js";
import { Loudness, Microphone } from "./microphone.js";
import { encode, RATE } from "./pcm.js";
import { sessionUpdate } from "./settings.js";
import { TurnClock } from "./turn-clock.js";
import { Voice } from "./voice.js";
import { Problem, serverProblem, startProblem } from "./words.js";

const SHORTEST_MS = 150; // held for less, it was no speech
const NOTICED_WITHIN_MS = 1_000; // by the server, of speech that has begun
const PATIENCE_MS = 15_000; // for an answer, before we stop saying that the agent thinks
const HARMLESS = new Set(["response_cancel_not_active", "item_truncate_invalid_item_id"]);

/**
 * Events, each with its `detail`: `state` (idle, connecting, listening, thinking, speaking), `item` (changed), `problem`,
 * `resumed`, `wire` ({ direction, event }), `turn` (a TurnClock that has changed), `level` ({ who, rms }), `underrun`
 * ({ gapMs }), `open` (has a microphone or not).
 */
export class Session extends EventTarget {
  conversation = new Conversation();
  #settings;
  #line = null;
  #microphone = null;
  #voice = null;
  #loudness = new Loudness();
  #isWanted = false; // from connecting to hanging up
  #isMuted = false;
  #holdFrom = null; // the button is held since
  #heldMs = 0; // audio sent meanwhile
  #interrupts = true;
  #isUserSpeaking = false;
  #spokenFrom = 0;
  #isAwaiting = false; // the user is done, the answer has not begun
  #awaitingSince = 0;
  #response = null; // { id, isSaying }
  #clock = null;
  #toldSlow = false;
  #state = "idle";

  get state() {
    return this.#state;
  }

  get hasMicrophone() {
    return this.#microphone !== null;
  }

  get #isManual() {
    return this.#settings.turns === "none";
  }

  // --- what the user does

  /** Must be called from a click: browsers allow sound only then. */
  async connect(settings) {
    this.#settings = settings;
    this.#isWanted = true;
    this.#settle();
    try {
      this.#voice = await this.#openVoice();
      this.#microphone = await this.#openMicrophone();
      if (!this.#isWanted) return this.#release();
      this.#line = this.#newLine();
    } catch (error) {
      this.#close(startProblem(error));
    }
    return undefined;
  }

  hangUp() {
    this.#close(null);
  }

  async say(text) {
    await this.#takeTurn(); // what was heard must be settled before the next answer
    this.#begin(performance.now(), "typed");
    const content = [{ type: "input_text", text }];
    this.#send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    this.#send({ type: "response.create" });
  }

  /** The button is pressed: the user speaks until it is let go. */
  hold() {
    if (!this.#line?.isOpen || this.#holdFrom !== null) return;
    this.#takeTurn();
    this.#send({ type: "input_audio_buffer.clear" });
    this.#holdFrom = performance.now();
    this.#heldMs = 0;
    this.#isUserSpeaking = true;
    this.#settle();
  }

  letGo() {
    if (this.#holdFrom === null) return;
    const since = this.#holdFrom;
    this.#holdFrom = null;
    this.#isUserSpeaking = false;
    if (this.#heldMs < SHORTEST_MS) {
      this.#tell("problem", new Problem("too-short"));
      return this.#settle();
    }
    this.#begin(this.#lastLoudSince(since), "held");
    this.#send({ type: "input_audio_buffer.commit" });
    this.#send({ type: "response.create" });
    return undefined;
  }

  mute(isMuted) {
    this.#isMuted = isMuted;
  }

  change(settings) {
    this.#settings = settings;
    if (!this.#line?.isOpen) return;
    this.#holdFrom = null;
    this.#isUserSpeaking = false;
    this.#send(sessionUpdate(settings));
    this.#settle();
  }

  // --- the line

  #newLine() {
    return new Line(this.#settings.key, {
      onEvent: (event) => this.#received(event),
      onSent: (event) => this.#tell("wire", { direction: "sent", event }),
      onOpen: (how) => this.#opened(how),
      onLost: () => this.#lost(),
      onEnd: (problem) => this.#close(problem),
    });
  }

  async #opened({ isNew, wasLost }) {
    this.#send(sessionUpdate(this.#settings));
    if (wasLost && isNew) await this.#tellAll();
    this.#tell(wasLost ? "resumed" : "open", { hasMicrophone: this.hasMicrophone });
    this.#settle();
  }

  /** What came in is played on. */
  #lost() {
    this.#holdFrom = null;
    this.#isUserSpeaking = this.#isAwaiting = false;
    this.#settle();
  }

  /** A server that knows nothing of the conversation is told of it, as far as it was heard. */
  async #tellAll() {
    this.#response = null;
    await this.#voice?.silence();
    for (const event of this.conversation.asEvents()) this.#send(event);
  }

  #close(problem) {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#release();
    for (const item of this.conversation.end()) this.#changed(item);
    this.#response = this.#clock = this.#holdFrom = null;
    this.#isUserSpeaking = this.#isAwaiting = false;
    if (problem) this.#tell("problem", problem);
    this.#settle();
  }

  #release() {
    this.#line?.close();
    this.#microphone?.close();
    this.#voice?.close();
    this.#line = this.#microphone = this.#voice = null;
  }

  #send(event) {
    this.#line?.send(event);
  }

  // --- the microphone

  async #openMicrophone() {
    try {
      return await Microphone.open({
        onFrame: (samples, rms) => this.#heard(samples, rms),
        onLost: () => this.#lostMicrophone(),
      });
    } catch (problem) {
      this.#tell("problem", problem);
      return null;
    }
  }

  #lostMicrophone() {
    this.#microphone?.close();
    this.#microphone = null;
    this.#tell("problem", new Problem("microphone-lost"));
    this.#tell("open", { hasMicrophone: false });
  }

  #heard(samples, rms) {
    const audible = this.#isMuted ? 0 : rms;
    this.#loudness.hear(audible, performance.now());
    this.#tell("level", { who: "user", rms: audible });
    if (!this.#line?.isOpen || (this.#isManual && this.#holdFrom === null)) return;
    if (this.#line.isBehind) return this.#fellBehind();
    if (this.#isMuted) samples.fill(0); // the server's clock is the audio: it must go on
    this.#heldMs += (samples.length * 1000) / RATE;
    this.#send({ type: "input_audio_buffer.append", audio: encode(samples) });
  }

  #fellBehind() {
    if (!this.#toldSlow) this.#tell("problem", new Problem("slow"));
    this.#toldSlow = true;
  }

  // --- the voice

  #openVoice() {
    return Voice.open(this.conversation, {
      onChange: (item) => this.#changed(item),
      onAudible: (at) => this.#mark("heard", at),
      onLevel: (rms) => this.#tell("level", { who: "agent", rms }),
      onGap: (gapMs) => this.#tell("underrun", { gapMs }),
      onSilent: () => this.#settle(),
    });
  }

  /** The user takes the turn by typing or by the button. */
  #takeTurn() {
    if (this.#response) this.#send({ type: "response.cancel" });
    return this.#silence();
  }

  /** Stops the voice at once; the server is told what was heard of it. */
  async #silence() {
    for (const { item, heardMs, receivedMs } of (await this.#voice?.silence()) ?? []) {
      if (heardMs >= receivedMs) continue;
      this.#send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: heardMs });
      this.#send({ type: "conversation.item.retrieve", item_id: item });
    }
  }

  // --- what the server says

  #received(event) {
    this.#tell("wire", { direction: "received", event });
    this.#handlers[event.type]?.(event);
    this.#changed(this.conversation.apply(event));
    this.#settle();
  }

  #handlers = {
    error: ({ error }) => this.#failed(error),
    "session.updated": ({ session }) => {
      this.#interrupts = session.audio?.input?.turn_detection?.interrupt_response ?? true;
    },
    "input_audio_buffer.speech_started": () => {
      this.#isUserSpeaking = true;
      this.#spokenFrom = performance.now();
      this.#isAwaiting = false;
      if (this.#interrupts) this.#silence();
    },
    "input_audio_buffer.speech_stopped": () => {
      this.#isUserSpeaking = false;
      this.#begin(this.#lastLoudSince(this.#spokenFrom - NOTICED_WITHIN_MS), "spoken");
      this.#mark("decided", performance.now());
    },
    "input_audio_buffer.committed": () => this.#mark("decided", performance.now()),
    "conversation.item.input_audio_transcription.completed": ({ transcript }) => {
      this.#mark("transcribed", performance.now());
      if (!transcript.trim()) this.#isAwaiting = false;
    },
    "response.created": ({ response }) => {
      this.#response = { id: response.id, isSaying: false };
    },
    "response.output_text.delta": () => this.#says("written"),
    "response.output_audio_transcript.delta": () => this.#says(),
    "response.output_audio.delta": (event) => this.#audio(event),
    "response.output_audio.done": ({ item_id: id }) => this.#voice?.end(id),
    "response.done": ({ response }) => this.#responded(response),
  };

  #says(kind) {
    if (this.#response) this.#response.isSaying = true;
    this.#isAwaiting = false;
    this.#mark("words", performance.now());
    if (kind) this.#mark(kind, performance.now());
  }

  #audio(event) {
    if (!this.#voice?.add(event)) return;
    this.#isAwaiting = false;
    this.#mark("audio", performance.now());
  }

  #responded({ id, status, status_details: details, output = [] }) {
    if (this.#response?.id === id) this.#response = null;
    this.#isAwaiting = false;
    if (status === "failed") this.#tell("problem", serverProblem(details?.error ?? {}));
    const isPlaying = output.some(({ id: item }) => this.#voice?.isPlayingItem(item));
    if (status === "cancelled" && isPlaying) this.#silence();
    for (const { id: item } of output) this.#voice?.end(item);
  }

  #failed(error) {
    if (HARMLESS.has(error.code)) return;
    if (this.#line?.isOpen) this.#tell("problem", serverProblem(error)); // else it is why the line will end
    this.#isAwaiting = false;
  }

  // --- the turn and the state

  /** When the user was last heard, or now where the microphone heard nothing loud enough. */
  #lastLoudSince(from) {
    const at = this.#loudness.lastLoudAt;
    return at !== null && at > from ? at : performance.now();
  }

  #begin(stoppedAt, kind) {
    this.#clock = new TurnClock(stoppedAt, kind);
    this.#isAwaiting = true;
    this.#awaitingSince = performance.now();
    setTimeout(() => this.#settle(), PATIENCE_MS + 50);
    this.#settle();
  }

  #mark(name, at) {
    if (!this.#clock) return;
    this.#clock.mark(name, at);
    this.#tell("turn", this.#clock);
  }

  #settle() {
    const state = this.#now();
    if (state === this.#state) return;
    this.#state = state;
    this.#tell("state", state);
  }

  #now() {
    if (!this.#isWanted) return "idle";
    if (!this.#line?.isOpen) return "connecting";
    if (this.#isUserSpeaking) return "listening";
    if (this.#voice?.isPlaying || this.#response?.isSaying) return "speaking";
    if (this.#isAwaiting && performance.now() - this.#awaitingSince > PATIENCE_MS) this.#isAwaiting = false;
    return this.#isAwaiting || this.#response ? "thinking" : "listening";
  }

  #changed(item) {
    if (item) this.#tell("item", item);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
