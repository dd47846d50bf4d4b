// The conversation that is open: with whom, what was said, and whether the server keeps it. An entry is a message: its
// role and content and, of an answer, what it cost.
import * as memory from "./memory.js";
import * as turns from "./turns.js";

const { user } = document.querySelector("main").dataset;
const say = document.getElementById("say");
const keep = document.getElementById("keep");
const placed = new WeakMap(); // entries on the page
const NAMES = { user: "You", tool: "Result of a tool", system: "System" };

// `id` if the server keeps it; `key` tells what was said last from the same said again.
export const open = { choice: undefined, id: undefined, entries: [], key: "" };

export function begin(choice, { said, id }) {
  Object.assign(open, { choice, id, entries: [], key: newKey() });
  said.forEach(put);
}

export const name = (role) => NAMES[role] ?? open.choice.display_name;
export const turnOf = (entry) => placed.get(entry);
export const put = (entry) => place(entry, turns.add(entry, entry.who || name(entry.role)));

export function place(entry, turn) {
  open.entries.push(entry);
  placed.set(entry, turn);
}

// Takes back an entry and all that follow it.
export function cut(entry) {
  turns.cut(turnOf(entry));
  open.entries.length = open.entries.indexOf(entry);
}

export function save() {
  const { choice, id, entries } = open;
  const kept = { entries: [], draft: say.value || joined(unanswered()) }; // the server has the rest
  const said = id ? kept : { entries, draft: say.value };
  if (choice) memory.save({ user, name: choice.name, ...said, keeps: keep.checked });
}

export const isSaid = (entries) => entries.some(({ role }) => role === "user");

// What the user said since the last answer, except what the server has already.
export const unanswered = () => open.entries.slice(open.entries.findLastIndex(({ role }) => role !== "user") + 1).filter(({ isStored }) => !isStored);
export const joined = (entries) => entries.map(({ content }) => content).join("\n\n");

// The messages to send: all, or only the new ones of a conversation of which the server keeps the rest. Some language
// models refuse two messages of one role in a row, so one that got no answer is joined with the next. Tool calls are
// left out: nobody answers them here.
export function toSend() {
  const messages = [];
  for (const { role, content } of (open.id ? unanswered() : open.entries).filter(({ content }) => content)) {
    if (messages.at(-1)?.role === role) messages.at(-1).content += `\n\n${content}`;
    else messages.push({ role, content });
  }
  return messages;
}

// For Idempotency-Key: with the same one an answer that was lost on its way is told again, and not made again.
export const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
