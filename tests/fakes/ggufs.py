"""GGUF files for tests: made from the default model, or out of nothing."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np


def refact_copy(model: Path, folder: Path) -> Path:
    """The default model as a library of 2024 takes it: another name for the same splitting rule.

    Made once in `folder`, whoever asks first.
    """
    copy = folder / f"{model.stem}.refact.gguf"
    if not copy.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_suffix(f".{os.getpid()}.part")
        command = (sys.executable, "-m", "gguf.scripts.gguf_new_metadata")
        options = ("--pre-tokenizer", "refact", str(model), str(fresh))
        subprocess.run((*command, *options), check=True, capture_output=True)
        fresh.replace(copy)
    return copy


def with_template(model: Path, copy: Path, template: str) -> Path:
    """The model with another chat template, as the file `copy`.

    The new template is filled up by a comment, so that all that follows moves by whole blocks of
    the file's alignment and needs no change.
    """
    raw = model.read_bytes()
    key = b"tokenizer.chat_template"
    start = raw.index(key) + len(key)
    kind, length = struct.unpack_from("<IQ", raw, start)
    assert kind == gguf.GGUFValueType.STRING
    written = template.encode()
    filling = b" " * ((length - len(written) - len(b"{##}")) % 32)
    written += b"{#" + filling + b"#}"
    end = start + 12 + length
    copy.write_bytes(raw[:start] + struct.pack("<IQ", kind, len(written)) + written + raw[end:])
    return copy


def tiny_bert(path: Path, *, width: int = 32, layers: int = 2, context: int = 64) -> Path:
    """A BERT of random weights that embeds: words of single letters, mean pooling."""
    chance = np.random.default_rng(1)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary += [f"\u2581{letter}" for letter in letters] + letters
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_name("tiny bert")
    writer.add_context_length(context)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(2 * width)
    writer.add_block_count(layers)
    writer.add_head_count(4)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(0)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(vocabulary)
    writer.add_token_types([3] * 5 + [1] * (len(vocabulary) - 5))
    writer.add_token_type_count(2)
    writer.add_bos_token_id(2)
    writer.add_eos_token_id(3)
    writer.add_unk_token_id(1)
    writer.add_sep_token_id(3)
    writer.add_pad_token_id(0)
    writer.add_uint32("tokenizer.ggml.cls_token_id", 2)
    writer.add_mask_token_id(4)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, chance.normal(0, 0.2, shape).astype(np.float32))

    tensor("token_embd.weight", len(vocabulary), width)
    tensor("position_embd.weight", context, width)
    tensor("token_types.weight", 2, width)
    norms = ["token_embd_norm"]
    for layer in range(layers):
        block = f"blk.{layer}"
        norms += [f"{block}.attn_output_norm", f"{block}.layer_output_norm"]
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            tensor(f"{block}.{name}.weight", width, width)
            tensor(f"{block}.{name}.bias", width)
        tensor(f"{block}.ffn_up.weight", 2 * width, width)
        tensor(f"{block}.ffn_up.bias", 2 * width)
        tensor(f"{block}.ffn_down.weight", width, 2 * width)
        tensor(f"{block}.ffn_down.bias", width)
    for name in norms:
        writer.add_tensor(f"{name}.weight", np.ones(width, dtype=np.float32))
        writer.add_tensor(f"{name}.bias", np.zeros(width, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def tiny_vocabulary(path: Path, named: Mapping[str, gguf.TokenType], template: str) -> Path:
    """A byte-level vocabulary with tokens of these types beside its bytes; it has no weights."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(code) for code in printable]
    letters += [chr(256 + at) for at in range(256 - len(printable))]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(512)
    writer.add_embedding_length(32)
    writer.add_block_count(1)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*letters, *named])
    writer.add_token_types([gguf.TokenType.NORMAL] * len(letters) + list(named.values()))
    writer.add_token_merges(["a b"])
    writer.add_chat_template(template)
    writer.add_tensor("token_embd.weight", np.zeros((1, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def split(model: Path, folder: Path, parts: int, name: str = "tiny") -> list[Path]:
    """A small model in parts, as llama.cpp splits it: the first says what it is."""
    reader = gguf.GGUFReader(model)
    tensors = list(reader.tensors)
    share = -(-len(tensors) // parts)
    paths = []
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(parts):
        path = folder / f"{name}-{number + 1:05}-of-{parts:05}.gguf"
        writer = gguf.GGUFWriter(path, str(reader.fields["general.architecture"].contents()))
        if number == 0:
            for field in reader.fields.values():
                if not field.name.startswith(("GGUF.", "general.architecture")):
                    inner = field.types[1] if len(field.types) > 1 else None
                    writer.add_key_value(field.name, field.contents(), field.types[0], inner)
        writer.add_uint16("split.no", number)
        writer.add_uint16("split.count", parts)
        writer.add_int32("split.tensors.count", len(tensors))
        for tensor in tensors[number * share : (number + 1) * share]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        paths.append(path)
    return paths
