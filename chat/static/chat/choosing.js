// Finds a personality among any number of them: a combobox, as the ARIA Authoring Practices describe it.
import { element } from "./element.js";
import { toPageError } from "./errors.js";
import { read } from "./session.js";

const PAUSE = 150; // milliseconds without a key, before the server is asked

const main = document.querySelector("main");
const input = document.getElementById("personality");
const list = document.getElementById("found");
const state = document.getElementById("found-state");

let chosen; // what the field says while nobody searches
let request;
let timer;
let showFailure;

export const byName = async (name) => (await read(`${main.dataset.search}?name=${encodeURIComponent(name)}`)).results[0];

// Calls `choose` with each choice of the user, and `showError` with an error that they can mend.
export function start(choose, showError) {
  showFailure = showError;
  const options = () => [...list.querySelectorAll("[role=option]")];
  const active = () => list.querySelector("[aria-selected=true]");
  const take = (option) => { close(); choose(option.choice); };
  input.addEventListener("focus", () => input.select());
  input.addEventListener("click", () => search(""));
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, PAUSE, input.value); });
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
  list.addEventListener("click", ({ target }) => { const option = target.closest("[role=option]"); if (option) take(option); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && active()) take(active());
    else if (event.key === "Escape" && !list.hidden) { event.stopPropagation(); close(); input.select(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") move(options(), active(), event.key === "ArrowDown" ? 1 : -1);
    else return;
    event.preventDefault();
  });
}

export function show(choice) {
  chosen = choice;
  input.value = choice?.display_name ?? "";
}

function close() {
  clearTimeout(timer);
  request?.abort();
  list.hidden = true;
  input.setAttribute("aria-expanded", "false");
  input.removeAttribute("aria-activedescendant");
  show(chosen);
}

// `marks` the first that is found, for the keyboard.
async function search(text, marks = text !== "") {
  request?.abort();
  request = new AbortController();
  try {
    fill(await read(`${main.dataset.search}?q=${encodeURIComponent(text.trim())}`, { signal: request.signal }), marks);
  } catch (error) {
    if (error.name !== "AbortError") fail(toPageError(error));
  }
}

// What mends an error cannot stand in the list: no option, it would not be reached by the keyboard.
function fail(error) {
  if (!error.remedy) return tell(error.message);
  close();
  return showFailure(error);
}

function fill({ results, has_more: hasMore }, marks) {
  const groups = Object.groupBy(results, ({ is_own: isOwn }) => (isOwn ? "Yours" : "Everybody's"));
  list.replaceChildren(...Object.entries(groups).map(([label, choices]) => groupOf(label, choices)));
  const more = hasMore ? " There are more: type the beginning of a name." : "";
  tell(results.length ? `${results.length} found.${more}` : "Nobody has a name that begins so.", Boolean(hasMore) || !results.length);
  const first = list.querySelector("[role=option]");
  if (first && marks) mark(first);
}

// Screen readers hear it in any case; others see it where it says more than the list does.
function tell(text, isShown = true) {
  state.textContent = text;
  if (isShown) list.append(element("p", { className: "more", ariaHidden: "true" }, text));
  list.hidden = false;
  input.setAttribute("aria-expanded", "true");
}

function groupOf(label, choices) {
  const group = element("div", {}, element("p", { className: "group", ariaHidden: "true" }, label), ...choices.map(optionOf));
  group.setAttribute("role", "group");
  group.ariaLabel = label;
  return group;
}

function optionOf(choice) {
  const option = element("div", { choice, id: `found-${choice.name}` }, element("span", {}, choice.display_name), element("small", {}, `${choice.name}${choice.archetype ? `, ${choice.archetype}` : ""}`));
  option.setAttribute("role", "option");
  option.ariaSelected = "false";
  return option;
}

function move(options, active, step) {
  if (list.hidden) search("", true);
  else if (options.length) mark(options.at((options.indexOf(active) + (active || step > 0 ? step : 0)) % options.length));
}

function mark(option) {
  list.querySelectorAll("[role=option]").forEach((one) => { one.ariaSelected = String(one === option); });
  input.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}
