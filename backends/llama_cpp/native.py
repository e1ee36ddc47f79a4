"""llama.cpp's model, context and batch behind four small classes.

Everything here belongs to the engine's owner thread. Importing this module imports `llama_cpp`,
which loads the native library; only that thread does so, on first use.
"""

from __future__ import annotations

import ctypes
import logging
import mmap
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backends.errors import BackendUnavailable, ModelNotFound
from backends.llama_cpp.attention import set_attention
from backends.llama_cpp.metadata import read_model_head
from backends.llama_cpp.native_library import lib
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.vocabulary import Vocabulary

log = logging.getLogger("parlance.llama_cpp")

_CACHE_TYPES = {
    "f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20,
    "bf16": 30,
}  # fmt: skip
_PARTIAL_STATE = 1  # LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
_NO_TOKEN = 2**32 - 1
"""How a file says that it has no such token."""
_SPLIT_MODES = {"none": 0, "layer": 1, "row": 2, "tensor": 3}


def _forward_log(level: int, text: bytes, _: object) -> None:
    if log.isEnabledFor(logging.DEBUG):
        log.debug("%s", text.decode("utf-8", "replace").rstrip())


_log_callback = lib.llama_log_callback(_forward_log)  # kept alive: the library holds its address
_library_lock = threading.Lock()
_library_ready = False


def start_library() -> None:
    """Initialise llama.cpp once a process, and keep it from writing to standard error."""
    global _library_ready
    with _library_lock:
        lib.llama_log_set(_log_callback, ctypes.c_void_p(0))
        if not _library_ready:
            lib.llama_backend_init()
            _library_ready = True


class Model(Vocabulary):
    """The weights and the vocabulary of a GGUF file.

    Loading ends early once `go_on` returns False; `vocabulary_only` does not load the weights.
    Raises `ModelNotFound` if the file is missing or damaged, and `BackendUnavailable` if loading
    was ended.
    """

    def __init__(
        self,
        path: Path,
        options: LlamaCppOptions,
        go_on: Callable[[], bool] = lambda: True,
        *,
        vocabulary_only: bool = False,
    ) -> None:
        self.head = read_model_head(path)
        start_library()
        params = lib.llama_model_default_params()
        params.vocab_only = vocabulary_only
        params.n_gpu_layers = options.n_gpu_layers
        params.main_gpu = options.main_gpu
        params.split_mode = _SPLIT_MODES[options.split_mode]
        params.load_mode = (1 if options.mmap else 0) + (2 if options.mlock else 0)
        if options.tensor_split:
            devices = max(int(lib.llama_max_devices()), len(options.tensor_split))
            self._split = (ctypes.c_float * devices)(*options.tensor_split)
            params.tensor_split = self._split
        self._progress = lib.llama_progress_callback(lambda _share, _data: go_on())
        params.progress_callback = self._progress
        self.handle = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self.handle and not go_on():
            raise BackendUnavailable(f"Loading {path.name} was ended.")
        if not self.handle:
            raise ModelNotFound(
                f"llama.cpp cannot load {path.name}: the file is damaged, cut short, or of an "
                "architecture that this build does not know."
            )
        super().__init__(lib.llama_model_get_vocab(self.handle))
        try:
            self._check_special_tokens(path.name)
        except ModelNotFound:
            self.close()
            raise
        self.n_embd = int(lib.llama_model_n_embd(self.handle))
        self.context_trained = int(lib.llama_model_n_ctx_train(self.handle))
        self.recurrent = bool(
            lib.llama_model_is_recurrent(self.handle) or lib.llama_model_is_hybrid(self.handle)
        )
        self.window = int(lib.llama_model_n_swa(self.handle))

    def _check_special_tokens(self, name: str) -> None:
        """Refuse a file whose answers would not end: llama.cpp takes any token in such a place."""
        for key in ("eos", "eot"):
            token = self.head.metadata.get(f"tokenizer.ggml.{key}_token_id", _NO_TOKEN)
            if isinstance(token, int) and self.n_vocab <= token < _NO_TOKEN:
                raise ModelNotFound(
                    f"{name} is damaged: it names the token {token:,} as an end, and its "
                    f"vocabulary has {self.n_vocab:,}."
                )

    def close(self) -> None:
        if self.handle:
            lib.llama_model_free(self.handle)
            self.handle = None


