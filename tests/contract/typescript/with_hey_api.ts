// What @hey-api/openapi-ts makes of the document: list, read, patch, chat and stream.
import { client } from "./hey_api/client.gen";
import * as companion from "./hey_api/sdk.gen";
import type { ChatCompletionChunk, ChatError, ChatRequest, ResponsesEvent, ResponsesRequest } from "./hey_api/types.gen";

client.setConfig({ baseUrl: process.env.COMPANION_URL!, auth: process.env.COMPANION_KEY! });
const path = { name: "elara" };
const chat: ChatRequest = { model: "elara", messages: [{ role: "user", content: "Is this plan sound?" }] };

async function streamed(): Promise<string> {
  const { stream } = await client.sse.post<Record<200, ChatCompletionChunk | ChatError | string>>({
    url: "/v1/chat/completions",
    security: [{ scheme: "bearer", type: "http" }],
    headers: { "Content-Type": "application/json" },
    body: { ...chat, stream: true } satisfies ChatRequest,
  });
  let text = "";
  for await (const event of stream) {
    if (typeof event === "object" && "choices" in event) text += event.choices[0]?.delta.content ?? "";
  }
  return text;
}

async function responded(): Promise<string> {
  const { stream } = await client.sse.post<Record<200, ResponsesEvent>>({
    url: "/v1/responses",
    security: [{ scheme: "bearer", type: "http" }],
    headers: { "Content-Type": "application/json" },
    body: { model: "elara", input: "Is this plan sound?", stream: true } satisfies ResponsesRequest,
  });
  let text = "";
  for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
  return text;
}

async function main(): Promise<void> {
  const list = await companion.personalitiesList({ query: { ordering: "personality_name" } });
  const read = await companion.personalitiesRetrieve({ path });
  const headers = { "If-Match": read.response!.headers.get("ETag")! };
  const patched = await companion.personalitiesPartialUpdate({ path, headers, body: { greeting: "Patched by hey-api." } });
  const outdated = await companion.personalitiesPartialUpdate({ path, headers, body: { greeting: "Too late." } });
  const said = await companion.openaiChat({ body: chat });
  const nobody = await companion.openaiChat({ body: { ...chat, model: "nobody" } });
  console.log(
    JSON.stringify({
      names: list.data!.results.map((one) => one.personality_name),
      read: read.data!.traits.humor_level,
      patched: patched.data!.greeting,
      outdated: outdated.error!.status,
      said: said.data!.choices[0]!.message.content,
      streamed: await streamed(),
      responded: await responded(),
      refused: nobody.error!.error.code,
    }),
  );
}

main();
