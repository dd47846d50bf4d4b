"""Refusals of language models' servers: told as their own, in whichever shape and words they come."""

import json

import pytest

from chat.backends.masking import MAX_SEARCHED, Secrets
from chat.backends.refusals import MAX_DEPTH, MAX_QUOTED, Refusal, refusal_in, reports_overflow

TOOLS = "This model does not support tools."


def read(body: object) -> Refusal:
    return refusal_in(body if isinstance(body, bytes) else json.dumps(body).encode(), Secrets(["sk-planted"]))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": TOOLS, "type": "invalid_request_error"}},
        {"error": TOOLS},
        {"error": "Bad Request", "message": TOOLS, "statusCode": 400},
        {"object": "error", "message": TOOLS, "type": "BadRequestError", "param": None, "code": 400},
        {"detail": TOOLS},
        {"detail": {"message": TOOLS}},
        {"detail": [{"msg": TOOLS}]},
        {"message": {"detail": [{"type": "x", "loc": ["body"], "msg": TOOLS}]}, "object": "error"},
        [{"error": {"code": 400, "message": TOOLS, "status": "INVALID_ARGUMENT"}}],
        {"success": False, "errors": [{"code": 5, "message": TOOLS}]},
        {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": TOOLS},
        {"error": {"message": "", "detail": TOOLS}},
        {"error": "invalid_request", "error_description": TOOLS},
        {"error_code": 336003, "error_msg": TOOLS},
        {"error": {"code": 400, "reason": TOOLS}},
        {"Message": TOOLS},
        {"error_message": TOOLS},
        {"error": {"error": {"message": TOOLS}}},
        {"error": {}, "message": TOOLS},
        TOOLS,
        TOOLS.encode(),
        f"\n{TOOLS}\r\n".encode(),
    ],
)
def test_refusal__in_any_server_s_shape__its_message(body: object) -> None:
    assert read(body).message == TOOLS


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"{", b"[]", b"5", b"{}", b"null", b'{"error": null}', b'{"error": ""}', b'{"error": " "}',
     b'{"error": {}}', b'{"error": 5}', b"[" * 100_000, b'{"error": {"message": 5, "param": [], "code": {}}}',
     b'{"error": {"type": {}, "loc": {}}}', b'{"detail": "cut', b"<html>No", b" <!doctype html>",
     b'{"detail": [[[[[[["x"]]]]]]]}'],
)  # fmt: skip
def test_refusal__the_server_does_not_say_why__no_message(body: bytes) -> None:
    refusal = read(body)
    assert (refusal.message, refusal.param, refusal.code, refusal.is_overflow) == ("", None, None, False)


@pytest.mark.parametrize(("depth", "message"), [(MAX_DEPTH, TOOLS), (MAX_DEPTH + 1, "")])
def test_refusal__far_inside__found_as_deep_as_is_looked(depth: int, message: str) -> None:
    assert read(b'{"error":' * depth + json.dumps(TOOLS).encode() + b"}" * depth).message == message


def test_refusal__of_several_fields__each_with_its_place() -> None:
    extra = {"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted", "input": 4}
    deep = {"loc": ["body", "messages", 0, "content", None], "msg": "Field required"}
    refusal = read({"detail": [extra, deep, extra, {"msg": "The fourth"}]})
    assert refusal.message == "top_k: Extra inputs are not permitted; messages.0.content: Field required"
    assert refusal.param == "top_k"


def test_refusal__of_a_provider_behind_a_router__with_the_provider_s_words() -> None:
    for raw in (TOOLS, json.dumps({"detail": TOOLS})):
        error = {"message": "Provider returned error", "code": 400, "metadata": {"raw": raw, "provider_name": "x"}}
        assert read({"error": error}).message == f"Provider returned error; {TOOLS}"
    assert read({"error": {"message": "No", "metadata": {"raw": "<html>"}}}).message == "No"


def test_refusal__of_many_lines_and_letters__one_bounded_line_without_secrets() -> None:
    assert read({"detail": "No\r\nkey \x1b sk-plant\u0065d"}).message == "No key ..."
    assert read({"error": {"message": "a\\u0020sk\\u002dplanted", "param": "sk-planted", "code": "sk-planted"}}) == (
        "a ...", "...", "...", False, False,
    )  # fmt: skip
    assert read({"detail": [{"msg": "no", "loc": ["sk-planted"]}]}).param == "..."
    many = {"message": "m" * 999, "param": "p" * 999, "code": "c" * 999}
    assert read({"error": many})[:3] == ("m" * MAX_QUOTED, "p" * 64, "c" * 64)


def test_refusal__with_a_code_alone__its_code() -> None:
    assert read({"error": {"code": "unsupported", "param": "tools"}})[:3] == ("", "tools", "unsupported")