class Batch:
    """The rows of one round, filled as arrays: a loop over a thousand rows would cost too much."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.rows = 0
        self._token = np.zeros(size, np.int32)
        self._pos = np.zeros(size, np.int32)
        self._seq = np.zeros(size, np.int32)
        self._logits = np.zeros(size, np.int8)
        self._n_seq = np.ones(size, np.int32)
        self._seq_at = (self._seq.ctypes.data + 4 * np.arange(size)).astype(np.uintp)
        self._counting = np.arange(size, dtype=np.int32)
        pointer = ctypes.POINTER
        self.native = lib.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(pointer(ctypes.c_int32)),
            embd=None,
            pos=self._pos.ctypes.data_as(pointer(ctypes.c_int32)),
            n_seq_id=self._n_seq.ctypes.data_as(pointer(ctypes.c_int32)),
            seq_id=ctypes.cast(self._seq_at.ctypes.data, pointer(pointer(ctypes.c_int32))),
            logits=self._logits.ctypes.data_as(pointer(ctypes.c_int8)),
        )

    @property
    def room(self) -> int:
        return self.size - self.rows

    def clear(self) -> None:
        self.rows = 0

    def add(self, seq: int, start: int, tokens: Sequence[int], *, outputs: int) -> int:
        """Append tokens of a sequence from position `start`.

        The logits of the last `outputs` tokens will be there after the round; returns the index of
        the first of these rows.
        """
        first, last = self.rows, self.rows + len(tokens)
        self._token[first:last] = tokens
        self._pos[first:last] = self._counting[: last - first] + start
        self._seq[first:last] = seq
        self._logits[first:last] = 0
        self._logits[last - outputs : last] = 1
        self.rows = last
        return last - outputs

    def want_all(self) -> None:
        """Request an output for every row, which an embedding is pooled from."""
        self._logits[: self.rows] = 1


class Context:
    """The key-value cache and its computation. Sequences are identified by small integers.

    `drafted` is the number of tokens that a round computes ahead, at least; `outputs` the number of
    rows of a round that may have logits.
    """

    def __init__(
        self, model: Model, options: LlamaCppOptions, sequences: int, drafted: int = 0
    ) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = options.cells()
        params.n_batch = options.n_batch
        set_attention(params, options)
        params.n_seq_max = sequences
        # Only last tokens have outputs; the default would reserve n_batch times the vocabulary.
        self.outputs = min(max(sequences, options.parallel + drafted), options.n_batch)
        params.n_outputs_max = self.outputs
        params.kv_unified = True
        params.swa_full = options.swa_full
        params.n_threads, params.n_threads_batch = options.threads()
        params.type_k = _CACHE_TYPES[options.type_k]
        params.type_v = _CACHE_TYPES[options.type_v]
        params.no_perf = True
        self.handle = lib.llama_init_from_model(model.handle, params)
        if not self.handle:
            raise BackendUnavailable(
                "llama.cpp cannot make a context; there may be too little memory for "
                f"cache_tokens {options.cells()}, or type_v needs flash attention."
            )
        self._memory = lib.llama_get_memory(self.handle)
        self._window = model.window
        self.can_copy = not model.recurrent
        self.cells = int(lib.llama_n_ctx(self.handle))
        self.attends_to_all_cells = params.flash_attn_type == 0 and self.can_copy

    def decode(self, batch: Batch) -> int:
        """Compute a batch. 0 done; 1 the cache is full; others as llama.cpp's `llama_decode`."""
        batch.native.n_tokens = batch.rows
        return int(lib.llama_decode(self.handle, batch.native))

    def shortest_cut(self, seq: int, length: int) -> int:
        """Return the least tokens to which a sequence of `length` can be cut, or from which it can
        be copied, so that the next token is computed from all that it looks back at.
        """
        if not self.can_copy:
            return length
        if not self._window:
            return 0
        first = int(lib.llama_memory_seq_pos_min(self._memory, seq))
        return first + self._window if first > 0 else 0

    def shortest_saved_cut(self, length: int) -> int:
        """As `shortest_cut`, once a saved sequence of `length` tokens is restored: of layers with a
        sliding window no more than the window is saved.
        """
        return length if not self.can_copy or 0 < self._window < length else 0

    def cut(self, seq: int, length: int) -> bool:
        """Keep the first `length` tokens of a sequence; return False if that is not possible."""
        return bool(lib.llama_memory_seq_rm(self._memory, seq, length, -1))

    def drop(self, seq: int) -> None:
        lib.llama_memory_seq_rm(self._memory, seq, -1, -1)

    def share(self, source: int, target: int, length: int) -> None:
        """Start `target` with the first `length` tokens of `source`; the cells are shared."""
        lib.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def checkpoint_size(self, seq: int) -> int:
        """Return the number of bytes that `save_checkpoint` would return."""
        return int(lib.llama_state_seq_get_size_ext(self.handle, seq, _PARTIAL_STATE))

    def save_checkpoint(self, seq: int) -> npt.NDArray[np.uint8]:
        """Return what cutting a sequence loses: its window, or its recurrent state."""
        state = np.empty(self.checkpoint_size(seq), np.uint8)
        lib.llama_state_seq_get_data_ext(
            self.handle, _address(state), state.size, seq, _PARTIAL_STATE
        )
        return state

    def go_back(self, seq: int, length: int, state: npt.NDArray[np.uint8]) -> bool:
        """Cut a sequence to the `length` that it had at a checkpoint; return False if it fails."""
        restored = lib.llama_state_seq_set_data_ext(
            self.handle, _address(state), state.size, seq, _PARTIAL_STATE
        )
        return bool(restored) and self.cut(seq, length)

    def size(self, seq: int) -> int:
        """Return the number of bytes that `save` would return."""
        return int(lib.llama_state_seq_get_size(self.handle, seq))

    def save(self, seq: int) -> npt.NDArray[np.uint8] | None:
        """Return a sequence's state, for `restore`."""
        size = self.size(seq)
        # Megabytes that come and go: as pages of their own they go back to the system when they are
        # dropped, and do not leave the heap in pieces.
        state = np.frombuffer(mmap.mmap(-1, size), np.uint8) if size else np.empty(0, np.uint8)
        written = lib.llama_state_seq_get_data(self.handle, _address(state), state.size, seq)
        return state if written else None

    def restore(self, seq: int, state: npt.NDArray[np.uint8]) -> bool:
        """Restore a saved sequence; return False, leaving it empty, if it does not fit."""
        if lib.llama_state_seq_set_data(self.handle, _address(state), state.size, seq):
            return True
        self.drop(seq)
        return False

    def close(self) -> None:
        if self.handle:
            lib.llama_free(self.handle)
            self.handle = None


def _address(state: npt.NDArray[np.uint8]) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
