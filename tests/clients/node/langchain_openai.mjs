// LangChain's ChatOpenAI for JavaScript, with which n8n and LibreChat ask: n8n for responses by default.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HumanMessage } from '@langchain/core/messages'
import { tool } from '@langchain/core/tools'
import { ChatOpenAI } from '@langchain/openai'
import { z } from 'zod'
import { MODEL, PARIS, PERSONA, PNG_URL, weatherIn } from './shared.mjs'

const City = z.object({ city: z.string(), people: z.number().int() })
const weather = tool(weatherIn, {
  name: 'weather',
  description: 'The weather in a city.',
  schema: z.object({ city: z.string() }),
})
const MODELS = {
  chat: new ChatOpenAI({ model: MODEL, maxRetries: 0 }),
  responses: new ChatOpenAI({ model: MODEL, maxRetries: 0, useResponsesApi: true, supportsStrictToolCalling: false }),
}

for (const [name, model] of Object.entries(MODELS)) {
  test(`${name}: text`, async () => {
    assert((await model.invoke('Hello?')).text.includes(PERSONA))
  })

  test(`${name}: stream`, async () => {
    const told = []
    for await (const chunk of await model.stream('Hello?')) told.push(chunk.text)
    assert(told.join('').includes(PERSONA))
    assert(told.length > 3)
  })

  test(`${name}: tools`, async () => {
    const bound = model.bindTools([weather])
    const messages = [new HumanMessage('Is it raining?')]
    const answer = await bound.invoke(messages)
    assert.deepEqual(answer.tool_calls[0].args, { city: 'Paris' })
    messages.push(answer, await weather.invoke(answer.tool_calls[0]))
    assert.match((await bound.invoke(messages)).text, /Rain in Paris$/)
  })

  test(`${name}: structured output`, async () => {
    assert.deepEqual(await model.withStructuredOutput(City).invoke('Where?'), PARIS)
  })

  test(`${name}: image`, async () => {
    const content = [
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url: PNG_URL } },
    ]
    assert.match((await model.invoke([new HumanMessage({ content })])).text, /^I see image\/png\./)
  })

  test(`${name}: errors`, async () => {
    await assert.rejects(model.invoke('Answer 429.'), (error) => error.status === 429)
  })
}
