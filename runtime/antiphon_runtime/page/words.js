// What went wrong, in words: what happened, and what to do about it.

const WORDS = {
  "microphone-insecure":
    "This page may not use the microphone, because it did not come over https. Open it over https or on localhost; you can type meanwhile.",
  "microphone-denied":
    "The microphone is not allowed for this page. Allow it in the browser's address bar and connect again; you can type meanwhile.",
  "microphone-missing": "No microphone was found. Plug one in and connect again; you can type meanwhile.",
  "microphone-busy":
    "The microphone can't be opened; another program may be using it. Close that and connect again; you can type meanwhile.",
  "microphone-lost": "The microphone was taken away. Connect again to use another one; you can type meanwhile.",
  "too-short": "That was too short to be heard. Hold the button for as long as you speak.",
  "key-form": "This key has characters that a browser can't send. Look for spaces or line breaks in it.",
  "key-missing": "The server asks for a key. Enter it under Settings and connect again.",
  "key-wrong": "The server does not accept this key. Check it under Settings and connect again.",
  unreachable: "The server can't be reached. Check the network; then connect again.",
  refused: "The server refused the connection and gave no reason. Try again in a moment.",
  lost: "The connection was lost and did not come back. Connect to begin anew.",
  slow: "The connection is too slow for the microphone: parts of what you say are lost.",
};

/** Something that went wrong, of which the user is told. */
export class Problem extends Error {
  constructor(name, words = WORDS[name]) {
    super(words);
    this.name = name;
  }
}

export function microphoneProblem(error) {
  if (error instanceof Problem) return error;
  if (["NotAllowedError", "SecurityError"].includes(error.name)) return new Problem("microphone-denied");
  if (["NotFoundError", "OverconstrainedError"].includes(error.name)) return new Problem("microphone-missing");
  return new Problem("microphone-busy");
}

/** The conversation could not even begin. */
export function startProblem(error) {
  return error instanceof Problem ? error : new Problem("start", `This browser can't hold a conversation: ${error.message}`);
}

/** Of an `error` event. */
export function serverProblem(error) {
  const message = sentence(error.message ?? "The server reported an error without words.");
  return new Problem(error.code ?? error.type ?? "server-error", message + retryHint(error));
}

export function full({ sessions, capacity }) {
  return new Problem("server-full", `The server is full: ${sessions} of ${capacity} conversations. Try again in a moment.`);
}

const ENDS = {
  idle: "The server ended the conversation, because nobody spoke for a while.",
  too_long: "The server ended the conversation, because it had gone on for as long as it may.",
  stopped: "The server was stopped.",
};

/** The server ended the conversation of its own accord. */
export function ended(code, reason) {
  const why = ENDS[reason] ?? (reason ? sentence(reason) : "The server ended the conversation.");
  return new Problem("ended", code === 1013 && !/again/i.test(why) ? `${why} Try again in a moment.` : why);
}

function retryHint(error) {
  const seconds = error.retry_after_seconds ?? error.retry_after ?? (error.retry_after_ms ?? 0) / 1000;
  if (!(seconds > 0) || /again/i.test(error.message ?? "")) return "";
  return ` Try again in ${Math.ceil(seconds)} s.`;
}

function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
