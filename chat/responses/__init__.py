"""OpenAI's Responses API, translated to its chat API on the way in and back on the way out."""
