// Both voices as notes on the four lines of a chant: the user's in red, the agent's in ink. Louder is higher.

import { onScale } from "./pcm.js";

const PIXELS_PER_MS = 0.07;
const NOTE_MS = 110;
const NOTE = 7;
const QUIET = 0.25;

export class Score {
  #canvas;
  #notes = [];
  #newest = { user: null, agent: null };
  #isRunning = false;

  constructor(canvas) {
    this.#canvas = canvas;
    const redraw = () => this.#isRunning || this.#draw(performance.now());
    new ResizeObserver(redraw).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  }

  hear(who, rms) {
    const now = performance.now();
    const height = onScale(rms);
    const newest = this.#newest[who];
    if (newest && now - newest.at < NOTE_MS) newest.height = Math.max(newest.height, height);
    else this.#notes.push((this.#newest[who] = { who, at: now, height }));
  }

  run(isWanted) {
    const wasRunning = this.#isRunning;
    this.#isRunning = isWanted;
    if (isWanted && !wasRunning) requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    this.#draw(now);
    if (this.#isRunning) requestAnimationFrame((next) => this.#step(next));
  }

  #draw(now) {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const scale = devicePixelRatio || 1;
    if (this.#canvas.width !== Math.round(width * scale) || this.#canvas.height !== Math.round(height * scale)) {
      this.#canvas.width = Math.round(width * scale);
      this.#canvas.height = Math.round(height * scale);
    }
    const context = this.#canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(this.#canvas);
    drawLines(context, width, height, style.getPropertyValue("--staff"));
    this.#notes = this.#notes.filter(({ at }) => (now - at) * PIXELS_PER_MS < width);
    const colours = { user: style.getPropertyValue("--rubric"), agent: style.getPropertyValue("--ink") };
    for (const note of this.#notes) drawNote(context, note, width - (now - note.at) * PIXELS_PER_MS, height, colours);
  }
}

function drawLines(context, width, height, colour) {
  context.fillStyle = colour;
  for (let line = 0; line < 4; line++) context.fillRect(0, Math.round(height * (0.2 + 0.2 * line)), width, 1);
}

function drawNote(context, { who, height: loud }, x, height, colours) {
  if (loud < QUIET) return;
  const steps = Math.round(((loud - QUIET) / (1 - QUIET)) * 8); // lines and the spaces between them
  const y = height * (0.9 - 0.1 * steps);
  context.fillStyle = colours[who];
  context.fillRect(x - NOTE, y - NOTE / 2, NOTE, NOTE);
}
