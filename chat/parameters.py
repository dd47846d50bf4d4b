"""Which parameters of a request have an effect. Clients send many that they do not use, and some of other servers."""

from collections.abc import Collection

from chat.backends import JsonObject
from chat.foreign_parameters import AUXILIARY, FOREIGN

# Values that mean the same as leaving the parameter out. Any other would change the answer, so ignoring it silently
# would mislead the caller.
NEUTRAL: dict[str, list[object]] = {
    "audio": [{}],
    "frequency_penalty": [0],
    "functions": [[]],
    "function_call": [""],
    "logit_bias": [{}, []],
    "logprobs": [False],
    "max_completion_tokens": [-1, 0],
    "max_tokens": [-1, 0],
    "modalities": [[], ["text"]],
    "n": [1],
    "presence_penalty": [0],
    "prompt_cache_key": [""],
    "reasoning_effort": [""],
    "response_format": [{}, "", {"type": "text"}],
    "safety_identifier": [""],
    "service_tier": ["", "auto", "default"],
    "stop": ["", [], [""]],
    "stream_options": [{}],
    "tool_choice": [""],
    "tools": [[]],
    "top_logprobs": [0],
    "user": [""],
    "verbosity": [""],
}
# Without tools, parameters about them have no effect, and are an error to OpenAI.
ABOUT: dict[str, dict[str, Collection[object]]] = {
    "tools": {"tool_choice": ("none", "auto"), "parallel_tool_calls": (True, False)},
    "functions": {"function_call": ("none", "auto")},
}


def with_effect(parsed: JsonObject, extra: Collection[str]) -> JsonObject:
    """The parameters that have an effect. Any value of those in `extra`, which the operator passes on, does."""
    given = {name: value for name, value in parsed.items() if _has_effect_among(parsed, name, extra)}
    if isinstance(options := given.get("stream_options"), dict):
        given["stream_options"] = {name: value for name, value in options.items() if has_effect(name, value, ())}
    if not given.get("stream"):
        given.pop("stream_options", None)  # an error to OpenAI
    for tools, about in ABOUT.items():
        for name in about if tools not in given else ():
            if _is_among(given.get(name), about[name]):
                del given[name]
    return given


def _has_effect_among(parsed: JsonObject, name: str, extra: Collection[str]) -> bool:
    if not has_effect(name, parsed[name], extra):
        return False
    mains = AUXILIARY.get(name, ()) if name not in extra else ()
    return not mains or any(has_effect(main, parsed.get(main), ()) for main in mains)


def has_effect(name: str, value: object, extra: Collection[str]) -> bool:
    """Whether the value means anything but leaving the parameter out."""
    if value is None or name in extra:
        return value is not None
    return not _is_among(value, NEUTRAL.get(name, FOREIGN.get(name, ())))


def _is_among(value: object, values: Collection[object]) -> bool:
    """Python takes True for 1, and JSON does not."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)
