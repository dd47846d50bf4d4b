// The messages on the page. Text is inserted as text, never as HTML.

const log = document.getElementById("log");
const turns = document.getElementById("turns");
const clone = (name) => document.getElementById(`${name}-template`).content.firstElementChild.cloneNode(true);
const CLOSE = 80; // pixels from the end: the log follows the text unless the user has scrolled further up

export function start({ name, displayName, archetype, greeting }) {
  const intro = clone("intro");
  const face = intro.querySelector(".face");
  face.textContent = [...displayName][0].toUpperCase();
  face.style.setProperty("--hue", hueOf(name));
  intro.querySelector("h2").textContent = displayName;
  intro.querySelector(".archetype").textContent = archetype;
  intro.querySelector(".greeting").textContent = greeting;
  turns.replaceChildren(intro);
}

// A hue between blue and pink that depends on the name alone.
const hueOf = (name) => 240 + [...name].reduce((hue, letter) => (hue * 31 + letter.codePointAt(0)) % 110, 7);

export function add(role, who, text = "") {
  const turn = clone("turn");
  turn.classList.add(role);
  turn.querySelector("h3").textContent = who;
  turn.querySelector(".text").textContent = text;
  turns.append(turn);
  log.scrollTop = log.scrollHeight;
  return turn;
}

// Removes the user's messages that got no answer.
export function takeBack() {
  while (turns.lastElementChild.matches(".user")) turns.lastElementChild.remove();
}

export function write(turn, text) {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < CLOSE;
  turn.querySelector(".text").append(text);
  if (follows) log.scrollTop = log.scrollHeight;
}

// While the log is busy, screen readers wait instead of reading word by word.
export function setBusy(turn, isBusy) {
  turn.classList.toggle("busy", isBusy);
  log.setAttribute("aria-busy", String(turns.querySelector(".busy") !== null));
}

export function note(turn, text) {
  const line = document.createElement("p");
  line.className = "note";
  line.textContent = text;
  turn.append(line);
}

export function showError(error, tryAgain) {
  const box = clone("error");
  box.querySelector("p").textContent = error.message;
  box.querySelector("a").hidden = !error.isSignedOut;
  box.querySelector("button").addEventListener("click", tryAgain);
  turns.append(box);
  log.scrollTop = log.scrollHeight;
}

// Removes errors, and the answers that were cut off.
export const clearErrors = () => turns.querySelectorAll(".error, .broken").forEach((one) => one.remove());
