// Reads a streamed answer: the server-sent events of OpenAI's protocol.
import { PageError } from "./errors.js";

// The chunks as they come. Throws PageError if the answer ends with an error or is cut off.
export async function* chunks(response) {
  for await (const data of events(response)) {
    if (data === "[DONE]") return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new PageError(chunk.error.message, { param: chunk.error.param });
    yield chunk;
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
