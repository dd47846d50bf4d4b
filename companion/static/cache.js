// Keeps the cache page true, and draws how many lookups there were each second. Without it the page shows its loading.
"use strict";

const PERIOD = 2000; // milliseconds
const SPAN = 120; // seconds that a chart shows
const HEIGHT = 32;

const page = document.getElementById("cache");
const live = document.getElementById("cache-live");
const trouble = document.getElementById("cache-trouble");
const tableRows = document.getElementById("cache-rows");
const rowTemplate = document.getElementById("cache-row").content;
const samples = new Map(); // by process: counts are its own, and it may be another one that answers

let waiting;
let request;

const at = (path, numbers) => path.split(".").reduce((part, name) => part?.[name], numbers);

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showWords(numbers) {
  for (const element of page.querySelectorAll("[data-text]")) write(element, String(at(element.dataset.text, numbers) ?? ""));
  for (const card of page.querySelectorAll("[data-good]")) {
    card.querySelector(".cache-state").classList.toggle("is-bad", !numbers[card.dataset.good].good);
  }
  page.querySelector(".cache-breaker").classList.toggle("is-bad", !numbers.breaker.good);
}

// Rows are kept where they can be: the focus may be on a button in one.
function showRows(entries) {
  const kept = new Map([...tableRows.children].map((row) => [row.dataset.key, row]));
  let next = tableRows.firstElementChild;
  for (const entry of entries) {
    const row = kept.get(entry.key) ?? rowTemplate.firstElementChild.cloneNode(true);
    kept.delete(entry.key);
    fill(row, entry);
    if (row === next) next = next.nextElementSibling;
    else tableRows.insertBefore(row, next);
  }
  for (const row of kept.values()) row.remove();
  document.getElementById("cache-none").hidden = entries.length > 0;
}

function fill(row, entry) {
  row.dataset.key = entry.key;
  const button = row.querySelector("button");
  if (button) button.value = entry.key;
  for (const cell of row.querySelectorAll("[data-cell]")) write(cell, entry.cells[cell.dataset.cell]);
}

function remember(numbers) {
  const past = (samples.get(numbers.pid) ?? []).filter((sample) => numbers.at - sample.at <= SPAN + PERIOD / 1000);
  samples.set(numbers.pid, past);
  past.push(numbers);
  return past;
}

// Points of one source: how many seconds ago, and lookups a second since the sample before.
function rates(past, kind, source) {
  const count = (numbers) => numbers.kinds[kind].sources[source].found + numbers.kinds[kind].sources[source].absent;
  const now = past.at(-1).at;
  return past.slice(1).map((sample, index) => ({
    ago: Math.min(SPAN, now - sample.at),
    rate: Math.max(0, (count(sample) - count(past[index])) / (sample.at - past[index].at)),
  }));
}

function draw(element, past) {
  const [kind, source] = element.dataset.source.split(".");
  const points = rates(past, kind, source);
  element.querySelector(".cache-bar").style.setProperty("--share", past.at(-1).kinds[kind].sources[source].share);
  element.querySelector(".cache-chart").hidden = points.length === 0;
  if (points.length === 0) return;
  const most = Math.max(...points.map((point) => point.rate));
  const line = points.map(({ ago, rate }) => `${(SPAN - ago).toFixed(1)} ${(HEIGHT - 1 - (HEIGHT - 3) * rate / (most || 1)).toFixed(1)}`).join("L");
  element.querySelector(".cache-line").setAttribute("d", `M${line}`);
  element.querySelector(".cache-area").setAttribute("d", `M${SPAN - points[0].ago} ${HEIGHT}L${line}L${SPAN} ${HEIGHT}Z`);
  const said = `${perSecond(points.at(-1).rate)} now, ${perSecond(most)} at most`;
  write(element.querySelector(".cache-rate"), said);
  const title = element.querySelector("h3").firstChild.textContent.trim();
  element.querySelector("svg").setAttribute("aria-label", `${title}, lookups in the last two minutes: ${said}`);
}

const perSecond = (rate) => `${rate.toLocaleString("en-US", { maximumFractionDigits: rate < 10 ? 1 : 0 })}/s`;

function show(numbers) {
  const past = remember(numbers);
  showWords(numbers);
  showRows(numbers.redis.entries);
  for (const element of page.querySelectorAll("[data-source]")) draw(element, past);
}

async function ask() {
  const answer = await fetch(page.dataset.url, { signal: request.signal });
  // A session that has ended is redirected to the login page.
  if (answer.redirected || answer.status === 403) throw new Error("sign in again, then reload");
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

async function refresh() {
  const mine = request = new AbortController();
  const deadline = setTimeout(() => mine.abort(), 3 * PERIOD);
  try {
    show(await ask());
    say("");
  } catch (error) {
    if (!document.hidden) say(`Not up to date: ${error instanceof TypeError || error.name === "AbortError" ? "the server does not answer" : error.message}.`);
  }
  clearTimeout(deadline);
  if (!document.hidden && mine === request) waiting = setTimeout(refresh, PERIOD);
}

function say(text) {
  write(trouble, text); // said aloud when it changes, and so only then
  live.hidden = text !== "";
}

function startOrStop() {
  clearTimeout(waiting);
  const before = request;
  request = undefined;
  before?.abort();
  if (!document.hidden) refresh();
}

document.addEventListener("visibilitychange", startOrStop);
startOrStop();
