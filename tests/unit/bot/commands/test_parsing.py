"""Commands as people type them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.commands.completion import Suggestion, complete_text
from bot.commands.declaration import Command, Option, command
from bot.commands.parsing import find_command, main_option, parse_options, split_command
from bot.errors import MissingOption, NotFound, UsageError
from bot.types import Part, Text


async def model_names(asked: Any) -> Sequence[str]:
    return ["default", "large"]


@command("rap")
async def rap(
    ctx: Any, matchup: str, rounds: int = 2, style: Literal["old", "new school"] | None = None
) -> AsyncIterator[Part]:
    """Two performers take turns."""
    yield Text("")


@command("ask")
async def ask(
    ctx: Any, question: str, model: Annotated[str | None, Option(complete=model_names)] = None
) -> AsyncIterator[Part]:
    """Answer from the documents."""
    yield Text("")


@command("model")
async def model(
    ctx: Any,
    action: Literal["list", "use", "info"] = "list",
    name: Annotated[str | None, Option(complete=model_names)] = None,
    scope: Literal["here", "channel", "workspace"] = "here",
) -> AsyncIterator[Part]:
    """Which model answers."""
    yield Text("")


@command("compare")
async def compare(ctx: Any, left: str, right: str, times: int = 1) -> AsyncIterator[Part]:
    """Compare two."""
    yield Text("")


@command("roll")
async def roll(ctx: Any, sides: int, again: bool = False) -> AsyncIterator[Part]:
    """Roll a die."""
    yield Text("")


@command("stop")
async def stop(ctx: Any) -> AsyncIterator[Part]:
    """Stop."""
    yield Text("")


@command("history")
async def history(ctx: Any, count: int = 10, topic: str = "") -> AsyncIterator[Part]:
    """What was said."""
    yield Text("")


@command("summarize")
async def summarize(
    ctx: Any,
    source: Annotated[str, Option(takes_rest=True)] = "",
    style: Literal["bullets", "prose"] = "bullets",
    last: int = 0,
    language: str = "",
) -> AsyncIterator[Part]:
    """Summarise a page."""
    yield Text("")


COMMANDS = [rap, ask, model, compare, roll, stop, history, summarize]


@pytest.mark.parametrize(
    ("command", "text", "given"),
    [
        (rap, "Ada Lovelace vs Charles Babbage", {"matchup": "Ada Lovelace vs Charles Babbage"}),
        (
            rap,
            "Ada Lovelace vs Charles Babbage rounds=3",
            {"matchup": "Ada Lovelace vs Charles Babbage", "rounds": "3"},
        ),
        (
            rap,
            'rounds=3 Ada vs Bob style="new school"',
            {"matchup": "Ada vs Bob", "rounds": "3", "style": "new school"},
        ),
        (rap, "style='new school' A vs B", {"matchup": "A vs B", "style": "new school"}),
        (ask, "What's new in v=2?", {"question": "What's new in v=2?"}),
        (ask, 'He said "why?" and left', {"question": 'He said "why?" and left'}),
        (ask, '"quoted"', {"question": '"quoted"'}),
        (
            ask,
            "what is https://example.org/?model=2&b=c",
            {"question": "what is https://example.org/?model=2&b=c"},
        ),
        (ask, "how so?\n\nsecond  line", {"question": "how so?\n\nsecond  line"}),
        (ask, "is model=x the same as y", {"question": "is model=x the same as y"}),
        (ask, "what is a=b", {"question": "what is a=b"}),
        (ask, "what is a=b model=large", {"question": "what is a=b", "model": "large"}),
        (ask, "model=large x=1 is what?", {"question": "x=1 is what?", "model": "large"}),
        (ask, "set timeout=30 and retries=5", {"question": "set timeout=30 and retries=5"}),
        (
            ask,
            "https://example.org/?x=y model=large",
            {"question": "https://example.org/?x=y", "model": "large"},
        ),
        (ask, "model=large how so?", {"question": "how so?", "model": "large"}),
        (ask, "how so? model=large", {"question": "how so?", "model": "large"}),
        (ask, "question=how do I do it?", {"question": "how do I do it?"}),
        (ask, 'question="what is model=x"', {"question": "what is model=x"}),
        (ask, r'question="a \"b\" \\ c" model=m', {"question": 'a "b" \\ c', "model": "m"}),
        (ask, "model=", {"model": ""}),
        (ask, "", {}),
        (ask, "   ", {}),
        (model, "", {}),
        (model, "list", {"action": "list"}),
        (model, "use large", {"action": "use", "name": "large"}),
        (model, "use large channel", {"action": "use", "name": "large", "scope": "channel"}),
        (model, "use my model channel", {"action": "use", "name": "my model", "scope": "channel"}),
        (model, "use channel", {"action": "use", "name": "channel"}),
        (
            model,
            "use large scope=channel",
            {"action": "use", "name": "large", "scope": "channel"},
        ),
        (model, "action=use name=large", {"action": "use", "name": "large"}),
        (compare, '"Ada L" Charles B', {"left": "Ada L", "right": "Charles B"}),
        (summarize, "https://example.org/?a=b", {"source": "https://example.org/?a=b"}),
        (summarize, "docs/a b.md prose", {"source": "docs/a b.md", "style": "prose"}),
        (summarize, "last=20", {"last": "20"}),
        (compare, "it's this", {"left": "it's", "right": "this"}),
        (compare, "a b times=2", {"left": "a", "right": "b", "times": "2"}),
        (roll, "6 yes", {"sides": "6", "again": "yes"}),
        (roll, "six", {"sides": "six"}),
        (history, "5 cats and dogs", {"count": "5", "topic": "cats and dogs"}),
        (history, "cats and dogs", {"topic": "cats and dogs"}),
        (stop, "", {}),
    ],
)  # fmt: skip
def test_text_is_read_as_a_person_means_it(
    command: Command, text: str, given: dict[str, str]
) -> None:
    assert parse_options(text, command) == given


@pytest.mark.parametrize(
    ("command", "text", "said"),
    [
        (rap, "A vs B round=3", "Did you mean rounds=?"),
        (ask, "how so? modle=large", "Did you mean model=?"),
        (rap, "A vs B rounds=1 rounds=2", "given twice"),
        (rap, "A vs B rounds=1 colour=red", "/rap has no option colour. It has: matchup, rounds"),
        (rap, "A vs B rounds=1 a=1 b=2 style=old", "/rap has no option a."),
        (rap, "A vs B rounds=1 styl=old", "/rap has no option styl. Did you mean style=?"),
        (ask, 'how so? model=large colour="dark red"', "/ask has no option colour. It has: "),
        (roll, "6 colour=red", "/roll has no option colour. It has: sides, again."),
        (stop, "now=yes", "takes nothing after it"),
        (model, "lsit", "did you mean list?"),
        (model, "choose", "one of list, use, info"),
        (stop, "it", "takes nothing after it"),
        (roll, "6 yes please", "Write: /roll"),
        (ask, "x" * 20_000, "too long"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_sentence(
    command: Command, text: str, said: str
) -> None:
    with pytest.raises(UsageError, match=r".") as caught:
        parse_options(text, command)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_word_that_is_no_number_is_refused_when_it_is_bound() -> None:
    with pytest.raises(UsageError, match="sides must be a whole number, not 'six'"):
        roll.bind(parse_options("six", roll))


def test_an_absent_required_option_is_named() -> None:
    with pytest.raises(MissingOption, match=r"matchup is missing\. Write: /rap MATCHUP"):
        rap.bind(parse_options("rounds=2", rap))


def test_the_main_option_is_the_last_required_text() -> None:
    assert [o.name if (o := main_option(c)) else None for c in COMMANDS] == [
        "matchup", "question", "name", "right", None, None, "topic", "source",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("/ask foo bar", ("ask", "foo bar")),
        ("  /ASK\nfoo\n bar ", ("ask", "foo\n bar")),
        (", /ask foo", ("ask", "foo")),
        ("/aks foo", ("aks", "foo")),
        ("/stop", ("stop", "")),
        ("stop", ("stop", "")),
        (" Help! ", ("help", "")),
        ("help me", ("", "help me")),
        ("history", ("", "history")),
        ("hello", ("", "hello")),
        ("/ ask", ("", "/ ask")),
        ("/etc/hosts is gone", ("", "/etc/hosts is gone")),
        ("/etc is full", ("", "/etc is full")),
        ("/run.sh fails", ("", "/run.sh fails")),
        ("//ask is a command", ("", "/ask is a command")),
        ("// a remark", ("", "// a remark")),
        ("//host/share", ("", "//host/share")),
        ("", ("", "")),
    ],
)
def test_a_command_is_split_from_what_follows(text: str, split: tuple[str, str]) -> None:
    assert split_command(text, {"ask", "stop", "help", "history"}) == split


def test_a_word_or_a_folder_is_what_the_commands_make_of_it() -> None:
    assert split_command("stop", {"ask"}) == ("", "stop")
    assert split_command("/run 3 times", {"run"}) == ("run", "3 times")


def test_an_unknown_command_gets_the_nearest() -> None:
    with pytest.raises(NotFound, match=r"There is no command /sak\. Did you mean /ask\?"):
        find_command("sak", COMMANDS)
    with pytest.raises(NotFound, match="See /help"):
        find_command("xyzzy", COMMANDS)
    assert find_command("ASK", COMMANDS) is ask


# --- properties ----------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30)


def written(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(words, st.integers(1, 9), st.sampled_from(["old", "new school"]))
def test_named_options_come_back_whole(matchup: str, rounds: int, style: str) -> None:
    text = f"rounds={rounds} style={written(style)} matchup={written(matchup)}"
    assert parse_options(text, rap) == {"matchup": matchup, "rounds": str(rounds), "style": style}


@given(words, st.integers(1, 9))
def test_the_text_between_named_options_is_verbatim(question: str, n: int) -> None:
    question = question.strip()
    assume(question and "=" not in question)
    assert parse_options(f"{question} rounds={n}", rap) == {"matchup": question, "rounds": str(n)}
    assert parse_options(f"rounds={n} {question}", rap) == {"matchup": question, "rounds": str(n)}


@given(words, words)
def test_two_texts_in_order_come_back_whole(left: str, right: str) -> None:
    right = right.strip()
    assume(right and "=" not in right)
    assert parse_options(f"{written(left)} {right}", compare) == {"left": left, "right": right}


pieces = st.sampled_from(
    ["rounds=", "style=", "model=", "action=", "modl=", '"', "'", "\\", "=", " ", "\n", "use", "3"]
)


@given(
    st.lists(st.one_of(pieces, st.text(max_size=5)), max_size=20).map("".join),
    st.sampled_from(COMMANDS),
)
def test_whatever_is_typed_is_read_or_refused(text: str, command: Command) -> None:
    with suppress(UsageError):
        given = parse_options(text, command)
        assert set(given) <= {option.name for option in command.options}
        command.bind(given)


# --- completion ----------------------------------------------------------------------------------


async def complete(command: str, option: str, prefix: str) -> Sequence[str]:
    assert option in {"model", "name"}
    return [name for name in ("default", "large") if name.startswith(prefix)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("hello", []),
        ("/st", ["/stop"]),
        ("/xyz ", []),
        ("/model ", ["list", "use", "info"]),
        ("/model u", ["use"]),
        ("/model use ", ["default", "large"]),
        ("/model use la", ["large"]),
        ("/model use large ", ["here", "channel", "workspace"]),
        ("/model use large wo", ["workspace"]),
        ("/model use large sc", ["scope="]),
        ("/model scope=ch", ["channel"]),
        ("/ask how do I mo", ["model="]),
        ("/ask how model=", ["default", "large"]),
        ("/roll 6 y", ["yes"]),
        ("/roll 6 yes ", []),
    ],
)
async def test_the_next_word_is_suggested(text: str, expected: list[str]) -> None:
    assert [s.text for s in await complete_text(text, COMMANDS, complete)] == expected


async def test_a_suggestion_says_what_it_replaces() -> None:
    [found] = await complete_text("/ask how model=la", COMMANDS, complete)
    assert found == Suggestion("large", len("/ask how model="))


@given(st.text(max_size=30), st.sampled_from(COMMANDS))
async def test_completion_never_fails(text: str, command: Command) -> None:
    async def nothing(*asked: str) -> Sequence[str]:
        return ()

    for found in await complete_text(f"/{command.name} {text}", COMMANDS, nothing):
        assert found.start <= len(f"/{command.name} {text}")
