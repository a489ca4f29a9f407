// The transcript: who said what, what of it is being heard now, and what nobody heard.

const WHO = { user: "You", agent: "Agent" };

export class TranscriptView {
  #list;
  #announcer;
  #rows = new Map();

  /** `announcer`: a live region for what is written and not spoken. */
  constructor(list, announcer) {
    this.#list = list;
    this.#announcer = announcer;
  }

  clear() {
    this.#rows.clear();
    this.#list.replaceChildren();
  }

  show(item) {
    const isWanted = item.status !== "deleted" && (item.text || item.status === "open" || item.status === "failed");
    if (!isWanted) return this.#remove(item.id);
    const isAtEnd = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 60;
    const row = this.#rows.get(item.id) ?? this.#add(item);
    row.dataset.status = item.status;
    row.querySelector("p").replaceChildren(...words(item));
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
    if (item.role === "agent" && !item.spoken && item.status === "done") this.#announcer.textContent = item.text;
    return undefined;
  }

  note(text) {
    const row = element("li", "note", text);
    this.#list.append(row);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #add(item) {
    const row = element("li");
    row.dataset.role = item.role;
    row.append(element("span", "who", WHO[item.role]), element("p"));
    this.#rows.set(item.id, row);
    this.#list.append(row);
    return row;
  }

  #remove(id) {
    this.#rows.get(id)?.remove();
    this.#rows.delete(id);
  }
}

function words(item) {
  if (item.status === "failed") return [element("em", "unheard", "could not be understood")];
  if (!item.text) return [element("span", "waiting", "…")];
  if (item.role === "user" || !item.spoken) return written(item);
  const spaces = /^\s*/.exec(item.text.slice(item.heard))[0].length;
  const heard = element("span", "heard", item.text.slice(0, item.heard + spaces));
  const rest = item.text.slice(item.heard + spaces);
  if (!rest) return [heard];
  if (item.status !== "interrupted") return [heard, element("span", "to-come", rest)];
  return [heard, element("s", "unheard", rest), element("span", "hidden", " (interrupted)")];
}

function written({ text, status }) {
  return status === "interrupted" ? [text, element("span", "unheard", " — interrupted")] : [text];
}

export function element(name, className = "", text = "") {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
