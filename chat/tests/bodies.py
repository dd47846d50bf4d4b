"""Bodies that clients send: recorded, or as their source builds them. M stands for a question."""

from typing import Any

Messages = list[dict[str, Any]]


def said(content: Any, **more: Any) -> dict[str, Any]:
    """An answer that a client sends back."""
    return {"role": "assistant", "content": content, **more}


def user(*parts: Any) -> dict[str, Any]:
    """A question in parts."""
    return {"role": "user", "content": list(parts)}


def text(text: str, **more: Any) -> dict[str, Any]:
    """A part with text."""
    return {"type": "text", "text": text, **more}


M: Messages = [{"role": "user", "content": "Hi"}]
SYSTEM = {"role": "system", "content": "S"}
FUNCTION = {"name": "now", "description": "The time.", "parameters": {"type": "object"}}
TOOL = {"type": "function", "function": FUNCTION}
STRICT = {"type": "function", "function": FUNCTION | {"strict": True}}
CALL = {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
LEGACY_CALL = {"name": "now", "arguments": "{}"}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "2"}
NAMED_RESULT = RESULT | {"name": "now"}
CALLED: Messages = [*M, said(None, tool_calls=[CALL]), RESULT]
FORCED = {"type": "function", "function": {"name": "now"}}
PNG = "data:image/png;base64,iVBORw0KGgo="
SHOWN = user(text("What is it?"), {"type": "image_url", "image_url": {"url": PNG}})
MARK = {"cache_control": {"type": "ephemeral"}}
SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "x"}}}

PARSED = said("{}", refusal=None, annotations=[], audio=None, function_call=None, tool_calls=None, parsed={})
RUN_TOOLS = CALL | {"function": {**LEGACY_CALL, "parsed_arguments": {}}}
LITELLM: dict[str, Any] = {
    "function_call": None,
    "provider_specific_fields": {"x": 1},
    "thinking_blocks": [{}],
    "reasoning_content": "H",
}
BLOCKS = [
    {"type": "reasoning", "summary": []},
    text("Yes"),
    {"type": "tool_use", "id": "c1", "name": "now", "input": {}},
]
NEUTRAL_SAMPLERS = {"top_k": 0, "min_p": 0, "repetition_penalty": 1, "presence_penalty": 0, "frequency_penalty": 0}
EVERYTHING: dict[str, Any] = {
    "messages": [{"role": "developer", "content": "D"}, *M],
    "temperature": 1,
    "top_p": 1,
    "n": 2,
    "seed": 7,
    "max_tokens": 9,
    "max_completion_tokens": 9,
    "stop": ["x"],
    "presence_penalty": 1,
    "frequency_penalty": -1,
    "logit_bias": {"5": -100},
    "logprobs": True,
    "top_logprobs": 5,
    "response_format": {"type": "json_object"},
    "tools": [TOOL, {"type": "custom", "custom": {"name": "sql"}}],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "prediction": {"type": "content", "content": "x"},
    "web_search_options": {},
    "moderation": {"model": "m"},
    "service_tier": "flex",
    "store": True,
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "explicit"},
    "prompt_cache_retention": "24h",
    "safety_identifier": "s",
    "user": "u",
    "metadata": {"a": "b"},
}

