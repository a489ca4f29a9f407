// The line to the server: opened, lost, found again, ended.

import { Connection, whyRefused } from "./connection.js";
import { Resuming } from "./resuming.js";
import { ended, Problem, serverProblem } from "./words.js";

const FOR_GOOD = new Set([1000, 1008]); // close codes after which the server wants no other try

/**
 * Handlers: `onEvent(event)`, `onSent(event)`, `onOpen({ isNew, wasLost })` (a session is there; is it another one than
 * before?), `onLost()` (it will be tried again), `onEnd(problem)` (it will not).
 */
export class Line {
  #key;
  #handlers;
  #connection = null;
  #resuming = new Resuming();
  #phase = "opening"; // opening, open, lost, ended
  #sessionId = null;
  #lastEventId = null;
  #refusal = null; // an error that came instead of a session

  /** Throws a Problem where the key can't be sent. */
  constructor(key, handlers) {
    this.#key = key;
    this.#handlers = handlers;
    this.#dial(null);
  }

  get isOpen() {
    return this.#phase === "open";
  }

  get isBehind() {
    return this.#connection?.isBehind ?? false;
  }

  send(event) {
    this.#connection?.send(event);
  }

  close() {
    this.#phase = "ended";
    this.#connection?.close();
    this.#connection = null;
  }

  #dial(resume) {
    this.#connection = new Connection({
      key: this.#key,
      resume,
      onEvent: (event) => this.#received(event),
      onSent: this.#handlers.onSent,
      onClose: (why) => this.#closed(why),
    });
  }

  #received(event) {
    if (event.event_id && event.event_id === this.#lastEventId) return; // sent again after the connection broke
    this.#lastEventId = event.event_id;
    if (event.type === "error" && !this.isOpen) this.#refusal = serverProblem(event.error);
    if (event.type !== "session.created") return this.#handlers.onEvent(event);
    const [isNew, wasLost] = [event.session.id !== this.#sessionId, this.#phase === "lost"];
    this.#sessionId = event.session.id;
    this.#phase = "open";
    this.#refusal = null;
    this.#handlers.onEvent(event);
    return this.#handlers.onOpen({ isNew, wasLost });
  }

  async #closed({ code, reason }) {
    this.#connection = null;
    if (this.#phase === "opening") {
      return this.#end(this.#refusal ?? (reason ? ended(code, reason) : await whyRefused(this.#key)));
    }
    if (FOR_GOOD.has(code)) return this.#end(this.#refusal ?? ended(code, reason));
    return this.#resume(); // also where it was refused for now: another server may take it
  }

  /** The same session if the server kept it, else a new one. */
  async #resume() {
    if (this.#phase === "open") {
      this.#phase = "lost";
      this.#resuming.begin();
      this.#handlers.onLost();
    }
    const goesOn = await this.#resuming.wait();
    if (this.#phase !== "lost") return;
    if (goesOn) this.#dial(this.#sessionId);
    else this.#end(this.#refusal ?? new Problem("lost"));
  }

  #end(problem) {
    if (this.#phase === "ended") return;
    this.#phase = "ended";
    this.#handlers.onEnd(problem);
  }
}
