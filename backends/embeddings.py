"""Converts the embeddings that a server sends to unit vectors."""

from __future__ import annotations

from collections.abc import Sequence

from backends.arrays import np
from backends.base import Embeddings
from backends.errors import BackendProtocolError


def unit_rows(rows: Sequence[Sequence[float]], wanted: int, source: str) -> Embeddings:
    """Return `wanted` embeddings as float32, shape (wanted, dim), rows of unit length.

    Raises `BackendProtocolError`, naming `source`, if the rows are malformed or their number
    differs.
    """
    try:
        found = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError):
        raise BackendProtocolError(f"{source} sent embeddings of unequal length.") from None
    if wanted == 0:
        return np.zeros((0, found.shape[1] if found.ndim == 2 else 0), dtype=np.float32)
    if found.ndim != 2 or found.shape[0] != wanted or found.shape[1] == 0:
        raise BackendProtocolError(f"{source} did not send one embedding for each text.")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or (lengths == 0).any():
        raise BackendProtocolError(f"{source} sent an embedding that has no direction.")
    unit: Embeddings = found / lengths
    return unit
