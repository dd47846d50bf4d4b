// Nothing here is run. Each line that is marked must not compile, or tsc says that the mark is of no use.
import type * as hey from "./hey_api/types.gen";
import type { components, paths } from "./openapi_typescript/schema";

type Schemas = components["schemas"];
const messages = [{ role: "user" as const, content: "Hi" }];

export const rightChat: Schemas["ChatRequest"] & hey.ChatRequest = { model: "elara", messages };
export const rightPatch: Schemas["PatchedPersonalityRequest"] & hey.PatchedPersonalityRequest = { archetype: null };

// @ts-expect-error a request is an object
export const noObject: Schemas["ChatRequest"] = 42;
// @ts-expect-error it names a model
export const noModel: Schemas["ChatRequest"] = { messages };
// @ts-expect-error and has messages
export const noMessages: Schemas["ChatRequest"] = { model: "elara" };
// @ts-expect-error a temperature is a number
export const hot: Schemas["ChatRequest"] = { model: "elara", messages, temperature: "hot" };
// @ts-expect-error nobody has such a role
export const role: Schemas["ChatRequest"] = { model: "elara", messages: [{ role: "narrator", content: "Hi" }] };
// @ts-expect-error a misspelt parameter
export const misspelt: Schemas["ChatRequest"] = { model: "elara", messages, temprature: 1 };
// @ts-expect-error a level is a number
export const level: Schemas["PatchedPersonalityRequest"] = { traits: { humor_level: "9" } };
// @ts-expect-error no such archetype
export const archetype: Schemas["PersonalityRequest"] = { personality_name: "mira", archetype: "villain" };
// @ts-expect-error no such tone
export const tone: Schemas["PatchedPreferencesRequest"] = { tone: "angry" };
// @ts-expect-error an answer has a list of choices
export const choices: Schemas["ChatCompletion"]["choices"] = {};
// @ts-expect-error a delta is in the event of one
export const event: Schemas["ResponsesEvent"] = { type: "response.output_text.delta", sequence_number: 4 };
// @ts-expect-error PUT needs If-Match
export const put: paths["/api/v1/personalities/{name}/"]["put"]["parameters"]["header"] = {};

// @ts-expect-error a request is an object
export const heyNoObject: hey.ChatRequest = 42;
// @ts-expect-error it names a model
export const heyNoModel: hey.ChatRequest = { messages };
// @ts-expect-error and has messages
export const heyNoMessages: hey.ChatRequest = { model: "elara" };
// @ts-expect-error a temperature is a number
export const heyHot: hey.ChatRequest = { model: "elara", messages, temperature: "hot" };
// @ts-expect-error nobody has such a role
export const heyRole: hey.ChatRequest = { model: "elara", messages: [{ role: "narrator", content: "Hi" }] };
// @ts-expect-error a misspelt parameter
export const heyMisspelt: hey.ChatRequest = { model: "elara", messages, temprature: 1 };
// @ts-expect-error a level is a number
export const heyLevel: hey.PatchedPersonalityRequest = { traits: { humor_level: "9" } };
// @ts-expect-error no such archetype
export const heyArchetype: hey.PersonalityRequest = { personality_name: "mira", archetype: "villain" };
// @ts-expect-error no such tone
export const heyTone: hey.PatchedPreferencesRequest = { tone: "angry" };
// @ts-expect-error an answer has a list of choices
export const heyChoices: hey.ChatCompletion["choices"] = {};
// @ts-expect-error a delta is in the event of one
export const heyEvent: hey.ResponsesEvent = { type: "response.output_text.delta", sequence_number: 4 };
// @ts-expect-error PUT needs If-Match
export const heyPut: hey.PersonalitiesUpdateData["headers"] = {};
