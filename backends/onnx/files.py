"""Opens the files of an ONNX embedder or reranker, with settings that save memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from backends.errors import ModelNotFound
from backends.machine import usable_cores

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

_REQUIRED_INPUTS = {"input_ids", "attention_mask"}
_SEGMENT_INPUT = "token_type_ids"
_MAX_DEFAULT_THREADS = 4
"""More bring little for texts of a few hundred tokens, and take cores from the chat model."""


def open_session(
    path: Path, threads: int | None, *, low_memory: bool = False, what: str = "embedder"
) -> InferenceSession:
    """Open a model file on the CPU. Raises `ModelNotFound` if it is not BERT-like.

    Without `threads` it takes a few of the cores that this process may use. `what` names the model
    in messages, "embedder" or "reranker"; either may do without segments.
    """
    import onnxruntime  # slow to import, and wanted only where something is embedded

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads or min(_MAX_DEFAULT_THREADS, usable_cores())
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    # An arena keeps the most that any batch ever took.
    settings.enable_cpu_mem_arena = False
    settings.enable_mem_pattern = False
    # Threads that spin between batches take the cores that a chat model is using.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path),
            settings,
            providers=["CPUExecutionProvider"],
            # Folding turns the int8 tables into float32 ones: four times as fast, and 70 MB larger.
            disabled_optimizers=["ConstantFolding"] if low_memory else None,
        )
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no narrower base
        raise ModelNotFound(
            f"The {what}'s file {path.name} cannot be loaded ({type(error).__name__}); "
            "remove it and pull it again."
        ) from None
    inputs = {node.name for node in session.get_inputs()}
    if inputs - {_SEGMENT_INPUT} != _REQUIRED_INPUTS:
        raise ModelNotFound(f"{path.name} is an ONNX model, but not a BERT-like {what}.")
    return session


def read_tokenizer(path: Path, what: str = "embedder") -> Tokenizer:
    """Return the tokenizer of a `tokenizer.json`, without truncation. Raises `ModelNotFound`."""
    from tokenizers import Tokenizer

    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # noqa: BLE001 - the library raises nothing narrower
        raise ModelNotFound(f"The {what}'s tokenizer {path.name} cannot be read.") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


MAX_PADDING_TOKENS: Final = 64
"""More padding than this takes longer than one more step of the engine does."""


def plan_batches(encoded: Sequence[Sequence[int]], most: int) -> Iterator[list[int]]:
    """Group texts of similar length, to save padding; return the indices of each batch."""
    batch: list[int] = []
    tokens = 0
    for at in sorted(range(len(encoded)), key=lambda at: len(encoded[at])):
        size = len(encoded[at]) * (len(batch) + 1)
        if batch and (size > most or size - tokens - len(encoded[at]) > MAX_PADDING_TOKENS):
            yield batch
            batch, tokens = [], 0
        batch.append(at)
        tokens += len(encoded[at])
    if batch:
        yield batch
