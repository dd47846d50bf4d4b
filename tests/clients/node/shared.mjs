// What the programs ask for: each is an ordinary program of its client, told where Companion is by OpenAI's variables.
export const MODEL = 'elara'
export const KEY = process.env.OPENAI_API_KEY
export const URL = process.env.OPENAI_BASE_URL
export const PERSONA = 'Your name is Elara' // with this her prompt begins, which the model repeats
// A picture of one black point.
export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='
export const PNG_URL = `data:image/png;base64,${PNG}`
export const PARAMETERS = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
export const PARIS = { city: 'Paris', people: 7 }

export const weatherIn = ({ city }) => `Rain in ${city}`
