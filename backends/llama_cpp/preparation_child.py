"""The child process of `backends.llama_cpp.preparation`: writes a copy in `Q8_0` and times it.

    python -m backends.llama_cpp.preparation_child SOURCE COPY THREADS TIMED

Prints one line of JSON: the seconds that the copy took and, where `TIMED` is 1, how many times as
fast it computes eight answers at once, one answer alone, and a prompt.
"""

from __future__ import annotations

import ctypes
import json
import os
import statistics
import sys
import time
from pathlib import Path

from backends.llama_cpp.native import Batch, Context, Model, start_library
from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions

_Q8_0_FILE = 7  # LLAMA_FTYPE_MOSTLY_Q8_0
_PROMPT_TOKENS = 64
_TOGETHER = 8
_ROUNDS = 7
_MIN_ROUNDS = 3
_TIMED_S = 8.0
_NICENESS = 5


class _Timed:
    """A model with a small context, whose rounds are timed."""

    def __init__(self, path: Path, threads: int) -> None:
        options = LlamaCppOptions(
            source=f"file:{path}", context=256, n_threads=threads, parallel=_TOGETHER
        )
        self.model = Model(path, options)
        self.context = Context(self.model, options, _TOGETHER)
        self.batch = Batch(_PROMPT_TOKENS)

    def run(self, sequences: int, tokens: int) -> float:
        """Seconds of a round in which so many sequences begin with so many tokens each."""
        self.batch.clear()
        for seq in range(sequences):
            self.context.drop(seq)
            some = [(seq + at) % self.model.n_vocab for at in range(tokens)]
            self.batch.add(seq, 0, some, outputs=1)
        began = time.perf_counter()
        if self.context.decode(self.batch):
            sys.exit(2)
        lib.llama_get_logits_ith(self.context.handle, self.batch.rows - 1)  # waits for the end
        return time.perf_counter() - began


def _gain(original: _Timed, copy: _Timed, sequences: int, tokens: int, until: float) -> float:
    """The median of how many times as fast the copy is, in turns."""
    for one in (original, copy):
        one.run(sequences, tokens)
    ratios: list[float] = []
    while len(ratios) < _ROUNDS and (len(ratios) < _MIN_ROUNDS or time.perf_counter() < until):
        ratios.append(original.run(sequences, tokens) / copy.run(sequences, tokens))
    return statistics.median(ratios)


def _write_copy(source: Path, copy: Path, threads: int) -> None:
    params = lib.llama_model_quantize_default_params()
    params.ftype = _Q8_0_FILE
    params.nthread = threads
    params.allow_requantize = True
    if lib.llama_model_quantize(str(source).encode(), str(copy).encode(), ctypes.byref(params)):
        sys.exit(2)


def main(source: Path, copy: Path, threads: int, *, timed: bool) -> None:
    """Write the copy, time both, and say what was found."""
    os.nice(_NICENESS)
    start_library()
    began = time.perf_counter()
    _write_copy(source, copy, threads)
    told = {"seconds": time.perf_counter() - began}
    if timed:
        original, prepared = _Timed(source, threads), _Timed(copy, threads)
        for part, (name, sequences, tokens) in enumerate(
            (("together", _TOGETHER, 1), ("alone", 1, 1), ("reading", 1, _PROMPT_TOKENS)), 1
        ):
            until = began + told["seconds"] + part * _TIMED_S / 3
            told[name] = _gain(original, prepared, sequences, tokens, until)
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()
    os._exit(0)  # nothing of the models needs to be freed


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), timed=sys.argv[4] == "1")
