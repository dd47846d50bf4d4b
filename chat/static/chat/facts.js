// What an answer cost, in words: tokens and time.

const seconds = (milliseconds) => `${(milliseconds / 1000).toFixed(milliseconds < 9950 ? 1 : 0)} s`;
const count = new Intl.NumberFormat("en");

export function facts({ text, usage, first, total }) {
  const time = total === undefined ? "" : ` · ${seconds(total)}${first === undefined ? "" : `, the first word after ${seconds(first)}`}`;
  return `${tokens(text, usage)}${time}`;
}

function tokens(text, usage) {
  if (!usage) return `about ${count.format(estimated(text))} tokens (estimated)`;
  return `${count.format(usage.completion_tokens)} tokens, ${count.format(usage.prompt_tokens)} in the prompt`;
}

// As the server estimates those of a prompt, for scripts that separate words.
const estimated = (text) => Math.ceil(Math.max(text.length / 4, (text.split(/\s+/).filter(Boolean).length * 4) / 3));
