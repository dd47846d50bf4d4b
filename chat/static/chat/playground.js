// The page: which conversation is open, and what the user does with it.
import * as answering from "./answering.js";
import * as choosing from "./choosing.js";
import * as conversation from "./conversation.js";
import { PageError, toPageError } from "./errors.js";
import * as stored from "./stored.js";
import * as memory from "./memory.js";
import * as prompt from "./prompt.js";
import { csrfToken } from "./session.js";
import * as turns from "./turns.js";

const { user, wanted, page, chosen } = document.querySelector("main").dataset;
const say = document.getElementById("say");
const keep = document.getElementById("keep");
const { open } = conversation;
const SIGNING_OUT = 500; // milliseconds that the other tab may take

const greeting = (choice) => (choice.greeting ? [{ role: "assistant", content: choice.greeting }] : []);

function show(choice, { said = greeting(choice), id, state = "", draft = "", keeps = false } = {}) {
  answering.leave();
  choosing.show(choice);
  turns.start(choice, state);
  conversation.begin(choice, { said, id });
  say.value ||= draft;
  say.placeholder = `Say something to ${choice.display_name}`;
  document.querySelectorAll("#say, #send").forEach((one) => { one.disabled = false; });
  document.getElementById("none")?.remove();
  keep.checked = Boolean(id) || keeps;
  prompt.follow(choice, id);
  changed();
}

async function showStored(id, draft) {
  const { personality, version, said, earlier } = await stored.open(id);
  const choice = (await choosing.byName(personality)) ?? { name: personality, display_name: personality, archetype: "", page };
  const before = earlier ? ` ${earlier} earlier messages are not shown.` : "";
  show(choice, { said, id, draft, state: `Kept on the server, with version ${version}: what was said does not change.${before}` });
}

// What the address names; else what this tab had before it was loaded again; else what the server offers.
async function start() {
  const id = new URLSearchParams(location.search).get("conversation");
  const saved = memory.restore(user);
  const offered = JSON.parse(chosen);
  memory.announce(user);
  if (id) return showStored(id, saved?.draft);
  const isElsewhere = saved && saved.name !== offered?.name && !wanted;
  const choice = (isElsewhere && (await choosing.byName(saved.name))) || offered;
  if (choice) show(choice, saved?.name === choice.name ? restored(saved) : {});
  if (conversation.unanswered().length) turns.showError(new PageError("The answer was interrupted."), answering.answer);
  return undefined;
}

// With nothing said yet she greets as she does now.
const restored = ({ entries, ...others }) => (conversation.isSaid(entries) ? { ...others, said: entries } : others);

function changed() {
  const { choice, id, entries } = open;
  keep.disabled = conversation.isSaid(entries);
  turns.follow(() => entries.forEach((entry, index) => turns.offer(conversation.turnOf(entry), id ? [] : actions(entry, index))));
  history.replaceState(null, "", id ? `${choice.page}${choice.page.includes("?") ? "&" : "?"}conversation=${id}` : choice.page);
  conversation.save();
}

// Only what this page alone has can be changed.
function actions(entry, index) {
  const { entries } = open;
  const send = (text) => { if (!answering.isAnswering()) { conversation.cut(entry); submit(text); } };
  if (entry.role === "user") return [["Edit", () => turns.edit(conversation.turnOf(entry), entry.content, send)]];
  const isLast = index === entries.length - 1 && entries[index - 1]?.role === "user";
  return isLast ? [["Regenerate", () => { conversation.cut(entry); answering.answer(); }]] : [];
}

function submit(content) {
  if (!content || answering.isAnswering() || !open.choice) return false;
  open.key = conversation.newKey();
  conversation.put({ role: "user", content });
  answering.answer();
  return true;
}

function submitField() {
  if (submit(say.value.trim())) say.value = "";
}

const orSaid = (promise) => promise.catch((error) => turns.showError(toPageError(error)));

document.getElementById("composer").addEventListener("submit", (event) => { event.preventDefault(); submitField(); });
say.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submitField();
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !document.querySelector("dialog[open]")) answering.abort(); });
document.getElementById("stop").addEventListener("click", () => { answering.abort(); say.focus(); });
document.getElementById("kept-button").addEventListener("click", () => stored.choose((id) => orSaid(showStored(id))));
document.getElementById("new-conversation").addEventListener("click", () => { if (open.choice) show(open.choice, { keeps: keep.checked }); say.focus(); });
document.getElementById("sign-out").addEventListener("submit", ({ target }) => {
  target.elements.csrfmiddlewaretoken.value = csrfToken(); // it changes when the user signs in again in another tab
  memory.forget();
  memory.announce(undefined);
});
keep.addEventListener("change", conversation.save);
addEventListener("pagehide", conversation.save);
memory.onOther(user, () => {
  memory.forget();
  document.body.replaceChildren();
  setTimeout(() => location.reload(), SIGNING_OUT);
});
answering.start({ changed, again: showStored });
choosing.start((choice) => { show(choice); say.focus(); }, turns.showError);
orSaid(start());
