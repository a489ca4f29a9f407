// The WebSocket to the server, and why it could not be opened.

import { full, Problem } from "./words.js";

const MOST_WAITING_BYTES = 1 << 20; // 20 s of audio: nobody hears that in time

/** An address of the server, beside the page wherever that is mounted. */
export function serverUrl(path, base = document.baseURI) {
  return new URL(path, base);
}

export function realtimeUrl(parameters = {}, base = document.baseURI) {
  const url = serverUrl("v1/realtime", base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url;
}

export function authorization(key) {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export class Connection {
  #socket;
  #handlers;

  /** Handlers: `onEvent(event)`, `onSent(event)`, `onClose({ code, reason })`. Throws a Problem for a key of wrong form. */
  constructor({ key, resume, ...handlers }) {
    this.#handlers = handlers;
    const protocols = ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])];
    try {
      this.#socket = new WebSocket(realtimeUrl(resume ? { resume } : {}), protocols);
    } catch {
      throw new Problem("key-form");
    }
    this.#socket.addEventListener("message", ({ data }) => this.#received(data));
    this.#socket.addEventListener("close", ({ code, reason }) => this.#handlers.onClose({ code, reason }));
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get isBehind() {
    return this.#socket.bufferedAmount > MOST_WAITING_BYTES;
  }

  send(event) {
    if (!this.isOpen) return;
    this.#socket.send(JSON.stringify(event));
    this.#handlers.onSent(event);
  }

  close() {
    this.#handlers.onClose = () => {};
    this.#handlers.onEvent = () => {};
    this.#socket.close(1000);
  }

  #received(data) {
    let event;
    try {
      event = JSON.parse(data);
    } catch {
      event = { type: "error", error: { message: "The server sent something that is no event." } };
    }
    this.#handlers.onEvent(event);
  }
}

/** Browsers do not tell why a WebSocket was refused, so the server is asked in other ways. */
export async function whyRefused(key) {
  let answer;
  try {
    answer = await fetch(serverUrl("v1/models"), { headers: authorization(key), cache: "no-store" });
  } catch {
    return new Problem("unreachable");
  }
  if (answer.status === 401 || answer.status === 403) return new Problem(key ? "key-wrong" : "key-missing");
  const load = await figures(key).catch(() => null);
  return load?.capacity && load.sessions >= load.capacity ? full(load) : new Problem("refused");
}

/** The server's own figures of latency and load; null where it gives none. */
export async function figures(key) {
  const answer = await fetch(serverUrl("page/latency"), { headers: authorization(key), cache: "no-store" });
  return answer.ok ? await answer.json() : null;
}
