"""Configuration files that are too much, and names of folders that mean something elsewhere."""

from __future__ import annotations

from itertools import pairwise

_LETTERS = "abcdefghij"

TOO_MUCH = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{name}: &{name} [{','.join(['*' + before] * 9)}]\n" for before, name in pairwise(_LETTERS)
    ),
    "merged laughs": "a: &a {x: 1, y: 2}\n"
    + "".join(
        f"{name}: &{name} {{<<: [{','.join(['*' + before] * 9)}]}}\n"
        for before, name in pairwise(_LETTERS)
    ),
    "in itself": "a: &a [*a]\n",
    "deep lists": "[" * 100_000,
    "deep mappings": "{a: " * 100_000,
    "deep dashes": "- " * 100_000,
    "deep keys": "? " * 100_000,
    "many values": "[" + "1," * 100_000 + "]",
    "long number": "a: " + "1:" * 400_000 + "1\n",
    "many digits": "a: " + "9" * 900_000,
    "large": "# " + "x" * 2_000_000,
}
"""By what they are; each is refused in one sentence."""

FOLDERS = ["a?mode=ro", "%41 c#d e'f\"g;", "n\nl"]
"""Names of folders, which have to be just names."""

MARK = "Xw9-swordfish-77"

PASTED = {
    "a name": f"default_model: {MARK}",
    "an engine": f"models: {{default: {{backend: {MARK}}}}}",
    "a source": f"models: {{default: {{backend: llama_cpp, source: {MARK}}}}}",
    "a source with a kind": f"models: {{default: {{backend: llama_cpp, source: 'pypi:{MARK}'}}}}",
    "a source's query": "models: {default: {backend: llama_cpp, "
    f"source: 'url:https://127.0.0.1/a.gguf?token={MARK}'}}}}",
    "an address": f"models: {{default: {{backend: ollama, model: m, url: {MARK}}}}}",
    "a variable": f"models: {{default: {{backend: ollama, model: m, api_key_env: {MARK}}}}}",
    "a wrong key": f"discord: {{tokn: {MARK}}}",
    "a number": f"limits: {{max_queue: {MARK}}}",
    "a person": f"admins: {{users: [{MARK}]}}",
    "a choice": f"logging: {{level: {MARK}}}",
    "a base": f"knowledge: {{sync: [{{path: docs, base: {MARK}}}]}}",
    "a plugin's setting": f"plugins: {{settings: {{chat: {{nothing: {MARK}}}}}}}",
    "a list": f"plugins: {MARK}",
    "an alias": f"discord: {{token: *{MARK}}}",
    "a tag": f"discord: {{token: !{MARK} x}}",
    "a tag's handle": f"discord: {{token: !{MARK}!x y}}",
    "two values": f"discord: {{token: 'x' {MARK}}}",
    "a directive": f"%YAML {MARK}\n---\n",
    "an anchor": f"discord: {{token: &{MARK}! x}}",
    "nothing else": MARK,
}
"""Configurations into which a secret was pasted at a wrong place."""
