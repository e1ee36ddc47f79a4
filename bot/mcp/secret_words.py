"""Tells whether a server asks for what nobody should type into a chat: a password, a key, a number
of a card. The words of four languages are known; what is worded otherwise is for the person to
see."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

_WORD: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SECRETS: Final = frozenset(
    {
        *("password", "passwords", "passwd", "pwd", "passphrase", "passcode", "passwort"),
        *("passworter", "kennwort", "kennworter", "geheimzahl", "contrasena", "contrasenas"),
        *("cvv", "cvc", "ssn", "iban", "tan", "kreditkarte", "kreditkartennummer"),
    }
)
"""Words that name a secret wherever they stand."""
_SECRETS_IN_FIELDS: Final = _SECRETS | {
    *("pin", "otp", "totp", "token", "tokens", "secret", "secrets", "secreto", "credential"),
    *("credentials", "credenciales", "apikey", "privatekey", "geheimnis", "schlussel"),
    *("zugangsdaten", "clave", "claves", "jeton", "identifiants", "cookie", "mnemonic"),
}
"""Words that name one as the name of a field; in a sentence they may be about something else."""
_PAIRS: Final = frozenset(
    (
        *(("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key")),
        *(("ssh", "key"), ("credit", "card"), ("card", "number"), ("security", "code")),
        *(
            ("recovery", "code"),
            ("verification", "code"),
            ("backup", "code"),
            ("social", "security"),
        ),
        *(("mot", "passe"), ("carte", "bancaire")),
        *(("carte", "credit"), ("tarjeta", "credito")),
        *(("code", "secret"), ("numero", "tarjeta"), ("pin", "code"), ("your", "pin")),
    )
)
_BETWEEN: Final = frozenset({"de", "of", "the", "la", "le", "el", "du"})


def asks_for_a_secret(sentence: str) -> bool:
    """Whether a sentence asks for a secret."""
    return _has(sentence, _SECRETS)


def names_a_secret(words: str) -> bool:
    """Whether the name or the description of a field is that of a secret."""
    return _has(words, _SECRETS_IN_FIELDS)


def _has(text: str, known: frozenset[str]) -> bool:
    plain = unicodedata.normalize("NFKD", _HUMP.sub(" ", text))
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    words = [word for word in _WORD.findall(plain) if word not in _BETWEEN]
    pairs = pairwise(words)
    return not known.isdisjoint(words) or any(pair in _PAIRS for pair in pairs)
