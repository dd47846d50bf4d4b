// OpenAI's own client for JavaScript.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { MODEL, PARAMETERS, PARIS, PERSONA, PNG_URL, weatherIn } from './shared.mjs'

const client = new OpenAI({ maxRetries: 0 })
const HELLO = [{ role: 'user', content: 'Hello?' }]
const RAIN = [{ role: 'user', content: 'Is it raining?' }]
const FUNCTION = { name: 'weather', description: 'The weather in a city.', parameters: PARAMETERS }
const City = z.object({ city: z.string(), people: z.number().int() })

test('models', async () => {
  const ids = []
  for await (const model of client.models.list()) ids.push(model.id)
  assert(ids.includes(MODEL))
})

test('chat', async () => {
  const answer = await client.chat.completions.create({ model: MODEL, messages: HELLO })
  assert(answer.choices[0].message.content.includes(PERSONA))
  assert.equal(answer.usage.total_tokens, 12)
})

test('stream', async () => {
  const stream = await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true })
  const told = []
  for await (const chunk of stream) told.push(chunk.choices[0]?.delta.content ?? '')
  assert(told.join('').includes(PERSONA))
  assert(told.length > 3)
})

test('tools', async () => {
  const run = client.chat.completions.runTools({
    model: MODEL,
    messages: RAIN,
    tools: [{ type: 'function', function: { ...FUNCTION, parse: JSON.parse, function: weatherIn } }],
  })
  assert.match(await run.finalContent(), /I heard: Rain in Paris$/)
})

test('streamed tools', async () => {
  const run = client.chat.completions.runTools({
    model: MODEL,
    messages: RAIN,
    stream: true,
    tools: [{ type: 'function', function: { ...FUNCTION, parse: JSON.parse, function: weatherIn } }],
  })
  assert.match(await run.finalContent(), /I heard: Rain in Paris$/)
})

test('structured output', async () => {
  const asked = { model: MODEL, messages: HELLO, response_format: zodResponseFormat(City, 'city') }
  const answer = await client.chat.completions.parse(asked)
  assert.deepEqual(answer.choices[0].message.parsed, PARIS)
})

test('parsed sent back', async () => {
  const asked = { model: MODEL, messages: HELLO, response_format: zodResponseFormat(City, 'city') }
  const { message } = (await client.chat.completions.parse(asked)).choices[0]
  const answer = await client.chat.completions.create({ model: MODEL, messages: [...HELLO, message, ...RAIN] })
  assert.match(answer.choices[0].message.content, /Is it raining\?$/)
})

test('image', async () => {
  const content = [
    { type: 'text', text: 'What is it?' },
    { type: 'image_url', image_url: { url: PNG_URL } },
  ]
  const answer = await client.chat.completions.create({ model: MODEL, messages: [{ role: 'user', content }] })
  assert.match(answer.choices[0].message.content, /^I see image\/png\./)
})

test('responses', async () => {
  const answer = await client.responses.create({ model: MODEL, input: 'Hello?', instructions: 'Be brief.' })
  assert(answer.output_text.includes(PERSONA))
})

test('streamed responses', async () => {
  const stream = client.responses.stream({ model: MODEL, input: 'Hello?' })
  let told = ''
  stream.on('response.output_text.delta', (event) => (told += event.delta))
  assert.equal((await stream.finalResponse()).output_text, told)
  assert(told.includes(PERSONA))
})

test('tools of responses', async () => {
  const tools = [{ type: 'function', ...FUNCTION, strict: false }]
  const input = [...RAIN]
  const answer = await client.responses.create({ model: MODEL, input, tools })
  const call = answer.output.find((item) => item.type === 'function_call')
  input.push(...answer.output)
  input.push({ type: 'function_call_output', call_id: call.call_id, output: weatherIn(JSON.parse(call.arguments)) })
  assert.match((await client.responses.create({ model: MODEL, input, tools })).output_text, /Rain in Paris$/)
})

test('structured output of responses', async () => {
  const asked = { model: MODEL, input: 'Hello?', text: { format: zodTextFormat(City, 'city') } }
  assert.deepEqual((await client.responses.parse(asked)).output_parsed, PARIS)
})

test('errors', async () => {
  const ask = (changes) => client.chat.completions.create({ model: MODEL, messages: HELLO, ...changes })
  await assert.rejects(ask({ temperature: 9 }), OpenAI.BadRequestError)
  await assert.rejects(ask({ model: 'nobody' }), OpenAI.NotFoundError)
  await assert.rejects(ask({ messages: [{ role: 'user', content: 'Answer 429.' }] }), OpenAI.RateLimitError)
  const other = new OpenAI({ apiKey: 'wrong', maxRetries: 0 })
  await assert.rejects(other.chat.completions.create({ model: MODEL, messages: HELLO }), OpenAI.AuthenticationError)
})

test('hang up', async () => {
  const messages = [{ role: 'user', content: 'Count for openai_node.' }]
  const stream = await client.chat.completions.create({ model: MODEL, messages, stream: true })
  for await (const chunk of stream) {
    assert(chunk.choices)
    break // aborts the request
  }
})
