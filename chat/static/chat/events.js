// Reads a streamed answer: the server-sent events of OpenAI's protocol.
import { PageError } from "./errors.js";

// The pieces of text. Throws PageError if the answer ends with an error or is cut off.
export async function* pieces(response) {
  for await (const data of events(response)) {
    if (data === "[DONE]") return;
    const event = JSON.parse(data);
    if (event.error) throw new PageError(event.error.message);
    const text = event.choices[0]?.delta?.content;
    if (text) yield text;
  }
  throw new PageError("The answer was cut off.");
}

async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    // Anything else is a comment that keeps the connection open.
    for (const part of parts) if (part.startsWith("data: ")) yield part.slice("data: ".length);
  }
}