OVERFLOWS = {
    "Anthropic": ["prompt is too long: 210000 tokens > 200000 maximum",
                  "input length and `max_tokens` exceed context limit: 198000 + 21333 > 200000"],
    "Bedrock": ["Input is too long for requested model.",
                "Input Tokens Exceeded: Number of input tokens exceeds maximum length."],
    "Cloudflare": ["The estimated number of input and maximum output tokens (5000) exceeded this model context window "
                   "limit (4096)."],
    "Cohere": ["too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000.",
               "too many tokens: size limit exceeded by 1000 tokens."],
    "Copilot": ["prompt token count of 9000 exceeds the limit of 8192", "model_max_prompt_tokens_exceeded"],
    "Databricks": ["prompt token count (5000) cannot exceed 4096"],
    "DashScope": ["Range of input length should be [1, 30720]"],
    "DeepInfra": ["Requested input length 39818 exceeds maximum input length 32767"],
    "DeepSeek": ["This model's maximum context length is 65536 tokens. However, you requested 70000 tokens."],
    "Gemini": ["The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
               "Unable to submit request because the input token count is 5 but model only supports up to 4."],
    "GitHub Models": ["tokens_limit_reached", "Request body too large for gpt-4o model. Max size: 8000 tokens."],
    "Groq": ["Please reduce the length of the messages or completion."],
    "Hugging Face": ["Input is too long for this model, shorten your input"],
    "Kimi": ["Your request exceeded model token limit: 8192 (requested: 9000)"],
    "llama.cpp": ["the request exceeds the available context size. try increasing the context size",
                  "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it",
                  "Context size has been exceeded.", "exceed_context_size_error"],
    "LM Studio": ["Trying to keep the first 5000 tokens when context overflows. The model has a context window of 4096",
                  "Reached context length of 4096 tokens with model",
                  "The number of tokens to keep from the initial prompt is greater than the context length"],
    "MiniMax": ["invalid params, context window exceeds limit"],
    "Mistral": ["Prompt contains 65673 tokens, too large for model with 32768 maximum context length"],
    "MLC": ["Request prompt has 5000 tokens in total, larger than the model input length limit 4096."],
    "Ollama": ["the input length exceeds the context length", "prompt too long; exceeded max context length by 9"],
    "OpenAI, Azure": ["Your input exceeds the context window of this model.", "context_length_exceeded",
                      "Input tokens exceed the configured limit of 272000 tokens."],
    "OpenRouter": ["This endpoint's maximum context length is 8192 tokens. However, you requested about 9000 tokens"],
    "Poolside": ["Input length 5000 exceeds the maximum allowed input length of 4096 tokens."],
    "SGLang": ["The input (5000 tokens) is longer than the model's context length (4096 tokens).",
               "Requested token count exceeds the model's maximum context length of 131072 tokens.",
               "Input length (5000 tokens) exceeds the maximum allowed length (4096 tokens)."],
    "TabbyAPI": ["Prompt length 5000 is greater than max_seq_len 4096"],
    "TensorRT-LLM": ["Prompt length (5000) exceeds maximum input length (4096)",
                     "The sum of prompt length (5000), query length (0) should not exceed max_num_tokens (4096)"],
    "TGI": ["Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
            "`inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2000 `inputs` tokens and 100"],
    "vLLM": ["This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.",
             "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
             "max_tokens is too large: 5000. This model's maximum context length is 4096 tokens and your request has 9",
             "You passed 4097 input tokens. However, the model's context length is only 4096 tokens"],
    "watsonx": ["the number of input tokens 5000 cannot exceed the total tokens limit 4096 for this model"],
    "xAI": ["This model's maximum prompt length is 131072 but the request contains 200000 tokens."],
}  # fmt: skip
NO_OVERFLOWS = [
    "Request too large for model `x` on tokens per minute (TPM): Limit 6000, Requested 7000",
    "Rate limit reached: too many tokens",
    "Too many tokens, please wait before trying again.",
    "You exceeded your current quota; the token limit of your plan is reached",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens",
    "max_tokens must be less than or equal to 4096",
    "`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the"
    " `context_window` for this model",
    "'max_tokens' must be less than 4096 tokens",
    "temperature: Input should be less than or equal to 2",
    "messages.0.content.1.image.source: image exceeds 5 MB maximum: 6000000 bytes > 5242880 bytes",
    "Image input too large",
    "model requires more system memory (8.0 GiB) than is available (4.0 GiB)",
    "not enough memory for this context size",
    "stop: too many sequences; at most 4",
    "too many tools: at most 128",
    "Unknown parameter: context_length",
    TOOLS,
]


@pytest.mark.parametrize("message", [message for messages in OVERFLOWS.values() for message in messages])
def test_overflow__in_each_server_s_words__the_code_that_clients_act_upon(message: str) -> None:
    for body in ({"error": {"message": message, "code": 400}}, {"detail": message}, [{"error": {"message": message}}]):
        refusal = read(body)
        assert refusal[:3] == (message, "messages", "context_length_exceeded")
        assert refusal.is_overflow
        assert refusal.is_callers_fault


@pytest.mark.parametrize("name", ["code", "type"])
@pytest.mark.parametrize("word", ["context_length_exceeded", "exceed_context_size_error", "tokens_limit_reached"])
def test_overflow__by_its_code_or_type_alone__the_same_code(name: str, word: str) -> None:
    refusal = read({"error": {name: word, "message": "no", "param": "prompt"}})
    assert refusal == ("no", "prompt", "context_length_exceeded", True, True)
    assert read({"error": {name: word}})[:3] == ("", "messages", "context_length_exceeded")


@pytest.mark.parametrize("message", NO_OVERFLOWS)
def test_overflow__of_anything_else__none(message: str) -> None:
    assert not read({"error": {"message": message}}).is_overflow


@pytest.mark.parametrize("place", ["prompt", "input", "Context size has been exceeded. "])
def test_overflow__searched_in_very_much__takes_no_time(place: str) -> None:
    assert not reports_overflow("x" * MAX_SEARCHED + "Context size has been exceeded.")
    assert reports_overflow(place * 100_000) == place.startswith("Context")


@pytest.mark.parametrize(
    "error",
    [{"code": 400}, {"code": "422"}, {"code": 413}, {"type": "invalid_request_error"}, {"type": "BadRequestError"}],
)
def test_callers_fault__by_code_or_type(error: dict[str, object]) -> None:
    assert read({"message": "no such role", **error}).is_callers_fault
    assert not read({"message": "no such role", "code": 500, "type": "server_error"}).is_callers_fault
