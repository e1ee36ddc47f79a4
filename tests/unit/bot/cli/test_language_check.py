"""`parlance check` says of a language that somebody adds how much there is, and what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli.language_check import check_languages
from bot.installation import Installation

PLUGIN = """
from pathlib import Path
from bot.api import hookimpl

@hookimpl
def language_folders():
    return [str(Path(__file__).parent / "languages")]
"""
GOOD = """
msgid "Stopped."
msgstr "Fermato."

msgid "Nobody else says this."
msgstr "Non lo dice nessun altro."

msgid "Thinking"
msgstr ""
"""
BROKEN = """
msgid "There is no command /{name}. {hint}"
msgstr "Il comando /{nome} non esiste."

msgid "{n} file"
msgid_plural "{n} files"
msgstr[0] "un file"
msgstr[1] "{n file"
"""


@pytest.fixture
def read(tmp_path: Path) -> Any:
    """Rows of a check: `read({"it.po": GOOD}, chat={…})`; None makes no folder for the files."""

    def make(files: dict[str, str] | None, **sections: Any) -> list[dict[str, object]]:
        (tmp_path / "p").mkdir()
        (tmp_path / "p" / "italian.py").write_text(PLUGIN)
        if files is not None:
            (tmp_path / "p" / "languages").mkdir()
        for name, text in (files or {}).items():
            (tmp_path / "p" / "languages" / name).write_text(text, "utf-8")
        config = {"plugins": {"folders": ["p"]}, "data_dir": str(tmp_path / "data"), **sections}
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        return [*check_languages(Installation.read(tmp_path / "config.yaml"))]

    return make


def test_languages_that_ship_are_not_spoken_of(read: Any) -> None:
    assert read({}, chat={"language": "de-AT"}) == []


def test_how_much_of_a_language_there_is(read: Any) -> None:
    (row,) = read({"it.po": GOOD}, chat={"language": "it"})
    assert (row["what"], row["ok"]) == ("language it", True)
    detail = str(row["detail"])
    assert ": 1 of 1," in detail
    assert detail.endswith(" sentences, and 1 of plugins; the others are said in English")


def test_a_sentence_that_cannot_be_said_is_named(read: Any) -> None:
    first, *others = read({"it.po": BROKEN})
    assert first["ok"] is True
    assert [row["ok"] for row in others] == [False, False]
    name, brace = (str(row["detail"]).partition("it.po: ")[2] for row in others)
    assert name == "line 2: {nome} is no value of 'There is no command /{name}. {hint}'"
    assert brace.startswith("line 5: '{n file'")


def test_many_of_them_are_counted(read: Any) -> None:
    many = "".join(f'msgid "a{n}"\nmsgstr "{{b}}"\n\n' for n in range(9))
    *_, last = read({"it.po": many})
    assert str(last["detail"]).endswith("it.po: and 4 more like these")


@pytest.mark.parametrize(
    ("files", "part"),
    [
        ({"italiano.po": GOOD}, "italiano.po: it has to be called as its language is"),
        ({"it.po": "this is no catalogue"}, "it.po cannot be read: "),
        (None, "languages: a plugin names this folder, and it is not there"),
    ],
)
def test_what_is_not_read_is_named(read: Any, files: Any, part: str) -> None:
    (row,) = read(files)
    assert row["ok"] is False
    assert part in str(row["detail"])


def test_a_language_that_is_named_and_not_there(read: Any) -> None:
    rows = read(
        {"it.po": GOOD},
        chat={"language": "xx"},
        channels={"slack:T1:C1": {"language": "pt-BR"}, "slack:T1:C2": {"language": "it-CH"}},
    )
    assert [row["detail"] for row in rows if not row["ok"]] == [
        "chat.language: there is no language xx; there are: de, en, es, fr, it, ja",
        "channels.slack:T1:C1.language: there is no language pt_BR; there are: "
        "de, en, es, fr, it, ja",
    ]
