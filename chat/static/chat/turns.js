// What was said, on the page. Text goes in as text, never as HTML.

const log = document.getElementById("log");
const turns = document.getElementById("turns");
const clone = (name) => document.getElementById(`${name}-template`).content.firstElementChild.cloneNode(true);
const CLOSE = 80; // pixels from the end: who has scrolled further up is reading, and stays there

export function begin({ name, shown, archetype, greeting }) {
  const intro = clone("intro");
  const face = intro.querySelector(".face");
  face.textContent = [...shown][0].toUpperCase();
  face.style.setProperty("--hue", hueOf(name));
  intro.querySelector("h2").textContent = shown;
  intro.querySelector(".archetype").textContent = archetype;
  intro.querySelector(".greeting").textContent = greeting;
  turns.replaceChildren(intro);
}

// Always the same for a name, between blue and pink.
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

// The user's, to which nobody has answered.
export function takeBack() {
  while (turns.lastElementChild.matches(".user")) turns.lastElementChild.remove();
}

export function write(turn, text) {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < CLOSE;
  turn.querySelector(".text").append(text);
  if (follows) log.scrollTop = log.scrollHeight;
}

// While it is busy, the log is read aloud by nobody: not word by word.
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

export function complain(trouble, tryAgain) {
  const box = clone("trouble");
  box.querySelector("p").textContent = trouble.message;
  box.querySelector("a").hidden = !trouble.isSignedOut;
  box.querySelector("button").addEventListener("click", tryAgain);
  turns.append(box);
  log.scrollTop = log.scrollHeight;
}

// Also what broke off.
export const hush = () => turns.querySelectorAll(".trouble, .broken").forEach((one) => one.remove());
