// An answer as it comes: server-sent events, as OpenAI's protocol has them.
import { Trouble } from "./trouble.js";

// The pieces of text. Throws Trouble when the answer does not end well.
export async function* pieces(answer) {
  for await (const data of events(answer)) {
    if (data === "[DONE]") return;
    const event = JSON.parse(data);
    if (event.error) throw new Trouble(event.error.message);
    const text = event.choices[0]?.delta?.content;
    if (text) yield text;
  }
  throw new Trouble("The answer broke off.");
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    // What does not begin so is a comment, which keeps the connection open.
    for (const part of parts) if (part.startsWith("data: ")) yield part.slice("data: ".length);
  }
}
