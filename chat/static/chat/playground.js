// A conversation with the chosen personality, kept on this page only.
import { responseError, toPageError } from "./errors.js";
import { pieces } from "./events.js";
import * as prompt from "./prompt.js";
import * as turns from "./turns.js";

const address = document.querySelector("main").dataset.completions;
const select = document.getElementById("personality");
const say = document.getElementById("say");
const send = document.getElementById("send");
const stop = document.getElementById("stop");

let messages = [];
let request; // the AbortController of the answer in progress

const displayName = () => select.selectedOptions[0].textContent;
const csrfToken = () => /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";

function start() {
  request?.abort();
  if (!select.selectedOptions.length) return;
  messages = [];
  const { archetype, greeting, prompt: promptAddress } = select.selectedOptions[0].dataset;
  turns.start({ name: select.value, displayName: displayName(), archetype, greeting });
  say.placeholder = `Say something to ${displayName()}`;
  prompt.open(promptAddress);
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
  remember("user", content);
  turns.add("user", "You", content);
  answer();
}

// Some language models refuse two messages of the user in a row, so one that got no answer is joined with the next.
function remember(role, content) {
  const before = messages.at(-1);
  if (before?.role === role) before.content += `\n\n${content}`;
  else messages.push({ role, content });
}

async function answer() {
  if (request) return;
  const mine = new AbortController();
  const turn = turns.add("assistant", displayName());
  turns.clearErrors();
  setAnswering(mine);
  turns.setBusy(turn, true);
  prompt.refresh();
  say.focus();
  const received = { text: "" };
  try {
    await receive(mine.signal, turn, received);
    if (received.text) remember("assistant", received.text);
    else turns.note(turn, "The answer was empty.");
  } catch (error) {
    if (mine === request) fail(error, turn, received.text);
  }
  turns.setBusy(turn, false);
  if (mine === request) setAnswering(undefined);
}

async function receive(signal, turn, received) {
  const body = JSON.stringify({ model: select.value, messages, stream: true });
  const headers = { "Content-Type": "application/json", "X-CSRFToken": csrfToken() };
  const response = await fetch(address, { method: "POST", headers, body, signal, redirect: "error" });
  if (!response.ok) throw await responseError(response);
  for await (const text of pieces(response)) {
    signal.throwIfAborted();
    received.text += text;
    turns.write(turn, text);
  }
}

// An answer that the user stopped is kept as far as it came. One that failed is not: "Try again" asks for it anew.
function fail(error, turn, text) {
  if (!text) turn.remove();
  if (error.name !== "AbortError") {
    turn.classList.add("broken");
    turns.showError(toPageError(error), answer);
  } else if (text) {
    turns.note(turn, "Stopped.");
    remember("assistant", text);
  } else {
    takeBack();
  }
}

// Stopped before the first word: the message goes back into the field, to be changed.
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
select.addEventListener("change", start);
document.getElementById("new-conversation").addEventListener("click", () => { start(); say.focus(); });
// The token changes when the user signs in again in another tab.
document.getElementById("sign-out").addEventListener("submit", ({ target }) => {
  target.elements.csrfmiddlewaretoken.value = csrfToken();
});
start();
