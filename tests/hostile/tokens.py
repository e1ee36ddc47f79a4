"""Tokens of every known shape, none of which was ever valid, and texts that imitate them."""

from __future__ import annotations

TOKENS = {
    "slack bot": "xoxb-" + "1234567890-abcdefghij",
    "slack app": "xapp-" + "1-A012ABCDEF-345-abcdef0123456789",
    "discord": "M" + "Tk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "openai": "sk-" + "proj-0123456789abcdef",
    "hugging face": "hf_" + "AbCdEfGhIjKlMnOpQrSt",
    "github": "ghp_" + "0123456789abcdefghijABCDEFGHIJ",
    "github fine": "github_pat_" + "0123456789abcdefghijABCDEFGHIJ",
}

ADDRESSES = {
    "user and password": ("http://me:hunter2pass@host/x", "me:hunter2pass"),
    "password with @": ("postgres://me:hunt@er2pass@host/x", "er2pass"),
    "password alone": ("redis://:hunter2pass@host/0", "hunter2pass"),
}
"""Addresses, each with what of them must not be shown."""

ENDLESS = {
    "openai heads": "sk-" * 70_000,
    "discord heads": "M-" * 100_000,
    "discord dots": "M.a." * 50_000,
    "slack heads": "xox" * 70_000,
    "addresses": "://" * 70_000,
    "addresses with users": "://a:b" * 40_000,
    "a password without end": "://a:" + "b" * 200_000,
    "passwords": "://a" + ":b" * 100_000,
    "signs": "://a:" + "@b" * 100_000,
}
"""Texts that a pattern may read again from each of their places."""
