"""What servers ask of people in the middle of a call, and should not: each with why it is not put
to anybody, or how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final


def form(message: Any = "Which one?", **properties: Any) -> Any:
    """The parameters of a question with these fields."""
    schema = {"type": "object", "properties": properties}
    return SimpleNamespace(message=message, requested_schema=schema)


def page(url: Any, message: str = "Please confirm.") -> Any:
    """The parameters of a page that is to be opened."""
    return SimpleNamespace(message=message, url=url, elicitation_id="1")


TEXT: Final = {"type": "string"}
SECRETS: Final[Mapping[str, Any]] = {
    "a password": form(password=TEXT),
    "a password by its title": form(a={**TEXT, "title": "Your Password"}),
    "a password by what is said of it": form(a={**TEXT, "description": "a passphrase"}),
    "a format": form(a={**TEXT, "format": "password"}),
    "what is written only": form(a={**TEXT, "writeOnly": True}),
    "camel case": form(apiKey=TEXT),
    "snake case": form(github_access_token=TEXT),
    "the message": form("Please type your password below.", a=TEXT),
    "a word with what cannot be seen": form(a={**TEXT, "title": "pass\u200bword"}),
    "German": form(a={**TEXT, "title": "Paßwort oder Kennwort"}),
    "German, composed": form(schlüssel=TEXT),
    "French": form(a={**TEXT, "title": "Mot de passe"}),
    "Spanish": form(a={**TEXT, "title": "Contraseña"}),
    "a card": form(a={**TEXT, "description": "Credit-card number"}),
    "a pin": form(pin=TEXT),
    "full width": form(a={**TEXT, "title": "ｐａｓｓｗｏｒｄ"}),
}
NOT_SHOWN: Final[Mapping[str, Any]] = {
    "no schema": SimpleNamespace(message="x", requested_schema=None),
    "no properties": SimpleNamespace(message="x", requested_schema={"type": "object"}),
    "too many fields": form(**{f"a{n}": TEXT for n in range(10_000)}),
    "an object": form(a={"type": "object", "properties": {}}),
    "no type": form(a={}),
    "a type that is none": form(a={"type": ["string"]}),
    "a field that is a text": form(a="string"),
    "choices that look the same": form(a={"enum": ["x", "x\u200b"]}),
    "choices that cannot be seen": form(a={"enum": ["", "\u200b"]}),
    "choices that are numbers": form(a={"enum": [1, 2]}),
    "choices that are no list": form(a={"enum": {"a": 1}}),
    "too many choices": form(a={"enum": [str(n) for n in range(100_000)]}),
    "an array of anything": form(a={"type": "array", "items": {}}),
    "an array of nothing": form(a={"type": "array"}),
}
PAGES: Final[Mapping[str, Any]] = {
    "a script": page("javascript:alert(1)"),
    "a file": page("file:///etc/passwd"),
    "no encryption": page("http://bank.example/login"),
    "a name before the host": page("https://bank.example@evil.example/"),
    "no host": page("https:///x"),
    "what is no address": page("https://["),
    "a blank": page("https://bank.example/ \nhttps://evil.example"),
    "markup": page("https://bank.example/>(x)<b>"),
    "letters that look alike": page("https://bаnk.example/"),
    "too long": page("https://bank.example/" + "x" * 100_000),
    "no text": page(5),
}
HARMLESS: Final[Mapping[str, Any]] = {
    "a city": form("Your access token has expired. Which city?", city=TEXT),
    "what has nothing": form(),
    "a message that is no text": form(5, city=TEXT),
    "a long message": form("word " * 100_000, city=TEXT),
    "names as mentions": form(
        **{"<@U1>": TEXT, "@everyone": TEXT, "[x](https://evil.example)": TEXT}
    ),
    "numbers without an end": form(a={"type": "number", "minimum": -1e308, "maximum": 1e400}),
    "a bound that is none": form(a={"type": "integer", "minimum": "1", "default": True}),
    "a length that is none": form(a={**TEXT, "minLength": -5, "maxLength": 0}),
    "a default of 1 MB": form(a={**TEXT, "default": "x" * 1_000_000}),
    "a pattern that backtracks": form(a={**TEXT, "pattern": "(a+)+$"}),
}
