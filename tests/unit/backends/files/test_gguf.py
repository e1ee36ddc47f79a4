from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter
from gguf.constants import GGML_QUANT_SIZES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.errors import ModelNotFound
from backends.files import gguf as ours
from backends.files.gguf import check_gguf


def write_gguf(path: Path) -> Path:
    writer = GGUFWriter(path, "llama")
    writer.add_name("Tiny")
    writer.add_context_length(128)
    writer.add_chat_template("{{ messages }}")
    writer.add_token_list(["<s>", "a", "é"])
    writer.add_token_scores([0.0, 1.0, 2.0])
    writer.add_tensor("a.weight", np.ones((4, 32), dtype=np.float32))
    writer.add_tensor(
        "b.weight", np.zeros((2, 34), dtype=np.uint8), raw_dtype=GGMLQuantizationType.Q8_0
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "tiny.gguf")


def test_a_whole_file_says_what_it_is(whole: Path) -> None:
    head = check_gguf(whole)
    assert (head.architecture, head.name, head.context) == ("llama", "Tiny", 128)
    assert head.template == "{{ messages }}"
    assert head.tensors == 2
    assert head.bytes_needed <= whole.stat().st_size


def test_every_cut_is_found(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    needed = check_gguf(whole).bytes_needed
    for length in [*range(0, needed, 7), needed - 1]:
        cut = tmp_path / "cut.gguf"
        cut.write_bytes(content[:length])
        with pytest.raises(ModelNotFound, match=r"truncated|is not a GGUF"):
            check_gguf(cut)


@pytest.mark.parametrize(
    "content",
    [b"", b"GGU", b"<!doctype html><title>Sign in</title>", b"GGML" + bytes(64), b"PK\x03\x04"],
)
def test_what_is_no_gguf_is_refused_with_one_sentence(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    with pytest.raises(ModelNotFound, match=r"^the model is not a GGUF file\.$"):
        check_gguf(path, "the model")


@pytest.mark.parametrize(
    "head",
    [
        struct.pack("<IQQ", 99, 1, 1),
        struct.pack("<IQQ", 3, 0, 0),
        struct.pack("<IQQ", 3, 2**60, 0),
        struct.pack("<IQQQ1sIIQ", 3, 1, 1, 1, b"k", 9, 8, 2**60),
        struct.pack("<IQQQ1sI", 3, 1, 1, 1, b"k", 77),
    ],
)
def test_a_senseless_head_is_refused_at_once(head: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF" + head)
    with pytest.raises(ModelNotFound, match="cannot be used"):
        check_gguf(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(at=st.integers(4, 400), value=st.integers(0, 255))
def test_a_damaged_head_never_raises_anything_else(whole: Path, at: int, value: int) -> None:
    content = bytearray(whole.read_bytes())
    content[at % len(content)] = value
    damaged = whole.with_name("damaged.gguf")
    damaged.write_bytes(content)
    with suppress(ModelNotFound):
        assert check_gguf(damaged).tensors > 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match=r"cannot be read: No such file"):
        check_gguf(tmp_path / "none.gguf")


def test_the_sizes_of_blocks_are_those_of_the_format() -> None:
    known = {int(kind): sizes for kind, sizes in GGML_QUANT_SIZES.items()}
    shared = known.keys() & ours._TENSOR_BLOCKS.keys()
    assert len(shared) > 20
    assert {kind: known[kind] for kind in shared} == {
        kind: ours._TENSOR_BLOCKS[kind] for kind in shared
    }
