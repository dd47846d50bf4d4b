"""Chat with a personality in OpenAI's wire format: any OpenAI client works, with a personality's name as the model."""
