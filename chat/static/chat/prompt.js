// The panel with the system prompt: which field each line comes from, and which fields were left out. A conversation
// that is kept has a prompt of its own, whatever becomes of the personality.
import { element } from "./element.js";
import { read } from "./session.js";
import { tell } from "./told.js";

const { page } = document.querySelector("main").dataset;
const panel = document.getElementById("prompt");
const button = document.getElementById("prompt-button");
const state = document.getElementById("prompt-state");
const lines = document.getElementById("prompt-lines");
const omissions = document.getElementById("prompt-omissions");

let address;
let request;

// Called with each message too, so that edits of the personality show up. `id` is of the conversation, if it is kept.
export function follow({ prompt }, id) {
  const wanted = id ? `${page}conversations/${encodeURIComponent(id)}/prompt/` : prompt;
  if (wanted !== address) clear();
  address = wanted;
  refresh();
}

function clear() {
  state.textContent = "";
  lines.replaceChildren();
  omissions.hidden = true;
}

async function refresh() {
  request?.abort();
  if (panel.hidden || !address) return;
  request = new AbortController();
  try {
    show(await read(address, { signal: request.signal }));
  } catch (error) {
    if (error.name !== "AbortError") tell(state, error);
  }
}

function show(prompt) {
  const pinned = prompt.personality_version ? `Pinned to version ${prompt.personality_version}: edits of her do not change what is told in this conversation. ` : "";
  state.textContent = `${pinned}About ${prompt.tokens} tokens. The field each line comes from is shown below it.`;
  lines.replaceChildren(...prompt.sections.map((section) => sectionOf(section, prompt.lines)));
  omissions.hidden = prompt.omissions.length === 0;
  omissions.querySelector("summary").textContent = `Left out: ${prompt.omissions.length}`;
  omissions.querySelector("dl").replaceChildren(...prompt.omissions.map(omissionOf));
}

function sectionOf(section, all) {
  const title = element("h3", {}, section.name[0].toUpperCase() + section.name.slice(1).replaceAll("_", " "));
  title.append(element("span", { className: "tokens" }, `about ${section.tokens} tokens`));
  const parts = bySource(all.filter((line) => line.section === section.name));
  const whole = element("section");
  whole.append(title, ...parts.map(partOf));
  return whole;
}

// Consecutive lines from the same field form one part: an author's text may have many lines.
function bySource(some) {
  const parts = [];
  for (const { source, text } of some) {
    if (parts.at(-1)?.source === source) parts.at(-1).text += `\n${text}`;
    else parts.push({ source, text });
  }
  return parts;
}

function partOf({ source, text }) {
  const part = element("div", { className: "part" });
  part.append(element("p", { className: "line" }, text), element("code", { className: "source" }, source));
  return part;
}

function omissionOf({ source, reason }) {
  const omission = element("div");
  omission.append(element("dt", { className: "source" }, source), element("dd", {}, reason));
  return omission;
}

button.addEventListener("click", () => {
  panel.hidden = !panel.hidden;
  button.setAttribute("aria-expanded", String(!panel.hidden));
  refresh();
});
