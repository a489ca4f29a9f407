// What can be set, where it is kept, and how the protocol says it.

const KEPT_AS = "antiphon.settings";
const KEPT = ["voice", "instructions", "turns", "output"]; // the key is kept nowhere

/** `turns`: server_vad, semantic_vad or none. `output`: audio or text. */
const DEFAULTS = { voice: "", instructions: "", turns: "server_vad", output: "audio", key: "" };

/** The `session.update` that puts the settings in force. What is empty is left as the agent has it. */
export function sessionUpdate({ voice, instructions, turns, output }) {
  const format = { type: "audio/pcm", rate: 24_000 };
  const session = {
    type: "realtime",
    output_modalities: [output],
    audio: {
      input: { format, transcription: {}, turn_detection: turns === "none" ? null : { type: turns } },
      output: { format, ...(voice ? { voice } : {}) },
    },
    ...(instructions ? { instructions } : {}),
  };
  return { type: "session.update", session };
}

export class Settings {
  #form;

  constructor(form, onChange) {
    this.#form = form;
    this.#fill({ ...DEFAULTS, ...read() });
    form.addEventListener("change", () => {
      keep(this.values);
      onChange(this.values);
    });
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  get values() {
    const data = new FormData(this.#form);
    return Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, String(data.get(name) ?? "").trim()]));
  }

  #fill(values) {
    for (const [name, value] of Object.entries(values)) {
      const field = this.#form.elements[name];
      if (field) field.value = value;
    }
  }
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS) ?? "{}");
    return Object.fromEntries(KEPT.filter((name) => typeof kept[name] === "string").map((name) => [name, kept[name]]));
  } catch {
    return {}; // no storage, or somebody else's
  }
}

function keep(values) {
  try {
    localStorage.setItem(KEPT_AS, JSON.stringify(Object.fromEntries(KEPT.map((name) => [name, values[name]]))));
  } catch {
    // private windows keep nothing
  }
}
