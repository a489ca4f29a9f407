// Joins the page's elements with the conversation.

import { figures } from "./connection.js";
import { EventLog } from "./event-log.js";
import { StagesView, TurnsView } from "./latency-view.js";
import { onScale } from "./pcm.js";
import { Score } from "./score.js";
import { Session } from "./session.js";
import { Settings } from "./settings.js";
import { TranscriptView } from "./transcript-view.js";

const POLL_MS = 1_000;
const POLL_WITHOUT_FIGURES_MS = 15_000;
const STATES = {
  idle: "Not connected.",
  connecting: "Connecting…",
  listening: "Listening.",
  thinking: "Thinking…",
  speaking: "Speaking.",
};

const find = (id) => document.getElementById(id);
const settings = new Settings(find("settings"), (values) => {
  session.change(values);
  showControls();
});
const transcript = new TranscriptView(find("transcript"), find("spoken"));
const turns = new TurnsView();
const stages = new StagesView();
const log = new EventLog();
const score = new Score(find("score"));
let session = newSession();
let nextPoll = null;

function newSession() {
  const made = new Session();
  const on = (type, handler) => made.addEventListener(type, ({ detail }) => handler(detail));
  on("state", showState);
  on("item", (item) => transcript.show(item));
  on("turn", (turn) => turns.show(turn));
  on("underrun", ({ gapMs }) => turns.gap(gapMs));
  on("wire", (entry) => log.add(entry));
  on("problem", ({ message }) => showProblem(message));
  on("open", showControls);
  on("resumed", () => {
    showProblem("");
    transcript.note("The connection was lost and is back.");
  });
  on("level", ({ who, rms }) => {
    score.hear(who, rms);
    if (who === "user") find("level").value = onScale(rms);
  });
  return made;
}

// --- showing

function showState(state) {
  const isConnected = state !== "idle";
  document.body.dataset.state = state;
  find("state").textContent = STATES[state];
  find("connect").textContent = isConnected ? "Hang up" : "Connect";
  find("connect").classList.toggle("primary", !isConnected);
  if (!isConnected) find("level").value = 0;
  score.run(isConnected && !matchMedia("(prefers-reduced-motion: reduce)").matches);
  showControls();
  if (isConnected && nextPoll === null) poll();
}

function showControls() {
  const isTalking = !["idle", "connecting"].includes(session.state);
  const isManual = settings.values.turns === "none";
  find("send").disabled = !isTalking;
  find("hold").hidden = !(isTalking && isManual && session.hasMicrophone);
  find("mute").hidden = !(isTalking && !isManual && session.hasMicrophone);
  find("level-label").hidden = !(isTalking && session.hasMicrophone);
}

function showProblem(words) {
  find("problem").hidden = !words;
  find("problem-words").textContent = words;
}

async function poll() {
  let told = null;
  nextPoll = 0;
  try {
    told = await figures(settings.values.key);
  } catch {
    // out of reach for now: the connection itself will tell
  }
  if (session.state === "idle") {
    nextPoll = null;
    stages.leave();
    return;
  }
  stages.show(told);
  nextPoll = setTimeout(poll, told ? POLL_MS : POLL_WITHOUT_FIGURES_MS);
}

// --- what the user does

find("connect").addEventListener("click", () => {
  showProblem("");
  if (session.state !== "idle") return session.hangUp();
  session = newSession();
  transcript.clear();
  turns.clear();
  setMuted(false);
  return session.connect(settings.values);
});

find("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = find("message").value.trim();
  if (!text || find("send").disabled) return;
  find("message").value = "";
  session.say(text);
});

find("problem-close").addEventListener("click", () => showProblem(""));

function setMuted(isMuted) {
  session.mute(isMuted);
  find("mute").setAttribute("aria-pressed", String(isMuted));
}

find("mute").addEventListener("click", () => setMuted(find("mute").getAttribute("aria-pressed") !== "true"));

const hold = find("hold");
const isKey = ({ key }) => key === " " || key === "Enter";

function press(event) {
  event.preventDefault();
  if (event.repeat) return;
  hold.classList.add("held");
  session.hold();
}

function letGo() {
  hold.classList.remove("held");
  session.letGo();
}

hold.addEventListener("pointerdown", (event) => {
  hold.focus();
  hold.setPointerCapture(event.pointerId);
  press(event);
});
for (const type of ["pointerup", "pointercancel", "blur"]) hold.addEventListener(type, letGo);
hold.addEventListener("keydown", (event) => isKey(event) && press(event));
hold.addEventListener("keyup", (event) => isKey(event) && letGo());
hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long press on a touch screen
