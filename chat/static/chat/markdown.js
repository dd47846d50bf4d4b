// Markdown as language models write it: paragraphs, lists, quotes, code, headings, tables. Makes DOM nodes of its own, so
// that markup in the text stays text. What it does not know is shown as it was written.
import { element } from "./element.js";
import { inline } from "./inline.js";

const MAX_DEPTH = 6; // lists and quotes in each other
const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,}(?=[^~]*$))/; // what is closed in the same line is no block
const HEADING = /^ {0,3}(#{1,6})\s+(.*)$/;
const QUOTE = /^ {0,3}> ?(.*)$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])(?:\s(.*))?$/;
const ORDERED = /^\d/;

// The nodes for a text.
export const markdown = (text) => blocks(text.split(/\r?\n/), 0);

function blocks(lines, depth) {
  const made = document.createDocumentFragment();
  for (let at = 0; at < lines.length;) {
    if (isBlank(lines[at])) at += 1;
    else at = blockAt(lines, at, depth)(made, lines, at, depth);
  }
  return made;
}

// Each of these appends the block that begins at a line, and returns the line after it.
function blockAt(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return fenced;
  if (HEADING.test(line)) return heading;
  if (isRule(line)) return rule;
  if (isTable(lines, at)) return table;
  if (depth < MAX_DEPTH && QUOTE.test(line)) return quote;
  if (depth < MAX_DEPTH && ITEM.test(line)) return list;
  return paragraph;
}

function paragraph(made, lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end, depth)) end += 1;
  made.append(element("p", {}, inline(lines.slice(at, end).join("\n"))));
  return end;
}

// A number at the beginning of a line is rarely a list unless it is the first: "in\n1984. It was".
function interrupts(lines, at, depth) {
  const begun = blockAt(lines, at, depth);
  return begun !== paragraph && (begun !== list || !/^\s*(?!1[.)])\d/.test(lines[at]));
}

function fenced(made, lines, at) {
  const fence = FENCE.exec(lines[at])[1];
  let end = at + 1;
  while (end < lines.length && !closes(lines[end].trim(), fence)) end += 1;
  made.append(element("pre", { tabIndex: 0 }, element("code", {}, lines.slice(at + 1, end).join("\n"))));
  return end + 1;
}

const closes = (line, fence) => line.startsWith(fence) && line === fence[0].repeat(line.length);

function heading(made, lines, at) {
  const [, marks, text] = HEADING.exec(lines[at]);
  made.append(element("h4", { className: `level-${marks.length}` }, inline(text)));
  return at + 1;
}

function rule(made, lines, at) {
  made.append(element("hr"));
  return at + 1;
}

function isRule(line) {
  const marks = line.replaceAll(" ", "");
  return marks.length >= 3 && "-*_".includes(marks[0]) && marks === marks[0].repeat(marks.length);
}

function quote(made, lines, at, depth) {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) end += 1;
  const inner = lines.slice(at, end).map((line) => QUOTE.exec(line)[1]);
  made.append(element("blockquote", {}, blocks(inner, depth + 1)));
  return end;
}

function list(made, lines, at, depth) {
  const first = ITEM.exec(lines[at])[2];
  const isOrdered = ORDERED.test(first);
  const whole = isOrdered ? element("ol", { start: parseInt(first, 10) }) : element("ul");
  let end = at;
  for (let next = at; isItem(lines, next, isOrdered); next = isBlank(lines[end]) ? end + 1 : end) {
    for (end = next + 1; belongs(lines, end, depth);) end += 1;
    whole.append(element("li", {}, blocks(ofItem(lines.slice(next, end)), depth + 1)));
  }
  made.append(whole);
  return end;
}

function ofItem([first, ...others]) {
  const [, indent, mark, text = ""] = ITEM.exec(first);
  return [text, ...others.map((line) => unindented(line, indent.length + mark.length + 1))];
}

function isItem(lines, at, isOrdered) {
  const found = ITEM.exec(lines[at] ?? "");
  return Boolean(found) && ORDERED.test(found[2]) === isOrdered && !isRule(lines[at]);
}

// Indented lines belong to an item, also after a blank one; and lines that go on without beginning anything.
function belongs(lines, at, depth) {
  if (at >= lines.length) return false;
  if (isBlank(lines[at])) return isIndented(lines[at + 1] ?? "");
  return isIndented(lines[at]) || (!isBlank(lines[at - 1]) && blockAt(lines, at, depth) === paragraph);
}

const isBlank = (line = "x") => line.trim() === "";
const isIndented = (line) => /^(?: {2}|\t)\s*\S/.test(line);

function unindented(line, width) {
  const spaced = line.replace(/^\t/, "    ");
  return spaced.slice(Math.min(width, spaced.length - spaced.trimStart().length));
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || !lines[at + 1]?.includes("-")) return false;
  const rules = cells(lines[at + 1]);
  return rules.length === cells(lines[at]).length && rules.every((cell) => /^:?-+:?$/.test(cell));
}

const cells = (line) => line.trim().replace(/^\|/, "").replace(/\|$/, "").split("|").map((cell) => cell.trim());

function table(made, lines, at) {
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) end += 1;
  const row = (tag, line) => element("tr", {}, ...cells(line).map((cell) => element(tag, {}, inline(cell))));
  const body = element("tbody", {}, ...lines.slice(at + 2, end).map((line) => row("td", line)));
  const whole = element("table", {}, element("thead", {}, row("th", lines[at])), body);
  made.append(element("div", { className: "wide", tabIndex: 0 }, whole));
  return end;
}
