// The messages on the page. What the user said is shown as typed, and what she said as Markdown.
import { element } from "./element.js";
import { markdown } from "./markdown.js";
import { callBox } from "./calls.js";

const log = document.getElementById("log");
const turns = document.getElementById("turns");
const clone = (name) => document.getElementById(`${name}-template`).content.firstElementChild.cloneNode(true);
const CLOSE = 80; // pixels from the end: the log follows the text unless the user has scrolled further up
const SHARE = 9; // times as long as the text took to draw does nothing happen, however long it has become

export function start({ name, display_name: displayName, archetype, edit }, state) {
  const intro = clone("intro");
  const face = intro.querySelector(".face");
  face.textContent = [...displayName][0].toUpperCase();
  face.style.setProperty("--hue", hueOf(name));
  intro.querySelector("h2").textContent = displayName;
  intro.querySelector(".archetype").textContent = archetype;
  intro.querySelector(".state").textContent = state;
  if (edit) intro.querySelector(".edit").href = edit;
  else intro.querySelector(".links").remove();
  turns.replaceChildren(intro);
}

// A hue between blue and pink that depends on the name alone.
const hueOf = (name) => 240 + [...name].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 110, 7);

export function add({ role, content, calls = [], parts = [], facts = "", notes = [], prompt }, who) {
  const turn = clone("turn");
  turn.classList.add(role);
  turn.querySelector("h3").textContent = who;
  draw(turn, content);
  turn.querySelector(".calls").append(...calls.map(callBox), ...parts.map(partBox));
  finish(turn, { facts, prompt });
  notes.forEach((text) => note(turn, text));
  turns.append(turn);
  log.scrollTop = log.scrollHeight;
  return turn;
}

// Changes the log, and stays at its end unless the user has scrolled further up.
export function follow(change) {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < CLOSE;
  change();
  if (follows) log.scrollTop = log.scrollHeight;
}

function draw(turn, text) {
  turn.querySelector(".text").replaceChildren(turn.matches(".assistant") ? markdown(text) : text);
}

// What is no text is named, and not loaded.
const partBox = ({ type, image_url: image }) => element("p", { className: "note" }, `${type}${image?.url?.startsWith("http") ? `: ${image.url}` : ""}`);

// Draws a text that grows: at once while it is short, and less often the longer that takes.
export function writer(turn) {
  let text = "", timer, took = 0;
  const drawNow = () => {
    const started = performance.now();
    follow(() => draw(turn, text));
    [timer, took] = [undefined, performance.now() - started];
  };
  return {
    write: (piece) => { text += piece; timer ??= setTimeout(drawNow, SHARE * took); },
    end: () => { clearTimeout(timer); drawNow(); },
  };
}

export function finish(turn, { facts = "", calls = [], prompt }) {
  turn.querySelector(".calls").append(...calls.map(callBox));
  turn.querySelector(".facts").textContent = facts;
  if (prompt) turn.querySelector(".facts").append(element("span", { className: "prompt-sha", title: prompt }, `${facts && " · "}prompt ${prompt.slice(0, 8)}`));
}

// Removes a turn and all that follow it.
export function cut(turn) {
  while (turns.contains(turn)) turns.lastElementChild.remove();
}

// Buttons below a turn, in place of those that it had: [name, what it does].
export function offer(turn, actions) {
  const made = actions.map(([name, onclick]) => element("button", { type: "button", onclick }, name));
  turn.querySelector(".actions").replaceChildren(...made);
}

// Lets the user change a message; `send` gets the new text.
export function edit(turn, text, send) {
  const form = clone("edit"), [field, cancel] = [form.querySelector("textarea"), form.querySelector("[type=button]")];
  const close = () => { form.remove(); turn.classList.remove("edited"); turn.querySelector(".actions button")?.focus(); };
  field.value = text;
  cancel.onclick = close;
  form.onkeydown = (event) => { if (event.key === "Escape") { event.stopPropagation(); close(); } };
  form.onsubmit = (event) => { event.preventDefault(); if (field.value.trim()) send(field.value.trim()); };
  turn.classList.add("edited");
  turn.append(form);
  field.focus();
}

// While the log is busy, screen readers wait instead of reading word by word.
export function setBusy(turn, isBusy) {
  turn.classList.toggle("busy", isBusy);
  log.setAttribute("aria-busy", String(turns.querySelector(".busy") !== null));
}

export const note = (turn, text) => turn.querySelector(".facts").after(element("p", { className: "note" }, text));

// What is there already is not told once more, unless it can be tried again.
export function showError(error, tryAgain) {
  const told = [...turns.querySelectorAll(".error p")].find((one) => one.textContent === error.message);
  if (told && !tryAgain) return told.scrollIntoView();
  const box = clone("error");
  box.querySelector("p").textContent = error.message;
  box.querySelector(".sign-in").hidden = error.remedy !== "sign-in";
  box.querySelector(".reload").hidden = error.remedy !== "reload";
  box.querySelector(".reload").onclick = () => location.reload();
  box.querySelector(".again").hidden = error.remedy === "reload" || !tryAgain;
  box.querySelector(".again").onclick = tryAgain;
  turns.append(box);
  log.scrollTop = log.scrollHeight;
}

// Removes errors, and the answers that were cut off.
export const clearErrors = () => turns.querySelectorAll(".error, .broken").forEach((one) => one.remove());
