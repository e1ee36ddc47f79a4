"""What is kept of a secret that somebody shows again."""

from __future__ import annotations

import hashlib


def digest_of(secret: str) -> str:
    """The SHA-256 of a secret. A slow hash would add nothing: it is random, and cannot be
    guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
