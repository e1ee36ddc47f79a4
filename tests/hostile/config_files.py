"""Files of settings that are hard to change without changing what else they say."""

from __future__ import annotations

MARK = "Xw9-swordfish-77"

WRITTEN = {
    "an anchor that is used": "discord: &d {enabled: false}\nslack: *d\n",
    "an anchor on what is changed": "http: {port: &p 1}\nmetrics: {port: *p}\n",
    "a merge": "slack: &s {enabled: false}\ndiscord:\n  <<: *s\n  shards: 2\n",
    "a section of its own anchor": "http: &h {host: 127.0.0.1}\nmetrics: {<<: *h}\n",
    "a folded text": "chat:\n  persona: >\n    One\n    two\n\n    # no comment\n",
    "a text in lines": "chat:\n  persona: |\n    # no comment\n    http: {port: 7}\n",
    "a long line": f"chat: {{persona: '{'word ' * 400}'}}\nhttp: {{}}\n",
    "flow over lines": "http: {\n  host: 127.0.0.1, # here\n  port: 1\n}\n",
    "one line": "{chat: {persona: x}, http: {host: 127.0.0.1}}",
    "words of another YAML": "discord: {enabled: yes, guilds: [0123, 1_000]}\nhttp: {port: 0x50}\n",
    "a document mark": "---\nchat: {persona: x}\n...\n",
    "no line end": "chat: {persona: x}",
    "empty": "",
    "only comments": "# mine\n\n# and more",
    "carriage returns": "chat: {persona: x}\r\n# mine\r\nhttp:\r\n  port: 1\r\n",
    "a comment of the last line": "http:\n  port: 1  # last",
    "keys that are no texts": "channels: {1: {persona: x}}\nhttp: {port: 1}\n",
    "quoted keys": '"http": {"port": 1}\n\'chat\': {}\n',
    "a secret beside": f"plugins: {{settings: {{mine: {{word: {MARK}}}}}}}\nhttp: {{port: 1}}\n",
    "signs of another alphabet": "chat: {persona: 'Привет 🦜'} # и\nhttp: {port: 1}\n",
}
"""By what they have in them."""

SHARED = {"a section of its own anchor"}
"""Those in which another key says the same by a reference, and would change, too."""

REFUSED = {
    "a tab before a comment": "chat: {persona: x}\t# mine\nhttp:\n  port: 1\n",
    "tabs for spaces": "http:\n\tport: 1\n",
    "a list": "- http\n",
    "a text": "http\n",
    "a key twice": "http: {port: 1}\nhttp: {port: 2}\n",
    "another kind of section": "http: off\n",
    "two documents": "http: {port: 1}\n---\nhttp: {port: 2}\n",
    "not YAML": f"http: {{port: {MARK}\n",
}
"""Files that are refused, each in one sentence that quotes nothing of them."""
