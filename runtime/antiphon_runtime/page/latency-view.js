// The latency panel: turns as this browser measured them, and the server's own figures of its stages.

import { element } from "./transcript-view.js";
import { median, STEP_NAMES } from "./turn-clock.js";

const MOST_TURNS = 6;
const KINDS = { spoken: "spoken", held: "button", typed: "typed" };

export class TurnsView {
  #figure = document.querySelector("#last-turn");
  #bar = document.querySelector("#steps");
  #legend = document.querySelector("#legend");
  #table = document.querySelector("#turns");
  #gaps = document.querySelector("#gaps");
  #turns = []; // the latest last; only those that got an answer
  #gapsMs = [];

  clear() {
    this.#turns = [];
    this.#gapsMs = [];
    this.#draw();
  }

  show(turn) {
    if (turn.totalMs === null) return;
    if (!this.#turns.includes(turn)) this.#turns.push(turn);
    this.#draw();
  }

  gap(ms) {
    this.#gapsMs.push(ms);
    this.#draw();
  }

  #draw() {
    const turn = this.#turns.at(-1);
    this.#figure.textContent = turn ? `${Math.round(turn.totalMs)} ms` : "–";
    this.#drawSteps(turn?.steps ?? []);
    this.#drawTable();
    const [count, sum] = [this.#gapsMs.length, this.#gapsMs.reduce((a, b) => a + b, 0)];
    const gaps = count === 1 ? "1 gap" : `${count} gaps`;
    this.#gaps.textContent = count ? `${gaps} in the voice, ${Math.round(sum)} ms in all.` : "No gaps in the voice.";
  }

  #drawSteps(steps) {
    const told = steps.map(({ name, ms }) => `${name} ${Math.round(ms)} ms`).join(", ");
    this.#bar.setAttribute("aria-label", told || "No turn yet");
    this.#bar.replaceChildren(...steps.map((step) => this.#segment(step)));
    this.#legend.replaceChildren(
      ...steps.map(({ name, what, ms }) => {
        const entry = element("div");
        entry.dataset.step = name;
        entry.title = what;
        entry.append(element("dt", "", name), element("dd", "", `${Math.round(ms)} ms`));
        return entry;
      }),
    );
  }

  #segment({ name, what, ms }) {
    const segment = element("span");
    segment.dataset.step = name;
    segment.title = `${name}: ${Math.round(ms)} ms ${what}`;
    segment.style.flexGrow = String(Math.max(ms, 1));
    return segment;
  }

  #drawTable() {
    this.#table.hidden = this.#turns.length === 0;
    const first = this.#turns.length - MOST_TURNS;
    const rows = this.#turns.map((turn, index) => row(index, turn)).slice(Math.max(0, first));
    const summary = [...new Set(this.#turns.map(({ kind }) => kind))].map((kind) => this.#summary(kind));
    this.#table.tHead.replaceChildren(headings("Turn", ...STEP_NAMES, "Total"));
    this.#table.tBodies[0].replaceChildren(...rows.reverse(), ...summary);
  }

  #summary(kind) {
    const totals = this.#turns.filter((turn) => turn.kind === kind).map((turn) => turn.totalMs);
    const line = element("tr", "summary");
    const title = heading(`Median of ${totals.length} ${KINDS[kind]}`, "row");
    title.colSpan = 1 + STEP_NAMES.length;
    line.append(title, number(median(totals)));
    return line;
  }
}

function row(index, turn) {
  const line = element("tr");
  const taken = Object.fromEntries(turn.steps.map(({ name, ms }) => [name, ms]));
  line.append(heading(`${index + 1} ${KINDS[turn.kind]}`, "row"));
  line.append(...STEP_NAMES.map((name) => number(taken[name])), number(turn.totalMs));
  return line;
}

export class StagesView {
  #table = document.querySelector("#stages");
  #load = document.querySelector("#load");
  #agent = document.querySelector("#agent");
  #emulated = document.querySelector("#emulated-note");
  #voices = document.querySelector("#voices");

  /** What the server said of itself; null: it gives no figures. */
  show(figures) {
    const stages = figures?.stages ?? [];
    const rows = [...stages.map(stageRow), ...(figures?.turn ? [turnRow(figures.turn)] : [])];
    this.#table.hidden = rows.length === 0;
    this.#table.tBodies[0].replaceChildren(...rows);
    this.#load.textContent = figures ? load(figures) : "This server gives no figures of its stages.";
    this.#showAgent(figures ?? {}, stages.filter(({ emulated }) => emulated));
  }

  /** The connection has ended: what is shown was so then. */
  leave() {
    if (!this.#table.hidden) this.#load.textContent = "As it was when the connection ended.";
  }

  #showAgent({ agent, voices }, emulated) {
    this.#agent.hidden = !agent;
    this.#agent.textContent = agent ?? "";
    this.#emulated.hidden = emulated.length === 0;
    const names = emulated.map(({ stage }) => stage).join(", ");
    this.#emulated.textContent = `Emulated: ${names}. No model makes these answers and times.`;
    if (!voices) return;
    this.#voices.replaceChildren(...voices.map((voice) => Object.assign(element("option"), { value: voice })));
  }
}

function stageRow({ stage, variant, emulated, ...figures }) {
  const line = element("tr");
  const name = heading(stage, "row");
  if (emulated) name.append(" ", element("span", "badge", "emulated"));
  const which = element("td", "variant", variant ?? "");
  which.title = variant ?? "";
  line.append(name, which, ...percentiles(figures));
  return line;
}

function turnRow(figures) {
  const line = element("tr", "summary");
  line.append(heading("turn", "row"), element("td", "variant", "in the server"), ...percentiles(figures));
  return line;
}

function percentiles({ p50_ms: p50, p95_ms: p95, samples }) {
  return [number(p50), number(p95), number(samples)];
}

function load({ sessions, capacity }) {
  if (sessions === undefined) return "";
  const conversations = sessions === 1 ? "1 conversation" : `${sessions} conversations`;
  return capacity ? `${conversations} of ${capacity} at once.` : `${conversations} at once.`;
}

function headings(first, ...others) {
  const line = element("tr");
  line.append(heading(first, "col"), ...others.map((name) => heading(name, "col", "number")));
  return line;
}

function heading(text, scope, className = "") {
  return Object.assign(element("th", className, text), { scope });
}

function number(value) {
  const shown = Number.isFinite(value) ? (value < 10 && value % 1 ? value.toFixed(1) : Math.round(value)) : "–";
  return element("td", "number", String(shown));
}
