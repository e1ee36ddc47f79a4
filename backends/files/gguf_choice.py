"""Chooses the GGUF of a repository that a machine has the memory for.

The rule: of the models of a repository, `Q4_K_M` is taken, as by llama.cpp and Ollama; where the
whole model is small, `Q8_0`. If there is none, or it needs more than the free memory, the next of
`PREFERENCE` is taken. A model needs a tenth more than its file, and half a gigabyte for a
conversation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from backends.files.split_names import part_names, part_number

PREFERENCE = (
    *("Q4_K_M", "UD-Q4_K_XL", "Q4_K_L", "Q4_K_XL", "MXFP4", "MXFP4_MOE", "Q4_K_S", "Q4_0"),
    *("IQ4_NL", "IQ4_XS", "Q4_1", "Q5_K_M", "UD-Q5_K_XL", "Q5_K_L", "Q5_K_S", "Q5_0", "Q5_1"),
    *("Q6_K", "Q6_K_L", "UD-Q6_K_XL", "Q8_0", "UD-Q8_K_XL", "Q3_K_L", "UD-Q3_K_XL", "Q3_K_XL"),
    *("Q3_K_M", "IQ3_M", "Q3_K_S", "IQ3_S", "IQ3_XS", "IQ3_XXS", "UD-IQ3_XXS", "UD-Q2_K_XL"),
    *("Q2_K_L", "Q2_K", "Q2_K_S", "IQ2_M", "UD-IQ2_M", "IQ2_S", "IQ2_XS", "IQ2_XXS", "UD-IQ2_XXS"),
    *("BF16", "F16", "FP16", "F32", "TQ2_0", "TQ1_0", "IQ1_M", "UD-IQ1_M", "IQ1_S", "UD-IQ1_S"),
)
"""Quantisations in the order in which they are taken; those that lose much come after all others
that fit, and what is not quantised is only good where nothing else is there."""

SMALL_BYTES = 1_000_000_000
"""Size up to which `Q8_0` is taken: small models lose most by being quantised."""

_SPARE_WEIGHTS_SHARE = 0.1
_CONVERSATION_BYTES = 500_000_000
_QUANTISATION = re.compile(
    r"(?:^|[-._/])((?:UD-)?(?:I?Q[1-8](?:_[A-Z0-9]{1,4}){0,3}|BF16|F16|FP16|F32|MXFP4(?:_MOE)?"
    r"|TQ[12]_0))(?=$|[-./])",
    re.IGNORECASE,
)
_NO_MODELS = ("mmproj", "imatrix")
"""What names of files have in them that are for models, and are none."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository, with its size."""

    path: str
    bytes: int


@dataclass(frozen=True, slots=True)
class GgufOption:
    """A model of a repository: its (first) file, its quantisation, and the bytes of all parts."""

    file: str
    quantisation: str
    bytes: int
    parts: int = 1

    @property
    def memory_bytes(self) -> int:
        return estimate_memory(self.bytes)


def estimate_memory(file_bytes: int) -> int:
    """Return the memory that a model of that size takes with a conversation, in bytes."""
    return int(file_bytes * (1 + _SPARE_WEIGHTS_SHARE)) + _CONVERSATION_BYTES


def quantisation_of(path: str) -> str:
    """Return the quantisation that a file's name tells, in capitals, else that of its folder; ""
    where neither does."""
    name = part_names(path.rpartition("/")[2])[0]
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", name)
    folder = PurePosixPath(path).parent.name
    for text in (stem, folder):
        if found := _QUANTISATION.findall(text):
            return str(found[-1]).upper()
    return ""


def find_options(files: Iterable[HubFile]) -> list[GgufOption]:
    """Return the models among a repository's files, each once; one that lacks a part is none."""
    sizes = {file.path: file.bytes for file in files}
    options = []
    for path in sizes:
        folder, slash, name = path.rpartition("/")
        lowered = name.lower()
        if not lowered.endswith(".gguf") or any(word in lowered for word in _NO_MODELS):
            continue
        if (part_number(name) or 1) > 1:
            continue
        parts = [f"{folder}{slash}{part}" for part in part_names(name)]
        if all(part in sizes for part in parts):
            whole = sum(sizes[part] for part in parts)
            options.append(GgufOption(path, quantisation_of(path), whole, len(parts)))
    return sorted(options, key=lambda one: (one.file.count("/"), len(one.file), one.file))


def choose_option(
    options: Sequence[GgufOption], memory_bytes: int | None, quantisation: str = ""
) -> GgufOption | None:
    """Return the model to take where so much memory is free (None: unknown), None if there is none.

    With a `quantisation` it is the one of that name, whatever it needs.
    """
    if quantisation:
        wanted = quantisation.upper()
        return next((one for one in options if one.quantisation == wanted), None)
    fitting = [one for one in options if memory_bytes is None or one.memory_bytes <= memory_bytes]
    small = [one for one in fitting if one.quantisation == "Q8_0" and one.bytes <= SMALL_BYTES]
    if small:
        return small[0]
    return min(fitting, key=_rank, default=None)


def _rank(option: GgufOption) -> tuple[int, int]:
    known = option.quantisation in PREFERENCE
    return PREFERENCE.index(option.quantisation) if known else len(PREFERENCE), option.bytes
