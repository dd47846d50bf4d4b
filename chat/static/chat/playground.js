// A conversation, kept in this page, with whoever is chosen; and who is asked.
import { pieces } from "./events.js";
import * as prompt from "./prompt.js";
import { asTrouble, refusal } from "./trouble.js";
import * as turns from "./turns.js";

const address = document.querySelector("main").dataset.completions;
const select = document.getElementById("personality");
const say = document.getElementById("say");
const send = document.getElementById("send");
const stop = document.getElementById("stop");

let messages = [];
let request; // while somebody answers

const shown = () => select.selectedOptions[0].textContent;
const csrfToken = () => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";

function begin() {
  request?.abort();
  if (!select.selectedOptions.length) return;
  messages = [];
  const { archetype, greeting, prompt: promptAddress } = select.selectedOptions[0].dataset;
  turns.begin({ name: select.value, shown: shown(), archetype, greeting });
  say.placeholder = `Say something to ${shown()}`;
  prompt.showOf(promptAddress);
  setAnswering(undefined);
}

function setAnswering(controller) {
  request = controller;
  send.hidden = Boolean(controller);
  stop.hidden = !controller;
}

function submit() {
  const content = say.value.trim();
  if (!content || request) return;
  say.value = "";
  ask(content);
  turns.add("user", "You", content);
  answer();
}

// Some language models refuse two messages of a user in a row: what was not answered is asked together with the next.
function ask(content) {
  const before = messages.at(-1);
  if (before?.role === "user") before.content += `\n\n${content}`;
  else messages.push({ role: "user", content });
}

async function answer() {
  if (request) return;
  const mine = new AbortController();
  const turn = turns.add("assistant", shown());
  turns.hush();
  setAnswering(mine);
  turns.setBusy(turn, true);
  prompt.refresh();
  say.focus();
  const heard = { text: "" };
  try {
    await listen(mine.signal, turn, heard);
    if (!heard.text) turns.note(turn, "No words came.");
    remember(heard.text);
  } catch (error) {
    if (mine === request) fail(error, turn, heard.text);
  }
  turns.setBusy(turn, false);
  if (mine === request) setAnswering(undefined);
}

function remember(content) {
  if (content) messages.push({ role: "assistant", content });
}

async function listen(signal, turn, heard) {
  const body = JSON.stringify({ model: select.value, messages, stream: true });
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  const reply = await fetch(address, { method: "POST", headers, body, signal, redirect: "error" });
  if (!reply.ok) throw await refusal(reply);
  for await (const text of pieces(reply)) {
    signal.throwIfAborted();
    heard.text += text;
    turns.write(turn, text);
  }
}

// What was said before Stop counts as said. What broke off does not: it is asked for again as a whole.
function fail(error, turn, text) {
  if (!text) turn.remove();
  if (error.name !== "AbortError") {
    turn.classList.add("broken");
    turns.complain(asTrouble(error), answer);
  } else if (text) {
    turns.note(turn, "Stopped.");
    remember(text);
  } else {
    takeBack();
  }
}

// Stopped before the first word: as if it had not been said, and to be said otherwise.
function takeBack() {
  turns.takeBack();
  const { content } = messages.pop();
  say.value ||= content;
}

document.getElementById("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
say.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") request?.abort(); });
stop.addEventListener("click", () => { request?.abort(); say.focus(); });
select.addEventListener("change", begin);
document.getElementById("anew").addEventListener("click", () => { begin(); say.focus(); });
// Whoever signed in again meanwhile, beside this page, has another token than it came with.
document.getElementById("sign-out").addEventListener("submit", ({ target }) => {
  target.elements.csrfmiddlewaretoken.value = csrfToken();
});
begin();
