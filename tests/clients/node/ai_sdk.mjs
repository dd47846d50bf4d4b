// Vercel's AI SDK with @ai-sdk/openai as it is (it asks for responses), with its chat model, and with
// @ai-sdk/openai-compatible.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createOpenAI, openai } from '@ai-sdk/openai'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, Output, generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'
import { KEY, MODEL, PARIS, PERSONA, PNG, URL, weatherIn } from './shared.mjs'

const compatible = createOpenAICompatible({
  name: 'companion',
  baseURL: URL,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
})
const City = z.object({ city: z.string(), people: z.number().int() })
const tools = {
  weather: tool({
    description: 'The weather in a city.',
    inputSchema: z.object({ city: z.string() }),
    execute: async (given) => weatherIn(given),
  }),
}
const MODELS = { responses: openai(MODEL), chat: openai.chat(MODEL), compatible: compatible(MODEL) }

for (const [name, model] of Object.entries(MODELS)) {
  const ask = { model, maxRetries: 0 }

  test(`${name}: text`, async () => {
    const { text, usage } = await generateText({ ...ask, prompt: 'Hello?' })
    assert(text.includes(PERSONA))
    assert.equal(usage.totalTokens, 12)
  })

  test(`${name}: stream`, async () => {
    const told = []
    for await (const piece of streamText({ ...ask, prompt: 'Hello?' }).textStream) told.push(piece)
    assert(told.join('').includes(PERSONA))
    assert(told.length > 3)
  })

  test(`${name}: second turn`, async () => {
    const messages = [{ role: 'user', content: 'Hello?' }]
    messages.push(...(await generateText({ ...ask, messages })).responseMessages, { role: 'user', content: 'Again?' })
    assert.match((await generateText({ ...ask, messages })).text, /I heard: Again\?/)
  })

  test(`${name}: tools`, async () => {
    const { text } = await generateText({ ...ask, tools, stopWhen: stepCountIs(3), prompt: 'Is it raining?' })
    assert.match(text, /I heard: .*Rain in Paris/)
  })

  test(`${name}: streamed tools`, async () => {
    const run = streamText({ ...ask, tools, stopWhen: stepCountIs(3), prompt: 'Is it raining?' })
    assert.match(await run.text, /I heard: .*Rain in Paris/)
    assert.equal((await run.steps).length, 2)
  })

  test(`${name}: structured output`, async () => {
    const { output } = await generateText({ ...ask, output: Output.object({ schema: City }), prompt: 'Where?' })
    assert.deepEqual(output, PARIS)
  })

  test(`${name}: image`, async () => {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'file', data: Buffer.from(PNG, 'base64'), mediaType: 'image/png' },
    ]
    const { text } = await generateText({ ...ask, messages: [{ role: 'user', content }] })
    assert.match(text, /^I see image\/png\./)
  })

  test(`${name}: errors`, async () => {
    const refused = (status) => (error) => APICallError.isInstance(error) && error.statusCode === status
    await assert.rejects(generateText({ ...ask, prompt: 'Answer 429.' }), refused(429))
  })
}

test('errors', async () => {
  const ask = (model) => generateText({ model, maxRetries: 0, prompt: 'Hello?' })
  await assert.rejects(ask(openai('nobody')), (error) => error.statusCode === 404)
  await assert.rejects(ask(createOpenAI({ apiKey: 'wrong' })(MODEL)), (error) => error.statusCode === 401)
})

test('hang up', async () => {
  const leaving = new AbortController()
  const run = streamText({ model: MODELS.compatible, prompt: 'Count for ai_sdk.', abortSignal: leaving.signal })
  for await (const piece of run.textStream) {
    assert(piece)
    leaving.abort()
  }
})
