"""A tiny recurrent model with random weights: its memory cannot be cut, which is its point."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

from backends.llama_cpp.formats import FORMATS

_EMBD, _INNER, _STATE, _CONV, _RANK, _LAYERS = 32, 64, 8, 4, 4, 2


def _byte_tokens() -> list[str]:
    """The 256 characters that stand for bytes in a byte-level vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [n for n in range(256) if n not in printable]
    return [chr(n) for n in printable] + [chr(256 + n) for n in range(len(others))]


def write_recurrent_model(path: Path) -> None:
    """Write a Mamba of two layers and 258 byte-level tokens as a GGUF."""
    draw = np.random.default_rng(3)
    tokens = [*_byte_tokens(), "<|im_start|>", "<|im_end|>"]
    writer = gguf.GGUFWriter(path, "mamba")
    writer.add_context_length(512)
    writer.add_embedding_length(_EMBD)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_block_count(_LAYERS)
    writer.add_ssm_conv_kernel(_CONV)
    writer.add_ssm_inner_size(_INNER)
    writer.add_ssm_state_size(_STATE)
    writer.add_ssm_time_step_rank(_RANK)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3, 3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(257)
    writer.add_chat_template(FORMATS["chatml"])

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, draw.normal(0, 0.4, shape).astype(np.float32))

    tensor("token_embd.weight", len(tokens), _EMBD)
    tensor("output_norm.weight", _EMBD)
    for n in range(_LAYERS):
        tensor(f"blk.{n}.attn_norm.weight", _EMBD)
        tensor(f"blk.{n}.ssm_in.weight", 2 * _INNER, _EMBD)
        tensor(f"blk.{n}.ssm_conv1d.weight", _INNER, _CONV)
        tensor(f"blk.{n}.ssm_conv1d.bias", _INNER)
        tensor(f"blk.{n}.ssm_x.weight", _RANK + 2 * _STATE, _INNER)
        tensor(f"blk.{n}.ssm_dt.weight", _INNER, _RANK)
        tensor(f"blk.{n}.ssm_dt.bias", _INNER)
        decay = -np.abs(draw.normal(1, 0.3, (_INNER, _STATE))).astype(np.float32)
        writer.add_tensor(f"blk.{n}.ssm_a", decay)
        tensor(f"blk.{n}.ssm_d", _INNER)
        tensor(f"blk.{n}.ssm_out.weight", _EMBD, _INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_sliding_window_model(
    path: Path,
    *,
    window: int = 32,
    layers: int = 3,
    context: int = 4096,
    template: str | None = FORMATS["chatml"],
    end_token: int = 257,
) -> None:
    """Write a Gemma 3 of random weights, whose layers but each sixth see `window` tokens back."""
    width, heads, size = 32, 2, 16
    draw = np.random.default_rng(5)
    tokens = [*_byte_tokens(), "<|im_start|>", "<|im_end|>"]
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(2 * width)
    writer.add_block_count(layers)
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_sliding_window(window)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([1] * 256 + [3, 3])
    writer.add_token_merges(["a b"])
    writer.add_eos_token_id(end_token)
    if template is not None:
        writer.add_chat_template(template)

    def tensor(name: str, *shape: int, spread: float = 0.4) -> None:
        writer.add_tensor(name, draw.normal(0, spread, shape).astype(np.float32))

    tensor("token_embd.weight", len(tokens), width)
    tensor("output_norm.weight", width)
    for n in range(layers):
        tensor(f"blk.{n}.attn_norm.weight", width)
        # What it looks back at must decide what it writes: tests see a lack of it in the text.
        tensor(f"blk.{n}.post_attention_norm.weight", width, spread=8.0)
        tensor(f"blk.{n}.ffn_norm.weight", width)
        tensor(f"blk.{n}.post_ffw_norm.weight", width)
        tensor(f"blk.{n}.attn_q_norm.weight", size)
        tensor(f"blk.{n}.attn_k_norm.weight", size)
        tensor(f"blk.{n}.attn_q.weight", heads * size, width)
        tensor(f"blk.{n}.attn_k.weight", size, width)
        tensor(f"blk.{n}.attn_v.weight", size, width)
        tensor(f"blk.{n}.attn_output.weight", width, heads * size)
        tensor(f"blk.{n}.ffn_gate.weight", 2 * width, width)
        tensor(f"blk.{n}.ffn_up.weight", 2 * width, width)
        tensor(f"blk.{n}.ffn_down.weight", width, 2 * width)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
