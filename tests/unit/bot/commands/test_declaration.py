"""Commands, declared once from a typed handler."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.declaration import (
    MAX_TEXT_CHARACTERS,
    Command,
    Example,
    Option,
    check_text,
    command,
)
from bot.errors import MissingOption, PluginError, UsageError
from bot.types import Part, Text


@command("rap", examples=[Example("/rap A vs B", says="A")], remember=True)
async def rap(
    ctx: Any,
    matchup: Annotated[str, Option("Who battles whom", max_length=20)],
    rounds: Annotated[int, Option(min_value=1, max_value=5)] = 2,
    speed: float | None = None,
    style: Literal["old", "new"] = "old",
    loud: bool = False,
    mood: str = "",
) -> AsyncIterator[Part]:
    """Two performers
    take turns.

    More about it.
    """
    yield Text(f"{matchup} {rounds}")


def options(declared: Command) -> dict[str, tuple[str, bool, Any]]:
    return {o.name: (o.kind, o.required, o.default) for o in declared.options}


def test_options_come_from_the_parameters() -> None:
    assert options(rap) == {
        "matchup": ("str", True, None),
        "rounds": ("int", False, 2),
        "speed": ("float", False, None),
        "style": ("str", False, "old"),
        "loud": ("bool", False, False),
        "mood": ("str", False, ""),
    }
    found = rap.option("style")
    assert found is not None
    assert found.choices == ("old", "new")
    assert rap.option("nothing") is None


def test_the_description_is_the_first_paragraph_of_the_docstring() -> None:
    assert rap.description == "Two performers take turns."


def test_an_option_without_a_description_gets_one_from_its_name() -> None:
    assert [o.description for o in rap.options[:3]] == ["Who battles whom", "Rounds", "Speed"]


def test_usage_shows_how_it_is_written() -> None:
    assert rap.usage == "/rap MATCHUP [rounds=2] [speed=…] [style=old] [loud=False] [mood=…]"


def test_values_are_bound_converted_and_filled_in() -> None:
    assert rap.bind({"matchup": "A vs B", "rounds": "3", "loud": "yes", "speed": "1.5"}) == {
        "matchup": "A vs B",
        "rounds": 3,
        "speed": 1.5,
        "style": "old",
        "loud": True,
        "mood": "",
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"matchup": "x", "rounds": "many"}, "rounds must be a whole number, not 'many'."),
        ({"matchup": "x", "rounds": 0}, "rounds must be at least 1, not 0."),
        ({"matchup": "x", "speed": "nan"}, "speed must be a number, not 'nan'."),
        ({"matchup": "x", "rounds": "9" * 400}, f"rounds must be at most 5, not {'9' * 24}…."),
        ({"matchup": "x", "rounds": 6}, "rounds must be at most 5, not 6."),
        ({"matchup": "x", "speed": "fast"}, "speed must be a number, not 'fast'."),
        ({"matchup": "x", "style": "odd"}, "style must be one of old, new, not 'odd'."),
        ({"matchup": "x", "loud": "maybe"}, "loud must be yes or no, not 'maybe'."),
        ({"matchup": "x" * 21}, "matchup is too long: 21 characters, where 20 are allowed."),
        ({"matchup": " "}, "matchup is empty."),
        ({"matchup": "a\x00b"}, "matchup holds control characters; please send plain text."),
        ({"matchup": "x", "round": 1}, "/rap has no option round. Did you mean rounds=?"),
    ],
)
def test_what_cannot_be_bound_is_said_in_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        rap.bind(given)
    assert said in str(caught.value)


def test_a_missing_option_is_named_unless_binding_is_partial() -> None:
    with pytest.raises(MissingOption) as caught:
        rap.bind({})
    assert (caught.value.command, caught.value.option) == ("rap", "matchup")
    assert rap.bind({}, partial=True)["matchup"] is None


def test_the_schema_has_all_that_is_declared_of_an_option() -> None:
    schema = rap.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["required"] == ["matchup"]
    assert schema["properties"] == {
        "matchup": {
            "type": "string",
            "description": "Who battles whom",
            "maxLength": 20,
            "pattern": r"\S",
        },
        "rounds": {
            "type": "integer",
            "description": "Rounds",
            "minimum": 1,
            "maximum": 5,
            "default": 2,
        },
        "speed": {"type": "number", "description": "Speed"},
        "style": {
            "type": "string",
            "description": "Style",
            "enum": ["old", "new"],
            "default": "old",
        },
        "loud": {"type": "boolean", "description": "Loud", "default": False},
        "mood": {"type": "string", "description": "Mood", "maxLength": 4000, "default": ""},
    }


def test_the_defaults_of_a_schema_are_what_is_bound_where_nothing_is_given() -> None:
    bound = rap.bind({"matchup": "A vs B"})
    for name, entry in rap.schema()["properties"].items():
        if name != "matchup":
            assert bound[name] == entry.get("default")


_printable = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=25)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "matchup": _printable,
            "rounds": st.integers(-2, 8),
            "speed": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9),
            "style": st.sampled_from(["old", "new", "odd", ""]),
            "loud": st.booleans(),
            "mood": _printable,
            "other": st.integers(),
        },
    )
)
def test_the_schema_accepts_what_binding_accepts(given_values: dict[str, Any]) -> None:
    try:
        rap.bind(given_values)
        bound = True
    except UsageError:
        bound = False
    valid = jsonschema.Draft202012Validator(rap.schema()).is_valid(given_values)
    assert valid == bound


@pytest.mark.parametrize(
    "wrong", [{"matchup": 1}, {"matchup": "A", "rounds": "2"}, {"matchup": "A", "mood": None}]
)
def test_the_schema_accepts_no_value_of_another_type(wrong: dict[str, Any]) -> None:
    assert not jsonschema.Draft202012Validator(rap.schema()).is_valid(wrong)


def test_a_text_of_any_script_passes_and_a_long_one_does_not() -> None:
    check_text("مرحبا\u200f 日本語 👩‍👩‍👧\n\tend" + "x" * 3000, "message")
    with pytest.raises(UsageError, match="4,001 characters, where 4,000 are allowed"):
        check_text("x" * (MAX_TEXT_CHARACTERS + 1), "message")


async def test_the_handler_is_the_function_itself() -> None:
    parts = [part async for part in rap.handler(None, matchup="A", rounds=1)]
    assert parts == [Text("A 1")]


# --- handlers that cannot be commands ------------------------------------------------------------


async def no_docstring(ctx: Any) -> AsyncIterator[Part]:
    yield Text("")


def no_coroutine(ctx: Any) -> None:
    """It never awaits."""


async def odd_type(ctx: Any, what: list[str]) -> AsyncIterator[Part]:
    """It takes a list."""
    yield Text("")


async def unknown_type(ctx: Any, what: Missing) -> AsyncIterator[Part]:  # type: ignore[name-defined] # noqa: F821
    """It takes what is imported nowhere."""
    yield Text("")


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        (no_docstring, "needs a docstring"),
        (no_coroutine, "must be an `async def`"),
        (odd_type, "option 'what' has type"),
        (unknown_type, "import it outside TYPE_CHECKING"),
    ],
)
def test_a_handler_that_cannot_be_a_command_is_refused(handler: Any, said: str) -> None:
    with pytest.raises(PluginError, match="/bad: ") as caught:
        command("bad")(handler)
    assert said in str(caught.value)


def test_a_limit_of_seven_digits_was_rounded() -> None:
    option = Option(name="seed", kind="int", max_value=1234567)
    with pytest.raises(UsageError, match="at most 1234567, not 1234568"):
        option.coerce("1234568")
