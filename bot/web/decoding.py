"""Decodes what a server sent: bounded decompression, and detection of the charset."""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterator

_META = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*+=\s*+(?:["']\s*+)?([\w.:-]{1,40})|"""
    rb"""<\?xml[^>]{0,200}?encoding\s*+=\s*+["']([\w.:-]{1,40})""",
    re.IGNORECASE,
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
HTML = frozenset({"text/html", "application/xhtml+xml"})
_HTML_START = re.compile(r"\s*(<!doctype html|<html[\s>]|<head[\s>]|<body[\s>])", re.IGNORECASE)
_LATIN_LABELS = {"iso-8859-1", "latin-1", "latin1", "ascii", "us-ascii"}
"""Browsers read these labels as windows-1252, and pages rely on it."""
_WIDER_CHARSETS = {
    "iso-8859-9": "windows-1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso-8859-8",
    "x-sjis": "cp932",
}
"""What browsers read where a page names a charset, and what Python calls it."""
_LANGUAGE = re.compile(rb"""<html[^>]{0,500}?\slang\s*+=\s*+["']?([a-z]{2})\b""", re.IGNORECASE)
_COUNTRIES = {
    b"cs": b"cz", b"el": b"gr", b"he": b"il", b"ja": b"jp", b"ko": b"kr", b"uk": b"ua",
    b"zh": b"cn",
}  # fmt: skip
"""Domains of countries by language, where the two have other letters."""
_ASCII = bytes(range(128))
_GUESSED_BYTES = 64 * 1024
_MIN_GUESSED_CHARACTERS = 3
"""With fewer letters beyond ASCII there is too little to judge by: `naïve`, `10 µm`, `£5`."""

_LATIN_CHARSETS = frozenset({
    "iso-8859-2", "iso-8859-4", "windows-1250", "windows-1254", "windows-1257", "windows-1258",
})  # fmt: skip
"""Charsets that have letters where windows-1252 has signs."""

_STEP_BYTES = 64 * 1024


class Inflater:
    """Undoes a Content-Encoding piece by piece, never more than `_STEP_BYTES` bytes at a time.

    So whoever counts the pieces can stop a bomb before it has unfolded. Raises `ValueError` for an
    encoding that is not known, `zlib.error` for a damaged stream.
    """

    def __init__(self, encoding: str) -> None:
        name = encoding.strip().lower()
        if name not in {"", "identity", "gzip", "x-gzip", "deflate"}:
            raise ValueError(f"Content-Encoding {name:.40}")
        self._plain = name in {"", "identity"}
        self._first = name == "deflate"
        # 32 lets zlib tell gzip from zlib by the header; raw deflate is tried when neither fits
        self._zlib = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The decompressed pieces of what has come in."""
        if self._plain:
            yield data
            return
        while data:
            piece, data = self._inflate(data)
            if piece:
                yield piece
            elif self._zlib.eof or not data:
                return

    def _inflate(self, data: bytes) -> tuple[bytes, bytes]:
        try:
            piece = self._zlib.decompress(data, _STEP_BYTES)
        except zlib.error:
            if not self._first:
                raise
            self._zlib = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
            piece = self._zlib.decompress(data, _STEP_BYTES)
        self._first = False
        return piece, self._zlib.unconsumed_tail


def is_html(data: bytes, content_type: str) -> bool:
    """Whether to read this as a web page: by its type, or by its first tag."""
    return content_type in HTML or bool(
        _HTML_START.match(data[:1024].decode("latin-1").lstrip("ï»¿"))
    )


def is_binary(data: bytes) -> bool:
    """Whether this is no text in any charset: NUL bytes where neither UTF-16 nor a mark of UTF-32
    explains them, or mostly control characters."""
    if any(data.startswith(mark) for mark, _ in _BOMS) or _unmarked_utf16(data):
        return False
    head = data[:8192]
    if b"\0" in head:
        return True
    odd = sum(1 for byte in head if byte < 32 and byte not in b"\t\n\r\f\x1b\b")
    return odd > len(head) // 20


def _unmarked_utf16(data: bytes) -> str:
    """The byte order of UTF-16 without a mark, as some programs write it; "" where it is none.

    In a text with Latin letters every other byte is NUL, and none of the others.
    """
    head = data[: min(8192, len(data) // 2 * 2)]
    if len(head) < 8 or len(data) % 2:
        return ""
    even, odd = head[::2], head[1::2]
    if not even.count(0) and odd.count(0) > 0.7 * len(odd):
        name, letters = "utf-16-le", even
    elif not odd.count(0) and even.count(0) > 0.7 * len(even):
        name, letters = "utf-16-be", odd
    else:
        return ""
    plain = sum(byte >= 32 or byte in b"\t\n\r" for byte in letters)
    return name if plain > 0.95 * len(letters) else ""


def decode(data: bytes, charset: str | None = None) -> str:
    """Text of a page or file: its byte order mark, the server's word, UTF-8, the page's, a guess.

    A wrong label does no harm: what cannot be decoded as labelled is guessed.
    """
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data.decode(name, errors="replace").lstrip("\ufeff")  # some files have two
    unmarked = _unmarked_utf16(data)
    if unmarked:
        return data.decode(unmarked, errors="replace")
    declared = _META.search(data[:4096])
    inside = (declared[1] or declared[2]).decode("ascii") if declared else None
    for label in (charset, "utf-8", inside):
        text = _try(data, label)
        if text is not None:
            return text
    return _decode_unlabelled(data)


def _try(data: bytes, label: str | None) -> str | None:
    if not label:
        return None
    name = label.strip("\"' ").lower()
    if name in _LATIN_LABELS:
        name = "utf-8" if is_utf8(data) else "windows-1252"
    try:
        return data.decode(_WIDER_CHARSETS.get(name, name))
    except (LookupError, ValueError):
        return None


def is_utf8(data: bytes) -> bool:
    """Whether this is text in UTF-8, plain ASCII included."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _decode_unlabelled(data: bytes) -> str:
    """UTF-8 where few of its letters are broken, else what the letters beyond ASCII speak for."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    beyond = len(text) - len(text.encode("ascii", errors="ignore"))
    if beyond - broken > 4 * broken:
        return text
    name = _guess_charset(data)
    return data.decode(_WIDER_CHARSETS.get(name, name), errors="replace")


def _guess_charset(data: bytes) -> str:
    """The charset of bytes that are no UTF-8: of Windows for few letters, as most files are."""
    from chardetng_py import EncodingDetector  # only odd pages need it

    spoken = _LANGUAGE.search(data[:4096])
    domain = _COUNTRIES.get(spoken[1].lower(), spoken[1].lower()) if spoken else None
    if domain is None and len(data.translate(None, _ASCII)) < _MIN_GUESSED_CHARACTERS:
        return "windows-1252"
    first = len(data) - len(data.lstrip(_ASCII))
    begin = max(0, first - 1024)
    detector = EncodingDetector()
    sample = data[begin : begin + _GUESSED_BYTES]
    detector.feed(sample, last=True)
    name = str(detector.guess(tld=domain, allow_utf8=False)).lower()
    return "windows-1252" if name in _LATIN_CHARSETS and _has_signs_alone(sample) else name


def _has_signs_alone(data: bytes) -> bool:
    """Whether a text has no letters beyond ASCII in windows-1252, but £, “ and – alone: English."""
    beyond = data.translate(None, _ASCII).decode("windows-1252", errors="replace")
    return not any(map(str.isalpha, beyond))
