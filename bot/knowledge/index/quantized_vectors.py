"""Quantises unit vectors to int8, as they are stored with a passage for rescoring."""

from __future__ import annotations

from backends.arrays import np
from backends.base import Embeddings

_INT8_MAX = 127.0


def quantise(rows: Embeddings) -> bytes:
    """Quantises unit rows, shape (n, dim), to int8, scaled by each row's largest value.

    The cosine of a row and its copy is above 0.998 for rows of 384.
    """
    rows = np.asarray(rows, dtype=np.float32)
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-9)
    whole = np.rint(rows / largest * _INT8_MAX).astype(np.int8)
    return bytes(largest.astype("<f4").tobytes() + whole.tobytes())


def dequantise(data: bytes, dimension: int) -> Embeddings:
    """The inverse of `quantise`, float32, shape (n, dimension)."""
    count = len(data) // (dimension + 4)
    largest = np.frombuffer(data, dtype="<f4", count=count)
    whole = np.frombuffer(data, dtype=np.int8, offset=4 * count).reshape(count, dimension)
    scale = largest[:, np.newaxis].astype(np.float32) / np.float32(_INT8_MAX)
    rows: Embeddings = whole.astype(np.float32)
    rows *= scale
    return rows
