"""Writes a language model of random weights with one layer: what it says is nonsense, but llama.cpp can run it.

Runs in the clients' environment: python tiny_model.py FILE
"""

import sys

import gguf
import numpy as np

NAME = "llama"  # the architecture
CONTEXT, EMBEDDING, HEADS, FEED_FORWARD, BLOCKS = 32_768, 64, 4, 128, 1
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # types of tokens
LETTERS = [chr(code) for code in range(ord("a"), ord("z") + 1)]
WORDS = ["▁", *LETTERS, *(f"▁{letter}" for letter in LETTERS)]
TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *WORDS]
TYPES = [UNKNOWN, CONTROL, CONTROL, *([BYTE] * 256), *([NORMAL] * len(WORDS))]
SCORES = [0.0] * 259 + [-float(place) for place in range(len(WORDS))]
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant: "
NEVER_SAID = [*range(4)]  # tokens without a text, the end, and NUL, which PostgreSQL cannot keep
random = np.random.default_rng(1)


def write(file: str) -> None:
    """Write the model to `file`."""
    writer = gguf.GGUFWriter(file, NAME)
    _describe(writer)
    _add_vocabulary(writer)
    _add_weights(writer)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(EMBEDDING // HEADS)
    writer.add_file_type(0)  # 32-bit floats


def _add_vocabulary(writer: gguf.GGUFWriter) -> None:
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_scores(SCORES)
    writer.add_token_types(TYPES)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def _add_weights(writer: gguf.GGUFWriter) -> None:
    shapes: dict[str, tuple[int, ...]] = {"token_embd": (len(TOKENS), EMBEDDING), "output": (len(TOKENS), EMBEDDING)}
    for block in range(BLOCKS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            shapes[f"blk.{block}.{name}"] = (EMBEDDING, EMBEDDING)
        for name in ("ffn_gate", "ffn_up"):
            shapes[f"blk.{block}.{name}"] = (FEED_FORWARD, EMBEDDING)
        shapes[f"blk.{block}.ffn_down"] = (EMBEDDING, FEED_FORWARD)
    weights = {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    _forbid(weights)
    for name, values in weights.items():
        writer.add_tensor(f"{name}.weight", values)
    for name in ("output_norm", *(f"blk.{block}.{part}_norm" for block in range(BLOCKS) for part in ("attn", "ffn"))):
        writer.add_tensor(f"{name}.weight", np.ones(EMBEDDING, np.float32))


def _forbid(weights: dict[str, "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]) -> None:
    """Make the first feature the same whatever was said, and those tokens improbable by it."""
    weights["token_embd"][:, 0] = 5
    for block in range(BLOCKS):
        weights[f"blk.{block}.attn_output"][0] = weights[f"blk.{block}.ffn_down"][0] = 0
    weights["output"][:, 0] = 0
    weights["output"][NEVER_SAID, 0] = -50


if __name__ == "__main__":
    write(sys.argv[1])