# Bodies that are passed on as they are.
UNCHANGED: dict[str, dict[str, Any]] = {
    "Open WebUI": {"messages": M, "tools": [TOOL] * 26},
    "Open WebUI with a logit bias": {"messages": M, "logit_bias": {"100": 1}},
    "instructor, pydantic-ai": {"messages": M, "tools": [STRICT], "tool_choice": FORCED, "parallel_tool_calls": False},
    "AI SDK, a choice of none": {"messages": M, "tools": [TOOL], "tool_choice": "none"},
    "SillyTavern, swipes": {"messages": M, "n": 2},
    "SillyTavern, token probabilities": {"messages": M, "logprobs": True, "top_logprobs": 10},
    "SillyTavern, an image": {"messages": [SHOWN]},
    "Google's signature": {"messages": [*M, {"role": "assistant", "tool_calls": [SIGNED]}, RESULT]},
    "a refusal": {"messages": [*M, said(None, refusal="No."), *M]},
    "functions, before there were tools": {
        "messages": [*M, said(None, function_call=LEGACY_CALL), {"role": "function", "name": "now", "content": "2"}],
        "functions": [FUNCTION],
        "function_call": {"name": "now"},
    },
    "all that OpenAI knows": EVERYTHING,
}
# Others, and what is passed on of them.
CHANGED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "Open WebUI after reasoning": (
        {"messages": [*M, said("Hm.", reasoning_details=[{"type": "text"}]), *M]},
        {"messages": [*M, said("Hm."), *M]},
    ),
    "OpenAI's, an answer that was parsed": ({"messages": [*M, PARSED, *M]}, {"messages": [*M, said("{}"), *M]}),
    "OpenAI's runTools": (
        {"messages": [*M, said(None, refusal=None, parsed=None, tool_calls=[RUN_TOOLS]), RESULT], "tools": [TOOL]},
        {"messages": CALLED, "tools": [TOOL]},
    ),
    "AI SDK, after a call": (
        {"messages": [*M, said("", reasoning_content="Hm.", tool_calls=[CALL]), RESULT]},
        {"messages": [*M, said("", tool_calls=[CALL]), RESULT]},
    ),
    "LangChain": ({"messages": CALLED, "n": 1, "tools": [TOOL]}, {"messages": CALLED, "tools": [TOOL]}),
    "LangChain, after it has put a stream together": (
        {"messages": [*M, said("", tool_calls=[{**CALL, "index": 0}]), NAMED_RESULT]},
        {"messages": [*M, said("", tool_calls=[CALL]), NAMED_RESULT]},
    ),
    "LangChain, content as blocks": (
        {"messages": [user("Hi", text("there", id="b1", index=0)), said(BLOCKS, tool_calls=[CALL]), RESULT]},
        {"messages": [user(text("Hi"), text("there")), said([text("Yes")], tool_calls=[CALL]), RESULT]},
    ),
    "LlamaIndex": (
        {"messages": CALLED, "tools": [TOOL], "tool_choice": "auto", "logprobs": None, "max_tokens": None},
        {"messages": CALLED, "tools": [TOOL], "tool_choice": "auto"},
    ),
    "LiteLLM": (
        {"messages": [*M, said(None, tool_calls=[CALL], **LITELLM), RESULT], "extra_body": {}},
        {"messages": CALLED},
    ),
    "Anthropic's marks, of aider and Cline": (
        {"messages": [{"role": "system", "content": [text("S", **MARK)]}, user(text("Hi", **MARK))]},
        {"messages": [{"role": "system", "content": [text("S")]}, user(text("Hi"))]},
    ),
    "SillyTavern": (
        {"messages": [SYSTEM | {"name": "example_user"}, *M], "logit_bias": {}, "n": 1, "stop": [], "logprobs": False,
         "reasoning_effort": "", **NEUTRAL_SAMPLERS},
        {"messages": [SYSTEM | {"name": "example_user"}, *M]},
    ),
    "Home Assistant": (
        {"messages": [SYSTEM, *M], "user": "01ABC", "provider": {"require_parameters": True}},
        {"messages": [SYSTEM, *M], "user": "01ABC"},
    ),
    "Jan": ({"messages": M, "top_k": -1, "repeat_penalty": 1, "best_of": 1, "echo": False}, {"messages": M}),
    "LM Studio": (
        {"messages": M, "max_tokens": -1, "stop": "", "stream": False, "stream_options": {"include_usage": True}},
        {"messages": M},
    ),
    "Continue": (
        {"messages": M, "parallel_tool_calls": False, "prediction": EVERYTHING["prediction"], "max_tokens": 9},
        {"messages": M, "prediction": EVERYTHING["prediction"], "max_tokens": 9},
    ),
    "Zed": (
        {"messages": [user(text("Hi"))], "stop": [], "tools": [], "parallel_tool_calls": True, "prompt_cache_key": "k"},
        {"messages": [user(text("Hi"))], "prompt_cache_key": "k"},
    ),
    "Semantic Kernel": (
        {"messages": [*CALLED[:2], {**NAMED_RESULT, "metadata": {}}], "tools": [TOOL], "stop": None},
        {"messages": [*CALLED[:2], NAMED_RESULT], "tools": [TOOL]},
    ),
    "Vercel's useChat": ({"messages": [M[0] | {"id": "m1", "parts": [text("Hi")], "name": ""}]}, {"messages": M}),
    "arguments that are no text": (
        {"messages": [*M, said([], tool_calls=[{"id": "c1", "function": {"name": "now", "arguments": {}}}]), RESULT]},
        {"messages": CALLED},
    ),
    "a tool that returned nothing": (
        {"messages": [*CALLED[:2], RESULT | {"content": None}]},
        {"messages": [*CALLED[:2], RESULT | {"content": ""}]},
    ),
    "an image as LangChain once wrote it": (
        {"messages": [user({"type": "image_url", "image_url": PNG, "detail": None})]},
        {"messages": [user({"type": "image_url", "image_url": {"url": PNG}})]},
    ),
    "an answer without anything": ({"messages": [*M, {"role": "assistant"}, *M]}, {"messages": [*M, said(""), *M]}),
    "what Mistral thought": (
        {"messages": [*M, said([{"type": "thinking", "thinking": [text("Hm.")]}], prefix=False), *M]},
        {"messages": [*M, said(""), *M]},
    ),
    "an answer that called no function": (
        {"messages": [*M, said("Yes", function_call={"name": None, "arguments": None}), *M]},
        {"messages": [*M, said("Yes"), *M]},
    ),
    "a part without its text": (
        {"messages": [*M, said([{"type": "text", "text": None}, text("Yes")]), *M]},
        {"messages": [*M, said([text(""), text("Yes")]), *M]},
    ),
    "a call of another type, with a number": (
        {"messages": [*M, said(None, tool_calls=[CALL | {"type": "", "id": 5}]), RESULT | {"tool_call_id": 5}]},
        {"messages": [*M, said(None, tool_calls=[CALL | {"id": "5"}]), RESULT | {"tool_call_id": "5"}]},
    ),
    "LangChain's own calls": (
        {"messages": [*M, said(None, tool_calls=[CALL | {"type": "tool_call"}]), RESULT]},
        {"messages": CALLED},
    ),
    "parts of the Responses API": (
        {"messages": [user({"type": "input_text", "text": "What is it?"},
                           {"type": "input_image", "image_url": PNG, "detail": "low", "file_id": None})]},
        {"messages": [user(text("What is it?"), {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}})]},
    ),
    "sound that was heard": (
        {"messages": [*M, said(None, audio={"id": "a1", "data": "UklG", "transcript": "Hi"}), *M]},
        {"messages": [*M, said(None, audio={"id": "a1"}), *M]},
    ),
}  # fmt: skip
BODIES = {name: (body, body) for name, body in UNCHANGED.items()} | CHANGED
