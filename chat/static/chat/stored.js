// Conversations that the server keeps: begins one, reads one, and lists the user's own.
import { element } from "./element.js";
import { read } from "./session.js";
import { tell } from "./told.js";

const MOST = 200; // messages that are shown of one conversation, the last
const LISTED = 50; // conversations, the last used
const TITLE = 60; // characters of the first message: no half of an emoji

const address = document.querySelector("main").dataset.conversations;
const dialog = document.getElementById("kept");
const state = document.getElementById("kept-state");
const list = document.getElementById("kept-list");

// Its id.
export async function begin(personality, message, signal) {
  const title = [...message.split("\n")[0]].slice(0, TITLE).join("");
  return (await read(address, { body: { personality, title }, signal })).id;
}

// With whom it is, its last messages as the page has them, and how many there are before these.
export async function open(id) {
  const messages = `${address}${encodeURIComponent(id)}/messages/?page_size=${MOST}`;
  const { personality, personality_version: version } = await read(`${address}${encodeURIComponent(id)}/`);
  let page = await read(messages);
  if (page.count > MOST) page = await read(`${messages}&after=${page.count - MOST}`);
  const all = page.results;
  while (page.results.length && all.at(-1).position < page.count) { // a page of long ones ends early
    page = await read(`${messages}&after=${all.at(-1).position}`);
    all.push(...page.results);
  }
  return { personality, version, said: entriesOf(all), earlier: page.count - all.length };
}

function entriesOf(messages) {
  const names = new Map(messages.flatMap(({ tool_calls: calls }) => calls ?? []).map((call) => [call.id, call.function?.name]));
  return messages.map(({ role, content, tool_calls: calls, tool_call_id: id, parts, prompt_sha256: prompt }) => ({
    role,
    content,
    isStored: true,
    who: id && `Result of ${names.get(id) ?? "a tool"}`,
    calls: calls ?? [],
    parts: (parts ?? []).filter(({ type }) => type !== "text" && type !== "refusal"),
    prompt,
  }));
}

// Lets the user choose one of theirs. `choose` gets its id.
export async function choose(choose) {
  list.replaceChildren();
  state.textContent = "…";
  dialog.showModal();
  try {
    const { count, results } = await read(`${address}?page_size=${LISTED}`);
    state.textContent = count > LISTED ? `The ${LISTED} last used of ${count}.` : count ? "" : "None yet: switch on “Keep on the server” before your first message.";
    list.replaceChildren(...results.map((one) => rowOf(one, () => { dialog.close(); choose(one.id); })));
  } catch (error) {
    tell(state, error);
  }
}

function rowOf({ title, personality, updated_at: usedAt }, onclick) {
  const time = element("time", { dateTime: usedAt }, new Date(usedAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
  const button = element("button", { type: "button", onclick }, element("span", {}, title || "Without a title"), element("small", {}, `${personality}, `, time));
  return element("li", {}, button);
}
