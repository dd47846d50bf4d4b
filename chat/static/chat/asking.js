// Asks for one answer, and collects it while it comes: its text, its tool calls, its tokens and how long it took.
import { chunks } from "./events.js";
import { PageError } from "./errors.js";
import { send } from "./session.js";

let wantsUsage = true; // until a language model's server refuses to count

// Fills `answer` in and calls `changed` with each new piece of text. Throws PageError, TypeError and AbortError.
export async function ask(address, request, { answer, key, signal, changed }) {
  const started = performance.now();
  const response = await begin(address, request, key, signal);
  answer.prompt = response.headers.get("Prompt-SHA256") ?? undefined;
  for await (const chunk of chunks(response)) {
    signal.throwIfAborted();
    if (chunk.usage) answer.usage = chunk.usage;
    const delta = chunk.choices?.[0]?.delta ?? {};
    const text = delta.content || delta.refusal || "";
    if (text || delta.tool_calls) answer.first ??= performance.now() - started;
    answer.text += text;
    (delta.tool_calls ?? []).forEach((call) => addCall(answer.calls, call));
    if (text) changed(text);
  }
  answer.total = performance.now() - started;
}

async function begin(address, request, key, signal) {
  const usage = wantsUsage ? { stream_options: { include_usage: true } } : {};
  const headers = key ? { "Idempotency-Key": key } : {};
  try {
    return await send(address, { body: { ...request, stream: true, ...usage }, headers, signal });
  } catch (error) {
    const isRefused = wantsUsage && error instanceof PageError && error.status === 400 && /stream_options|include_usage/.test(error.message);
    if (!isRefused) throw error;
    wantsUsage = false;
    return begin(address, request, key, signal);
  }
}

// A call comes in pieces: first its name, which some servers repeat with each, then its arguments, or the input of a
// tool that takes any text.
function addCall(calls, { index, function: called, custom }) {
  const piece = called ?? custom;
  const { function: asked } = (calls[index ?? calls.length] ??= { function: { name: "", arguments: "" } });
  if (piece?.name !== asked.name) asked.name += piece?.name ?? "";
  asked.arguments += piece?.arguments ?? piece?.input ?? "";
}
