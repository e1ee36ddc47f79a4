"""Which file of a repository is taken."""

from __future__ import annotations

import pytest

from backends.files.gguf_choice import (
    PREFERENCE,
    HubFile,
    choose_option,
    estimate_memory,
    find_options,
    quantisation_of,
)

GB = 10**9


def files(**sizes: int) -> list[HubFile]:
    return [HubFile(f"model-{name}.gguf", size) for name, size in sizes.items()]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"),
        ("qwen2.5-1.5b-instruct-q4_k_m.gguf", "Q4_K_M"),
        ("gpt-oss-20b-MXFP4.gguf", "MXFP4"),
        ("Qwen3-8B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"),
        ("Model.IQ4_XS.gguf", "IQ4_XS"),
        ("BF16/model-BF16-00001-of-00002.gguf", "BF16"),
        ("Q8_0/model-00001-of-00003.gguf", "Q8_0"),
        ("model.gguf", ""),
        ("q3-model-f16.gguf", "F16"),
        ("Phi-3-mini-4k-instruct-q4.gguf", "Q4"),
    ],
)
def test_the_quantisation_is_read_from_the_name(path: str, found: str) -> None:
    assert quantisation_of(path) == found


def test_the_usual_one_is_taken_and_a_smaller_one_where_memory_is_short() -> None:
    options = find_options(files(Q8_0=8 * GB, Q6_K=6 * GB, Q4_K_M=5 * GB, Q3_K_M=4 * GB, Q2_K=GB))

    def taken(memory: int | None) -> str:
        chosen = choose_option(options, memory)
        return chosen.quantisation if chosen else ""

    assert taken(None) == "Q4_K_M"
    assert taken(100 * GB) == "Q4_K_M"
    assert taken(estimate_memory(5 * GB)) == "Q4_K_M"
    assert taken(estimate_memory(5 * GB) - 1) == "Q3_K_M"
    assert taken(3 * GB) == "Q2_K"
    assert taken(GB) == ""


def test_a_small_model_is_taken_as_good_as_it_is() -> None:
    options = find_options(files(Q4_K_M=GB // 3, Q8_0=GB // 2, F16=GB))
    chosen = choose_option(options, 10 * GB)
    assert chosen is not None
    assert chosen.quantisation == "Q8_0"


def test_one_that_is_asked_for_is_taken_whatever_it_needs() -> None:
    options = find_options(files(Q4_K_M=5 * GB, Q8_0=8 * GB))
    chosen = choose_option(options, GB, "q8_0")
    assert chosen is not None
    assert chosen.file == "model-Q8_0.gguf"
    assert choose_option(options, None, "Q9_9") is None


def test_parts_are_one_model_and_what_lacks_one_is_none() -> None:
    listed = [HubFile(f"Q4_K_M/m-Q4_K_M-{n:05}-of-00003.gguf", GB) for n in (1, 2, 3)]
    listed += [HubFile(f"Q5_K_M/m-Q5_K_M-{n:05}-of-00003.gguf", GB) for n in (1, 3)]
    listed += [HubFile("mmproj-m-F16.gguf", GB), HubFile("m.imatrix.gguf", 1), HubFile("a.md", 1)]
    (option,) = find_options(listed)
    assert (option.file, option.parts) == ("Q4_K_M/m-Q4_K_M-00001-of-00003.gguf", 3)
    assert option.bytes == 3 * GB


def test_every_kind_is_recognised_in_a_name_and_listed_once() -> None:
    assert len(set(PREFERENCE)) == len(PREFERENCE)
    assert [name for name in PREFERENCE if quantisation_of(f"model-{name}.gguf") != name] == []
