"""Recognises questions that ask for documents: which of them say something, and what changed.

Their words tell it, in several languages, so no model is needed. A question that has a word more
than these forms have is an ordinary one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.answering.questions.time_phrases import MAX_PHRASE_WORDS, parse_time_phrase


@dataclass(frozen=True, slots=True)
class DocumentsAsked:
    """Which documents say something: `subject` is what."""

    subject: str


@dataclass(frozen=True, slots=True)
class ChangesAsked:
    """What changed since a time, in the documents or in that which `about` names."""

    since: datetime
    about: str = ""


def split_words(text: str) -> frozenset[str]:
    """A set of words that is written as a text."""
    return frozenset(text.split())


_WHICH = split_words(
    "which what welche welcher welches welchen quel quels quelle quelles qué que cuáles quali "
    "quale quais qual welke wat was cosa qu"
)
_DOCUMENT = split_words(
    "document documents docs file files page pages paper papers dokument dokumente dokumenten "
    "dokumentes datei dateien seite seiten unterlagen fichier fichiers documento documentos "
    "documenti archivo archivos página páginas file pagine pagina ficheiros bestanden documenten "
    "documentation dokumentation"
)
_SAYING = split_words(
    "say says mention mentions talk talks tell tells state states contain contains "
    "describe describes discuss discusses cover covers explain "
    "explains sagen sagt erwähnen enthalten beschreiben behandeln erklären steht stehen disent dit "
    "mentionnent mentionne parlent "
    "parle contiennent décrivent dicen dice mencionan menciona hablan habla contienen describen "
    "dicono menzionano parlano contengono descrivono dizem mencionam falam contêm descrevem "
    "zeggen vermelden noemen beschrijven"
)
_SAID = split_words(
    "mentioned described discussed covered explained erwähnt beschrieben behandelt erklärt"
)
_BEFORE_SUBJECT = split_words(
    "that about of something anything dass über von davon etwas zu que qu de du des d sobre algo "
    "che di del della dei dat iets it s there es"
)
_HELPING = split_words(
    "est-ce do does did is are was were it one can has have had been be in of the our my all any "
    "and or so please s t also ist sind wird werden wurde wurden hat haben sich es man in den "
    "der die das dem im an am bitte und est sont a ont il elle on qui ce c les la le l dans et ha "
    "han es son se en el las los y è sono hanno nel nella nei gli o os as em foi foram e "
    "zijn er het de zich heeft hebben"
)
_CHANGED = split_words(
    "changed change changes updated added removed edited modified geändert verändert aktualisiert "
    "hinzugefügt entfernt changé modifié ajouté cambió cambiado cambiaron modificado añadido "
    "cambiato cambiata modificati mudou mudaram alterado gewijzigd veranderd"
)
_NEW = split_words("new neu neues neue nouveau nouveaux nuevo nuevos nuovo nuovi novo nieuw")
"""What is new is asked of the documents only where they are named."""
_SINCE = split_words("since seit depuis desde da dal dalla sinds")
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_UNSPACED_FORMS = (
    re.compile(
        r"^(?:哪些|哪个|哪份)(?:文件|文档|页面|资料)(?:里|中)?(?:提到|提及|说|讲|写|包含|谈到)了?(.+)"
    ),
    re.compile(
        r"^(.+?)(?:について|のこと|と|が|を)(?:書いて|書かれて|述べて|言及して|説明して)"
        r"(?:ある|いる)(?:文書|資料|ドキュメント|ページ|ファイル)"
    ),
)
_MAX_ASKED_CHARACTERS = 400
"""A longer text is no question of these forms."""
_LEADING_WORDS = 3
"""Words in which such a question begins: "In which documents", "So, which pages"."""


def find_form(question: str, now: datetime) -> DocumentsAsked | ChangesAsked | None:
    """What a question asks of the documents themselves; None for every other question."""
    text = " ".join(question.split())
    if not text or len(text) > _MAX_ASKED_CHARACTERS:
        return None
    for form in _UNSPACED_FORMS:
        if found := form.search(text):
            return DocumentsAsked(found[1].strip(" ?？。"))
    said = [(match[0].casefold(), match.start(), match.end()) for match in _WORD.finditer(text)]
    words = [word for word, _, _ in said]
    if not any(word in _WHICH for word in words[:_LEADING_WORDS]):
        return None
    if (changes := _changes(text, said, now)) is not None:
        return changes
    subject = _subject(words)
    if subject is None:
        return None
    begin, end = subject
    what = text[said[begin][1] : said[end - 1][2]]
    return DocumentsAsked(what.strip()) if what.strip() else None


def _subject(words: Sequence[str]) -> tuple[int, int] | None:
    """The first and last word of what documents are to say: "Which documents say (…)?"."""
    at = next((n for n, word in enumerate(words[: _LEADING_WORDS + 1]) if word in _DOCUMENT), 0)
    if not at or words[at - 1] not in _WHICH:
        return None
    begin, end = at + 1, len(words)
    while begin < end and words[begin] in _HELPING:
        begin += 1
    if begin < end and words[begin] in _SAYING:
        begin += 1
    elif words[end - 1] in _SAID:
        end -= 1
    else:
        return None
    while begin < end and words[begin] in _BEFORE_SUBJECT:
        begin += 1
    return (begin, end) if begin < end else None


def _changes(text: str, said: Sequence[tuple[str, int, int]], now: datetime) -> ChangesAsked | None:
    words = [word for word, _, _ in said]
    if _CHANGED.isdisjoint(words) and (_NEW.isdisjoint(words) or _DOCUMENT.isdisjoint(words)):
        return None
    for at in (n for n, word in enumerate(words) if word in _SINCE):
        for until in range(min(len(said), at + 1 + MAX_PHRASE_WORDS), at + 1, -1):
            since = parse_time_phrase(text[said[at + 1][1] : said[until - 1][2]], now)
            if since is None:
                continue
            rest = [*said[:at], *said[until:]]
            known = _WHICH | _CHANGED | _NEW | _HELPING | _DOCUMENT | _BEFORE_SUBJECT
            about = " ".join(text[a:b] for word, a, b in rest if word not in known)
            return ChangesAsked(since, about)
    return None
