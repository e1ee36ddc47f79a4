"""Embeds many texts piece by piece, so that a question waits for one piece and not for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.arrays import np
from backends.base import Embeddings
from backends.errors import BackendProtocolError

if TYPE_CHECKING:
    from backends.pool.admission import Admission
    from backends.pool.replica import Replica
    from backends.pool.ticket import Ticket

MAX_QUESTION_TEXTS = 8
"""A call with more texts than a question has, all its wordings included, is background work."""
_PIECE_S = 0.1
"""How long a piece of background work should take: what a question waits for at most."""
_SHORT_PIECE_S = 0.025
"""The same while questions come; short pieces are embedded at a tenth less speed."""
_MAX_PIECE_TEXTS = 256
_MIN_PIECE_CHARACTERS = 400
_PACE_WEIGHT = 0.25
"""Of a new measurement in the moving average."""


@dataclass(slots=True)
class EmbeddingPace:
    """How fast texts are embedded, in characters a second, by the last pieces."""

    characters_per_s: float = 20_000.0

    def cut(self, texts: Sequence[str], start: int, *, short: bool = False) -> Sequence[str]:
        """Return the texts of the next piece, at least one; `short` while questions come."""
        seconds = _SHORT_PIECE_S if short else _PIECE_S
        most = max(_MIN_PIECE_CHARACTERS, self.characters_per_s * seconds)
        end, size = start, 0
        while end < len(texts) and end - start < _MAX_PIECE_TEXTS:
            size += len(texts[end])
            if end > start and size > most:
                break
            end += 1
        return texts[start:end]

    def learn(self, piece: Sequence[str], took_s: float) -> None:
        """Update the speed with one piece."""
        speed = sum(map(len, piece)) / max(took_s, 1e-6)
        self.characters_per_s += _PACE_WEIGHT * (speed - self.characters_per_s)


async def embed_pieces(
    admission: Admission,
    ticket: Ticket,
    replica: Replica,
    texts: Sequence[str],
    done: list[Embeddings],
) -> bool:
    """Embed what is not in `done` yet, and add it there; return False if a question went first.

    Each piece of background work has the time of a whole request.
    """
    deadline_s = ticket.ends - ticket.entered
    while True:
        start = sum(map(len, done))
        piece = texts
        if ticket.background:
            short = admission.questions_come
            piece = replica.embedding_pace.cut(texts, start, short=short)
        began = time.monotonic()
        done.append(await ticket.wait_for(replica.backend.embed(piece)))
        if start + len(piece) >= len(texts):
            return True
        now = time.monotonic()
        replica.embedding_pace.learn(piece, now - began)
        ticket.entered, ticket.ends = now, now + deadline_s
        if admission.give_way(ticket):
            return False


def join_rows(pieces: Sequence[Embeddings], source: str) -> Embeddings:
    """Return the rows of all pieces. Raises `BackendProtocolError` if they do not fit together."""
    if len({piece.shape[1] for piece in pieces}) > 1:
        raise BackendProtocolError(f"The embedder {source!r} sent embeddings of unequal length.")
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
