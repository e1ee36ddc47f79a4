"""Sentences in the language of their reader, and the template that lists them all."""

from __future__ import annotations

import pickle
from pathlib import Path
from textwrap import dedent

import pytest

from bot.catalogue.languages import load_language, read_language, set_folders, translate
from bot.catalogue.sentence import join_sentences, lay_out, say, say_number
from bot.cli.catalogue_template import find_sentences
from bot.errors import Refused
from bot.replies.draft import Draft
from bot.replies.wording import shown_status
from bot.types import Limits, Notice, Status, Text

HEAD = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : n>=2 && n<=4 ? 1 : 2);\\n"\n\n'
)
CZECH = """\
msgid "{name} is empty."
msgstr "Soubor {name} je prázdný."

msgid "{n} file"
msgid_plural "{n} files"
msgstr[0] "{n} soubor"
msgstr[1] "{n} soubory"
msgstr[2] "{n} souborů"

msgid "There are {what} here."
msgstr "Je zde {what}."

msgid "It has {number} lines."
msgstr "Má {nubmer} řádků."

msgid "Waiting"
msgstr "Čekám"

msgid "number {position} in line"
msgstr "v pořadí {position}"

msgid "Share"
msgstr "Sdílet"
"""


@pytest.fixture(autouse=True)
def czech(tmp_path: Path) -> None:
    (tmp_path / "cs.po").write_text(HEAD + CZECH, "utf-8")
    set_folders([tmp_path])
    read_language("cs")


def test_a_sentence_is_english_and_is_said_again_in_the_language_of_its_reader() -> None:
    sentence = say("{name} is empty.", name="a.pdf")
    assert sentence == "a.pdf is empty."
    assert translate(sentence, "cs") == "Soubor a.pdf je prázdný."
    assert translate(sentence, "cs-CZ") == "Soubor a.pdf je prázdný."
    for other in (None, "", "en-GB", "xx", "zh-Hant"):
        assert translate(sentence, other) == "a.pdf is empty."


def test_plurals_follow_the_language() -> None:
    files = [say_number("{n} file", "{n} files", n) for n in (1, 3, 7)]
    assert files == ["1 file", "3 files", "7 files"]
    assert [translate(one, "cs") for one in files] == ["1 soubor", "3 soubory", "7 souborů"]


def test_sentences_within_sentences_are_translated() -> None:
    files = say_number("{n} file", "{n} files", 2)
    assert translate(say("There are {what} here.", what=files), "cs") == "Je zde 2 soubory."
    assert (
        translate(say("No language has {what}.", what=files), "cs") == "No language has 2 soubory."
    )
    both = join_sentences((files, "", say("{name} is empty.", name="{x}")), " {…} ")
    assert both == "2 files {…} {x} is empty."
    assert translate(both, "cs") == "2 soubory {…} Soubor {x} je prázdný."
    assert translate(lay_out("- {files} ({{}})", files=files), "cs") == "- 2 soubory ({})"


def test_what_is_no_sentence_stays_as_it_is() -> None:
    assert translate("{name} is empty.", "cs") == "{name} is empty."
    assert translate(say("{name} is empty.", name="a") + "", "cs") == "a is empty."


def test_an_error_and_a_copy_are_still_sentences() -> None:
    sentence = say("{name} is empty.", name="a.pdf")
    assert translate(str(Refused(sentence)), "cs") == "Soubor a.pdf je prázdný."
    assert translate(pickle.loads(pickle.dumps(sentence)), "cs") == "Soubor a.pdf je prázdný."


def test_a_translation_with_a_wrong_name_is_said_in_english() -> None:
    assert translate(say("It has {number} lines.", number=3), "cs") == "It has 3 lines."


def test_a_file_that_is_no_catalogue_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "pl.po").write_bytes(b'msgid "{name} is empty."\nmsgstr \xff\n')
    set_folders([tmp_path, tmp_path / "nowhere"])
    read_language("pl")
    read_language("cs")
    sentence = say("{name} is empty.", name="a")
    assert (translate(sentence, "pl"), translate(sentence, "cs")) == (
        "a is empty.",
        "Soubor a je prázdný.",
    )


def test_all_of_a_reply_is_in_one_language() -> None:
    draft = Draft("t", Limits(2000, 0.0), model=True, heading=say("{name} is empty.", name="b"))
    draft.speak("cs")
    draft.add(Status("queued", position=2))
    assert shown_status(draft.view()) == "Čekám, v pořadí 2 …"
    draft.add(Notice(say("{name} is empty.", name="a")))
    draft.add(Notice(say("{name} is empty.", name="a"), private=True))
    assert [one.text for one in draft.view().notices] == ["Soubor a je prázdný."] * 2
    assert draft.view().heading == "Soubor b je prázdný."
    private = Draft("t", Limits(2000, 0.0), private=True, locale="cs")
    private.add(Text("Here."))
    private.end("complete")
    assert [one.label for one in private.view().actions] == ["Sdílet"]


@pytest.mark.may_block  # it looks for languages itself, as a start does
async def test_a_language_is_read_when_it_is_needed_and_again_with_other_folders(
    tmp_path: Path,
) -> None:
    (tmp_path / "pl.po").write_text('msgid "{name} is empty."\nmsgstr "{name} jest pusty."\n')
    set_folders([tmp_path])
    sentence = say("{name} is empty.", name="a.pdf")
    assert translate(sentence, "pl") == "a.pdf is empty."
    await load_language("pl-PL")
    assert translate(sentence, "pl") == "a.pdf jest pusty."
    set_folders([tmp_path])
    assert translate(sentence, "pl") == "a.pdf jest pusty."
    set_folders(())
    assert translate(sentence, "pl") == "a.pdf is empty."


def test_numbers_are_written_as_the_language_writes_them(tmp_path: Path) -> None:
    sentence = say("{name}: {size:,.1f} MB in {n:,} of {m}.", name="1,5", size=1234.5, n=2000, m=3)
    more = 'msgid "1,234.5"\nmsgstr "1 234,5"\n\nmsgid "{key}"\nmsgstr "{key}!"\n'
    (tmp_path / "cs.po").write_text(HEAD + more.replace("{key}", sentence.key), "utf-8")
    set_folders([tmp_path])
    read_language("cs")
    assert translate(sentence, "cs") == "1,5: 1 234,5 MB in 2 000 of 3.!"


def test_a_refusal_is_in_the_language_of_the_person_that_it_is_for() -> None:
    draft = Draft("t", Limits(2000, 0.0), locale="cs")
    draft.end("refused", Notice(str(Refused(say("{name} is empty.", name="a"))), "refusal"))
    assert [one.text for one in draft.view().notices] == ["Soubor a je prázdný."]


def test_the_template_lists_what_commands_say_of_themselves() -> None:
    source = dedent(
        '''
        @command("tide", menu="The tide")
        async def tide(ctx, hours: Annotated[int, Option("Hours from now")] = 1):
            """When the tide
            comes.

            More for developers."""
            await ctx.say(Text(say("Mind {name}" ", please.", name=ctx.name)))
            say_number("one {n}", "many {n}", 2)
        '''
    )
    found = [(one.key, one.plural) for one in find_sentences(source)]
    assert sorted(found) == sorted(
        [
            ("command:tide", ""),
            ("When the tide comes.", ""),
            ("The tide", ""),
            ("Hours from now", ""),
            ("Mind {name}, please.", ""),
            ("one {n}", "many {n}"),
        ]
    )
