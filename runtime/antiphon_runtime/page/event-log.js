// The events of the connection, the latest last; old ones are forgotten.

import { element } from "./transcript-view.js";

const MOST = 300;
const LONGEST = 400;
const AUDIO = /^(audio|delta)$/;

export class EventLog {
  #panel = document.querySelector("#log-panel");
  #list = document.querySelector("#log");
  #count = document.querySelector("#log-count");
  #entries = [];
  #total = 0;
  #isStale = false;

  constructor() {
    this.#panel.addEventListener("toggle", () => this.#draw());
  }

  add({ direction, event }) {
    this.#total += 1;
    const last = this.#entries.at(-1);
    if (last?.direction === direction && last.type === event.type && event.type.endsWith(".append")) last.times += 1;
    else this.#entries.push({ at: new Date(), direction, type: event.type, text: short(event), times: 1 });
    if (this.#entries.length > MOST) this.#entries.shift();
    if (this.#isStale) return;
    this.#isStale = true;
    requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#isStale = false;
    this.#count.textContent = this.#total ? String(this.#total) : "";
    if (!this.#panel.open) return;
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 40;
    this.#list.replaceChildren(...this.#entries.map(line));
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

function line({ at, direction, type, text, times }) {
  const made = element("li");
  made.dataset.direction = direction;
  const arrow = element("span", "arrow", direction === "sent" ? "↑" : "↓");
  arrow.title = direction;
  const time = element("time", "", at.toISOString().slice(14, 23));
  const name = element("b", "", times > 1 ? `${type} ×${times}` : String(type));
  made.append(time, arrow, name, element("span", "body", text));
  return made;
}

function short({ type: _type, event_id: _id, ...rest }) {
  const isAudio = (name, value) => AUDIO.test(name) && typeof value === "string" && value.length > 200;
  const text = JSON.stringify(rest, (name, value) => (isAudio(name, value) ? `${value.length} characters` : value));
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
