// What openapi-typescript makes of the document, used with openapi-fetch: list, read, patch, chat and stream.
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi_typescript/schema";

type Chunk = components["schemas"]["ChatCompletionChunk"];
type ResponsesEvent = components["schemas"]["ResponsesEvent"];
type Chat = components["schemas"]["ChatRequest"];

const client = createClient<paths>({
  baseUrl: process.env.COMPANION_URL!,
  headers: { Authorization: `Bearer ${process.env.COMPANION_KEY}` },
});
const elara = { name: "elara" };
const chat: Chat = { model: "elara", messages: [{ role: "user", content: "Is this plan sound?" }] };

async function eventsOf<Event>(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<Event[]> {
  let text = "";
  for await (const piece of stream.pipeThrough(new TextDecoderStream())) text += piece;
  const lines = text.split("\n").filter((line) => line.startsWith("data: {"));
  return lines.map((line): Event => JSON.parse(line.slice("data: ".length)));
}

async function responded(): Promise<string> {
  const body = { model: "elara", input: "Is this plan sound?", stream: true };
  const { data } = await client.POST("/v1/responses", { body, parseAs: "stream" });
  const events = await eventsOf<ResponsesEvent>(data!);
  return events.map((event) => (event.type === "response.output_text.delta" ? event.delta : "")).join("");
}

async function streamed(): Promise<string> {
  const { data } = await client.POST("/v1/chat/completions", { body: { ...chat, stream: true }, parseAs: "stream" });
  const chunks = await eventsOf<Chunk>(data!);
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}

async function said(): Promise<string | null | undefined> {
  const { data } = await client.POST("/v1/chat/completions", { body: chat });
  // Without `stream` it is a whole answer; the type does not know which of the two was asked for.
  return "choices" in data! && data.object === "chat.completion" ? data.choices[0]!.message.content : undefined;
}

async function main(): Promise<void> {
  const list = await client.GET("/api/v1/personalities/", { params: { query: { ordering: "personality_name" } } });
  const read = await client.GET("/api/v1/personalities/{name}/", { params: { path: elara } });
  const patched = await client.PATCH("/api/v1/personalities/{name}/", {
    params: { path: elara, header: { "If-Match": read.response.headers.get("ETag")! } },
    body: { greeting: "Patched by openapi-fetch." },
  });
  const outdated = await client.PATCH("/api/v1/personalities/{name}/", {
    params: { path: elara, header: { "If-Match": read.response.headers.get("ETag")! } },
    body: { greeting: "Too late." },
  });
  const nobody = await client.POST("/v1/chat/completions", { body: { ...chat, model: "nobody" } });
  console.log(
    JSON.stringify({
      names: list.data!.results.map((one) => one.personality_name),
      read: read.data!.traits.humor_level,
      patched: patched.data!.greeting,
      outdated: outdated.error!.status,
      said: await said(),
      streamed: await streamed(),
      responded: await responded(),
      refused: nobody.error!.error.code,
    }),
  );
}

main();
