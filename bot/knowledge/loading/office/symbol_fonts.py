"""The characters that the symbol fonts of office programs show for their codes."""

from __future__ import annotations

_SYMBOL_LETTERS = dict(
    zip(
        "abgdezhqiklmnxoprstufcywABGDEZHQIKLMNXOPRSTUFCYW",
        "αβγδεζηθικλμνξοπρστυφχψωΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ",
        strict=True,
    )
)
_SYMBOL_SIGNS = {
    0xA3: "≤", 0xA5: "∞", 0xAB: "↔", 0xAC: "←", 0xAD: "↑", 0xAE: "→", 0xAF: "↓", 0xB0: "°",
    0xB1: "±", 0xB3: "≥", 0xB4: "×", 0xB5: "∝", 0xB6: "∂", 0xB7: "•", 0xB8: "÷", 0xB9: "≠",
    0xBA: "≡", 0xBB: "≈", 0xBC: "…", 0xC5: "⊕", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈",
    0xCF: "∉", 0xD0: "∠", 0xD1: "∇", 0xD2: "®", 0xD3: "©", 0xD4: "™", 0xD5: "∏", 0xD6: "√",
    0xD7: "⋅", 0xD9: "∧", 0xDA: "∨", 0xDB: "⇔", 0xDE: "⇒", 0xE2: "®", 0xE3: "©", 0xE4: "™",
    0xE5: "∑", 0xF2: "∫", 0x56: "ς", 0x4A: "ϑ", 0x6A: "ϕ", 0x76: "ϖ",
}  # fmt: skip
_WINGDINGS = {
    0x22: "✂", 0x28: "☎", 0x2A: "✉", 0x4A: "☺", 0x4B: "😐", 0x4C: "☹", 0x6C: "●", 0x6E: "■",
    0x6F: "☐", 0x71: "☐", 0x72: "☐", 0x75: "◆", 0x76: "❖", 0x9F: "•", 0xA7: "▪", 0xA8: "☐",
    0xD8: "➢", 0xDF: "←", 0xE0: "→", 0xE1: "↑", 0xE2: "↓", 0xE8: "➔", 0xF0: "⇨", 0xFB: "✗",
    0xFC: "✓", 0xFD: "☒", 0xFE: "☑",
}  # fmt: skip
_PRIVATE_START, _PRIVATE_END = 0xF000, 0xF0FF
"""Where characters of symbol fonts stand in a text."""
_WINGDINGS_2 = {0x50: "✓", 0x52: "☑", 0x53: "☒", 0x54: "☒", 0xA3: "☐"}
_FONTS = ("Symbol", "Wingdings")


def needs_symbols(text: str, font: str) -> bool:
    """Whether a text has characters that mean something else than they say."""
    return font.startswith(_FONTS) or (
        not text.isascii() and any(_PRIVATE_START <= ord(one) <= _PRIVATE_END for one in text)
    )


def symbol(code: int, font: str) -> str | None:
    """What a font shows for a code; None where that is not known."""
    private = _PRIVATE_START <= code <= _PRIVATE_END
    low = code - _PRIVATE_START if private else code
    if low > 0xFF or low <= 0x20 or not (private or font.startswith(_FONTS)):
        return chr(code) if 0 < code < 0xD800 or 0xE000 <= code < 0x110000 else None
    if font == "Wingdings" or (private and not font.startswith(_FONTS)):
        return _WINGDINGS.get(low)
    if font == "Wingdings 2":
        return _WINGDINGS_2.get(low)
    if font.startswith("Symbol"):
        plain = chr(low) if low < 0x7F else None
        return _SYMBOL_SIGNS.get(low) or _SYMBOL_LETTERS.get(chr(low)) or plain
    return None
