"""Model files that cannot be used as they are, and what is said about each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np

from tests.fakes.ggufs import split
from tests.unit.backends.llama_cpp.tiny import write_sliding_window_model


def _header(path: Path, architecture: str, kind: str | None = None) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    if kind is not None:
        writer.add_type(kind)
    writer.add_tensor("a.weight", np.ones((1, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def projector(folder: Path) -> Path:
    return _header(folder / "mmproj-model-f16.gguf", "clip", "mmproj")


def adapter(folder: Path) -> Path:
    return _header(folder / "lora.gguf", "llama", "adapter")


def vocabulary_only(folder: Path) -> Path:
    path = folder / "ggml-vocab-llama.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_token_list(["a", "b"])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return path


def without_template(folder: Path) -> Path:
    path = folder / "base.gguf"
    write_sliding_window_model(path, template=None)
    return path


def end_token_out_of_vocabulary(folder: Path) -> Path:
    path = folder / "end.gguf"
    write_sliding_window_model(path, end_token=70_000)
    return path


def part_missing(folder: Path) -> Path:
    first, second, _ = _parts(folder)
    second.unlink()
    return first


def part_of_another_model(folder: Path) -> Path:
    first, second, _ = _parts(folder)
    write_sliding_window_model(folder / "other.gguf", layers=4)
    split(folder / "other.gguf", folder / "other", 3)[1].replace(second)
    return first


def part_of_another_place(folder: Path) -> Path:
    first, second, third = _parts(folder)
    second.write_bytes(third.read_bytes())
    return first


def part_renamed(folder: Path) -> Path:
    return _parts(folder)[0].rename(folder / "model.gguf")


def part_truncated(folder: Path) -> Path:
    first, second, _ = _parts(folder)
    second.write_bytes(second.read_bytes()[:-100])
    return first


def _parts(folder: Path) -> list[Path]:
    write_sliding_window_model(folder / "whole.gguf")
    return split(folder / "whole.gguf", folder, 3)


UNUSABLE_MODELS: dict[Callable[[Path], Path], str] = {
    projector: "mmproj-model-f16.gguf lets a model see and is none itself; "
    "name the file of the model.",
    adapter: "lora.gguf changes a model and is none itself; name the file of the model.",
    vocabulary_only: "ggml-vocab-llama.gguf is a GGUF that cannot be used: it holds no weights.",
    without_template: "The model file brings no chat template; set chat_format to one of ",
    end_token_out_of_vocabulary: "end.gguf is damaged: it names the token 70,000 as an end, and "
    "its vocabulary has 258.",
    part_missing: "tiny-00002-of-00003.gguf, part 2 of 3; check the path.",
    part_of_another_model: "Part 2 of 3 of tiny-00001-of-00003.gguf belongs to another model, or "
    "another place; fetch all parts again.",
    part_of_another_place: "Part 2 of 3 of tiny-00001-of-00003.gguf belongs to another model, or "
    "another place; fetch all parts again.",
    part_renamed: "model.gguf is one of 3 parts of a model: keep their names, "
    "…-00001-of-00003.gguf, and use the first.",
    part_truncated: "Part 2 of 3 of tiny-00001-of-00003.gguf is truncated: it has ",
}
"""Each file with what the one sentence says that it gets."""
