// Markdown inside a line: what is said with emphasis, code and links. Makes DOM nodes; text is never parsed as HTML.
import { element } from "./element.js";

const MAX_DEPTH = 6; // emphasis inside emphasis; deeper marks are shown as they are
// Each part has a bound, so that no text takes longer than in proportion to its length.
const PARTS = [
  /\\(?<escaped>[!-\/:-@[-`{-~])/u,
  /(?<ticks>`{1,3})(?<code>[^`]{1,2000})\k<ticks>(?!`)/u,
  /!?\[(?<label>[^[\]]{0,500})\]\((?<target>https?:\/\/[^\s()<>]{1,2000})\)/u, // pictures too: nothing is loaded from elsewhere
  /(?<bare>https?:\/\/[^\s<>()[\]"'`*]{1,2000}(?<![.,;:!?]))/u,
  /\*\*\*(?=\S)(?<both>[^*]{1,2000})\*\*\*/u,
  /\*\*(?=\S)(?<strong>(?:[^*]|\*(?!\*)){1,2000})\*\*/u,
  /(?<![\p{L}\p{N}_])__(?=[^\s_])(?<bold>[^_]{1,2000})__(?![\p{L}\p{N}_])/u,
  /\*(?=[^\s*])(?<em>(?:[^*]|\*\*[^*]{1,500}\*\*){1,2000}?)(?<!\s)\*(?!\*)/u,
  /(?<![\p{L}\p{N}_])_(?=[^\s_])(?<italic>[^_]{1,2000})(?<!\s)_(?![\p{L}\p{N}_])/u,
  /(?<tildes>~{2,3})(?=\S)(?<struck>[^~]{1,2000})\k<tildes>/u,
];
const INLINE = new RegExp(PARTS.map((part) => part.source).join("|"), "gu");
const TAGS = { strong: "strong", bold: "strong", em: "em", italic: "em", struck: "del" };

// The nodes for one line, or for several that belong together.
export function inline(text, depth = 0) {
  const made = document.createDocumentFragment();
  let end = 0;
  for (let match; depth < MAX_DEPTH && (match = next(text, end));) {
    made.append(text.slice(end, match.index), nodeOf(match.groups, depth));
    end = match.index + match[0].length;
  }
  made.append(text.slice(end));
  return made;
}

// Not matchAll, which would compile the expression anew for each piece of text.
function next(text, from) {
  INLINE.lastIndex = from;
  return INLINE.exec(text);
}

function nodeOf(groups, depth) {
  if (groups.escaped) return groups.escaped;
  if (groups.code) return element("code", {}, groups.code);
  if (groups.target) return link(groups.target, groups.label || groups.target);
  if (groups.bare) return link(groups.bare, groups.bare);
  if (groups.both) return element("strong", {}, element("em", {}, inline(groups.both, depth + 1)));
  const [name, text] = Object.entries(groups).find(([name, text]) => text && name in TAGS);
  return element(TAGS[name], {}, inline(text, depth + 1));
}

// Only http and https get here. The other site learns neither where the link stood nor can it reach this page.
const link = (href, text) => element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, text);
