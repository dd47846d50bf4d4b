"""Which parameters of a request have an effect. Clients send many that they do not use, and some of other servers."""

from collections.abc import Collection

from chat.backends import JsonObject

# Values that mean what leaving the parameter out means. Any other value would change the answer, so that to ignore it
# silently would mislead the caller.
NEUTRAL: dict[str, list[object]] = {
    "audio": [{}],
    "frequency_penalty": [0],
    "functions": [[]],
    "function_call": [""],
    "logit_bias": [{}],
    "logprobs": [False],
    "max_completion_tokens": [-1, 0],
    "max_tokens": [-1, 0],
    "modalities": [[], ["text"]],
    "n": [1],
    "presence_penalty": [0],
    "prompt_cache_key": [""],
    "reasoning_effort": [""],
    "response_format": [{}, {"type": "text"}],
    "safety_identifier": [""],
    "service_tier": ["", "auto", "default"],
    "stop": ["", [], [""]],
    "tool_choice": [""],
    "tools": [[]],
    "top_logprobs": [0],
    "user": [""],
    "verbosity": [""],
}
# Parameters that OpenAI does not know, at the values at which they do nothing: samplers of other servers, and what a
# gateway would be told.
FOREIGN: dict[str, list[object]] = {
    "ban_eos_token": [False],
    "banned_strings": [[]],
    "best_of": [1],
    "cache_prompt": [True, False],
    "chat_template_kwargs": [{}],
    "do_sample": [True],
    "dry_multiplier": [0],
    "dynatemp_range": [0],
    "early_stopping": [False],
    "echo": [False],
    "extra_body": [{}],
    "grammar": [""],
    "guidance_scale": [1],
    "id_slot": [-1],
    "ignore_eos": [False],
    "include_reasoning": [True, False],
    "json_schema": [{}, ""],
    "length_penalty": [1],
    "min_p": [0],
    "min_tokens": [0],
    "mirostat": [0],
    "mirostat_mode": [0],
    "models": [[]],
    "n_predict": [-1],
    "negative_prompt": [""],
    "no_repeat_ngram_size": [0],
    "num_beams": [1],
    "num_predict": [-1],
    "options": [{}],
    "plugins": [[]],
    "prompt": [""],
    "provider": [{}, {"require_parameters": True}, {"require_parameters": False}],
    "raw": [False],
    "reasoning": [{}],
    "rep_pen": [1],
    "repeat_penalty": [1],
    "repetition_penalty": [1],
    "return_progress": [True, False],
    "safe_prompt": [False],
    "skip_special_tokens": [True],
    "smoothing_factor": [0],
    "stop_sequences": [[]],
    "suffix": [""],
    "tfs": [1],
    "tfs_z": [1],
    "timings_per_token": [True, False],
    "top_a": [0],
    "top_k": [0, -1],
    "top_n_sigma": [0, -1],
    "transforms": [[]],
    "typical": [1],
    "typical_p": [1],
    "usage": [{"include": True}, {"include": False}],
    "use_beam_search": [False],
    "xtc_probability": [0],
}
# What is said about tools has no effect, and is an error to OpenAI, where there are none.
ABOUT: dict[str, dict[str, Collection[object]]] = {
    "tools": {"tool_choice": ("none", "auto"), "parallel_tool_calls": (True, False)},
    "functions": {"function_call": ("none", "auto")},
}


def with_effect(parsed: JsonObject, extra: Collection[str]) -> JsonObject:
    """The parameters that have an effect. Of those in `extra`, which the operator passes on, any value has."""
    given = {name: value for name, value in parsed.items() if has_effect(name, value, extra)}
    if not given.get("stream"):
        given.pop("stream_options", None)  # for OpenAI an error
    for tools, about in ABOUT.items():
        for name in about if tools not in given else ():
            if _is_among(given.get(name), about[name]):
                del given[name]
    return given


def has_effect(name: str, value: object, extra: Collection[str]) -> bool:
    """Whether it says anything else than leaving the parameter out would."""
    if value is None or name in extra:
        return value is not None
    return not _is_among(value, NEUTRAL.get(name, FOREIGN.get(name, ())))


def _is_among(value: object, values: Collection[object]) -> bool:
    """Python takes True for 1, and JSON does not."""
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)
