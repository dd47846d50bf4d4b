"""Parameters of other servers: left out where they do nothing, and refused where they would."""

from typing import Any

import pytest

from chat import openapi
from chat.foreign_parameters import AUXILIARY, FOREIGN
from chat.tests.bodies import M
from chat.tests.test_clients_bodies import passed_on, refused

# What text-generation-webui, TabbyAPI, llama.cpp, KoboldCpp and vLLM take for granted, each by its own names.
DEFAULTS: dict[str, dict[str, Any]] = {
    "text-generation-webui": {
        "min_p": 0, "dynamic_temperature": False, "dynatemp_low": 1, "dynatemp_high": 1, "dynatemp_exponent": 1,
        "smoothing_factor": 0, "smoothing_curve": 1, "top_k": 0, "repetition_penalty": 1, "typical_p": 1, "tfs": 1,
        "repetition_penalty_range": 1024, "top_a": 0, "epsilon_cutoff": 0, "eta_cutoff": 0, "guidance_scale": 1,
        "negative_prompt": "", "penalty_alpha": 0, "mirostat_mode": 0, "mirostat_tau": 5, "mirostat_eta": 0.1,
        "temperature_last": False, "do_sample": True, "encoder_repetition_penalty": 1, "no_repeat_ngram_size": 0,
        "dry_multiplier": 0, "dry_base": 1.75, "dry_allowed_length": 2, "xtc_threshold": 0.1, "xtc_probability": 0,
        "dry_sequence_breakers": '"\\n", ":"', "truncation_length": 0, "max_tokens_second": 0, "add_bos_token": True,
        "prompt_lookup_num_tokens": 0, "custom_token_bans": "", "auto_max_new_tokens": False, "ban_eos_token": False,
        "skip_special_tokens": True, "grammar_string": "",
    },
    "TabbyAPI": {
        "min_tokens": 0, "banned_strings": [], "banned_tokens": [], "allowed_tokens": [], "token_healing": False,
        "typical": 1, "skew": 0, "penalty_range": -1, "repetition_decay": 0, "dry_base": 0, "dry_allowed_length": 0,
        "dry_range": 0, "dry_sequence_breakers": [], "mirostat": False, "mirostat_tau": 1.5, "mirostat_eta": 0.3,
        "cfg_scale": 1, "max_temp": 1, "min_temp": 1, "temp_exponent": 1, "speculative_ngram": False,
    },
    "llama.cpp": {
        "n_predict": -1, "dynatemp_range": 0, "dynatemp_exponent": 1, "repeat_last_n": 64, "repeat_penalty": 1,
        "dry_penalty_last_n": 4096, "dry_sequence_breakers": ["\n", ":", '"', "*"], "mirostat": 0, "n_keep": 0,
        "n_discard": 0, "ignore_eos": False, "logit_bias": [], "n_probs": 0, "min_keep": 0, "grammar": "",
        "grammar_lazy": False, "grammar_triggers": [], "preserved_tokens": [], "post_sampling_probs": False, "lora": [],
    },
    "KoboldCpp": {
        "rep_pen": 1, "rep_pen_range": 0, "rep_pen_slope": 0, "nsigma": 0, "presence_context_size": 20,
        "smoothing_curve": 1, "sampler_order": [], "sampler_seed": -1, "memory": "", "bypass_eos": False,
    },
    "vLLM": {
        "stop_token_ids": [], "include_stop_str_in_output": False, "spaces_between_special_tokens": True,
        "bad_words": [], "add_generation_prompt": True, "continue_final_message": False, "add_special_tokens": False,
        "priority": 0, "length_penalty": 1.0, "use_beam_search": False, "include_reasoning": True, "echo": False,
    },
    "TGI": {"do_sample": False, "watermark": False, "details": False, "top_n_tokens": 0, "return_full_text": False},
    "SGLang": {"no_stop_trim": False, "separate_reasoning": True, "stream_reasoning": True, "custom_params": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for each in DEFAULTS.values() for name, value in each.items()]
)
def test_parameter__at_its_default_elsewhere_and_alone__left_out(name: str, value: Any) -> None:
    assert passed_on(**{name: value}) == {"messages": M}


@pytest.mark.parametrize("server", DEFAULTS)
def test_parameters__all_the_defaults_of_a_server__left_out(server: str) -> None:
    assert passed_on(**DEFAULTS[server]) == {"messages": M}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"dry_multiplier": 0.8, "dry_base": 1.75}, "dry_base"),
        ({"mirostat_mode": 2, "mirostat_tau": 5}, "mirostat_mode"),
        ({"frequency_penalty": 0.5, "repeat_last_n": 64}, "repeat_last_n"),
        ({"smoothing_factor": 0.2, "smoothing_curve": 1}, "smoothing_curve"),
        ({"stop_token_ids": [2]}, "stop_token_ids"),
        ({"penalty_alpha": False}, "penalty_alpha"),
    ],
)
def test_parameters__of_a_sampler_that_does_something__refused(given: dict[str, Any], param: str) -> None:
    assert refused(**given).param == param


def test_parameter__auxiliary_and_listed_by_the_operator__passed_on(settings: Any) -> None:
    settings.LLM_EXTRA_PARAMETERS = ["dry_base", "dry_multiplier"]
    assert passed_on(dry_base=2, dry_multiplier=0, dry_range=9) == {"messages": M, "dry_base": 2, "dry_multiplier": 0}


@pytest.mark.parametrize("name", ["ChatRequest", "ResponsesRequest"])
def test_schema__parameters_that_the_operator_lists__described(settings: Any, name: str) -> None:
    def properties() -> dict[str, Any]:
        document = openapi.add({"components": {"schemas": {}}, "paths": {}})
        found: dict[str, Any] = document["components"]["schemas"][name]["properties"]
        return found

    usual = properties()
    settings.LLM_EXTRA_PARAMETERS = ["top_k", "temperature"]
    described = properties()
    assert described.pop("top_k") == {"description": "Passed on as it is."}
    assert described == usual


def test_stream_options__usage_only_at_the_end__left_out() -> None:
    options = {"include_usage": True, "continuous_usage_stats": False}
    assert passed_on(stream=True, stream_options=options)["stream_options"] == {"include_usage": True}
    assert refused(stream=True, stream_options={"continuous_usage_stats": True}).param == (
        "stream_options.continuous_usage_stats"
    )


def test_tables__auxiliary_parameters__of_samplers_that_are_known() -> None:
    assert not FOREIGN.keys() & AUXILIARY.keys()
    mains = {main for each in AUXILIARY.values() for main in each}
    assert mains <= FOREIGN.keys() | {"presence_penalty", "frequency_penalty"}
