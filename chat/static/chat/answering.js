// Has what was said answered: shows the answer while it comes, and what to do if it does not.
import { ask } from "./asking.js";
import * as conversation from "./conversation.js";
import { toPageError } from "./errors.js";
import { facts } from "./facts.js";
import * as stored from "./stored.js";
import * as prompt from "./prompt.js";
import * as turns from "./turns.js";

const { completions } = document.querySelector("main").dataset;
const say = document.getElementById("say");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const keep = document.getElementById("keep");
const { open } = conversation;

let request; // the AbortController of the answer in progress
let page; // what the page does when something has `changed`, and how it reads a kept conversation `again`

export const start = (given) => { page = given; };
export const isAnswering = () => Boolean(request);
export const abort = () => request?.abort();

// Leaves an answer in progress alone: nothing of it is shown any more.
export function leave() {
  abort();
  setRequest(undefined);
}

export async function answer() {
  if (request) return;
  const mine = new AbortController();
  const current = { text: "", calls: [] };
  turns.clearErrors();
  setRequest(mine);
  page.changed();
  say.focus();
  try {
    if (keep.checked && !open.id) open.id = await stored.begin(open.choice.name, conversation.joined(conversation.unanswered()), mine.signal);
    prompt.follow(open.choice, open.id);
    await receive(current, mine.signal);
    if (mine === request) take(current);
  } catch (error) {
    if (mine === request) await fail(error, current);
  } finally {
    if (current.turn) turns.setBusy(current.turn, false);
    if (mine === request) setRequest(undefined);
    page.changed();
  }
}

function setRequest(controller) {
  request = controller;
  send.hidden = Boolean(controller);
  stop.hidden = !controller;
}

async function receive(current, signal) {
  current.turn = turns.add({ role: "assistant", content: "" }, conversation.name("assistant"));
  turns.setBusy(current.turn, true);
  const writing = turns.writer(current.turn);
  const metadata = open.id ? { metadata: { conversation: open.id } } : {};
  const body = { model: open.choice.name, messages: conversation.toSend(), ...metadata };
  try {
    await ask(completions, body, { answer: current, key: open.id && open.key, signal, changed: writing.write });
  } finally {
    writing.end();
  }
}

function take({ text, calls, turn, prompt, ...cost }) {
  if (!text && !calls.length) {
    turns.note(turn, "The answer was empty.");
    turn.classList.add("broken");
    return;
  }
  const entry = { role: "assistant", content: text, calls, prompt, facts: facts({ text, ...cost }) };
  turns.follow(() => turns.finish(turn, entry));
  conversation.place(entry, turn);
}

// An answer that the user stopped is kept as far as it came. One that failed is not: "Try again" asks for it anew.
async function fail(error, current) {
  if (error.name === "AbortError") return open.id ? reread().catch((failure) => turns.showError(toPageError(failure))) : stopped(current);
  if (current.text) current.turn.classList.add("broken");
  else current.turn?.remove();
  turns.showError(toPageError(error), answer);
  return undefined;
}

function stopped({ text, turn }) {
  if (!text) return takeBack(turn);
  turns.note(turn, "Stopped.");
  return conversation.place({ role: "assistant", content: text, notes: ["Stopped."] }, turn);
}

// Stopped before the first word, the message goes back into the field, to be changed.
function takeBack(turn) {
  turn?.remove();
  const said = conversation.unanswered();
  say.value ||= conversation.joined(said);
  conversation.cut(said[0]);
}

// The server keeps a turn as a whole or not at all, and knows which.
async function reread() {
  const said = conversation.unanswered();
  const before = open.entries.length - said.length;
  await page.again(open.id);
  if (open.entries.length <= before) say.value ||= conversation.joined(said);
}
