"""The sentences that people read in a chat are in the catalogue, and free of what only an operator
knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHOWN = frozenset(
    ("Notice", "Text", "Status", "Refused", "Denied", "NotFound", "Failed", "Busy", "UsageError")
) | {"MissingOption", "Recording", "Decision", "Check"}
"""What is made of a sentence for people; the errors of backends are for the log."""
INTERNAL = re.compile(
    r"config\.yaml|\.env\b|\b[A-Z]+_TOKEN\b|\btokens\b|\bparlance \w+|https?://(?!example\.)"
    r"|\b(?:discord|slack|fetch|knowledge|limits|chat|plugins)\.[a-z_]+\b",
)
FOR_OPERATORS = (
    "bot/bug_report/",
    "bot/cli/",
    "bot/config/",
    "bot/control/",
    "bot/notices/",
    "bot/service/",
    "bot/setup/",
    "bot/testing/",
    "bot/knowledge/retrieval/evaluation.py",
    "bot/knowledge/retrieval/golden.py",
)
"""Rooms whose sentences are printed at the command line alone."""


PHRASE = re.compile(r"[A-Za-z]{2,}[,;:]? [a-z]+")
"""What tells words for people from names and keys: two words, the second in small letters."""
SAYS = frozenset({"say", "say_here", "say_number", "Option", "lay_out"})
NOT_FOR_PEOPLE = frozenset(
    # what a log, a developer or an operator reads
    {"debug", "info", "warning", "error", "exception", "log_failure", "getLogger"}
    | {"ConfigError", "PluginError", "StorageError", "AdapterError", "ValueError", "TypeError"}
    | {"RuntimeError", "KeyError", "LookupError", "PortError", "PortRefused", "MessageClosed"}
    | {"ConnectionError", "ConnectionRejected", "DeadlineExceeded", "ForeignCancellation"}
    | {
        "BackendProtocolError",
        "LoaderFailed",
        "AssertionError",
        "NotImplementedError",
        "Field",
        "Literal",
    }
    # names of tasks, calls as they are typed, patterns
    | {"start", "create_task", "background", "_background", "_own", "_guarded", "Example"}
    | {"enter_async_context", "set_result", "compile", "sub", "run_in_thread", "text", "execute"}
)
NOT_CHAT = (
    *FOR_OPERATORS,
    "bot/adapters/discord/setup/",
    "bot/adapters/slack/setup/",
    "bot/adapters/slack/transport/",
    "bot/adapters/discord/transport/gateway.py",
    "bot/adapters/discord/inbound/handed_events.py",
    "bot/adapters/terminal/adapter.py",
    "bot/agent/model_words.py",
    "bot/answering/questions/forms.py",
    "bot/answering/questions/parts.py",
    "bot/answering/questions/time_phrases.py",
    "bot/answering/reader_trial.py",
    "bot/app.py",
    "bot/processes/",
    "bot/serving.py",
    "bot/console/formatting.py",
    "bot/console/guard.py",
    "bot/console/static_files.py",
    "bot/doctor.py",
    "bot/http/",
    "bot/installation.py",
    "bot/models/preparation.py",
    "bot/models/trial.py",
    "bot/knowledge/index/",
    "bot/knowledge/language/",
    "bot/knowledge/loading/office/date_format.py",
    "bot/knowledge/loading/office/docx",
    "bot/knowledge/loading/markup/markdown_inline.py",
    "bot/knowledge/loading/office/number_format.py",
    "bot/knowledge/retrieval/",
    "bot/mcp/endpoint.py",
    "bot/mcp/errors.py",
    "bot/mcp/listing.py",
    "bot/mcp/results.py",
    "bot/mcp/login_page.py",
    "bot/mcp/oauth.py",
    "bot/mcp/sealed.py",
    "bot/mcp/server",
    "bot/observability/",
    "bot/platforms.py",
    "bot/portability/column_values.py",
    "bot/portability/export.py",
    "bot/portability/insertion.py",
    "bot/portability/locations.py",
    "bot/portability/record_file.py",
    "bot/prompting/",
    "bot/skills/plugin_",
    "bot/schedules/clock_words.py",
    "bot/schedules/japanese_times.py",
    "bot/schedules/time_lexicon.py",
    "bot/shipped_platforms.py",
    "bot/status.py",
    "bot/storage/",
    "plugins/agent_tools.py",
    "plugins/matrix/__init__.py",
    "plugins/matrix/homeserver.py",
    "plugins/matrix/setup.py",
    "plugins/run_python.py",
    "plugins/memory_tools.py",
    "plugins/web_search.py",
    "plugins/page_summary.py",
)
"""Rooms whose texts are for an operator, for a model, or data."""


NO_SENTENCES = {
    ("bot/commands/declaration.py", "in threads"),
    (
        "bot/console/chat/conversation.py",
        '<hx-partial hx-target="#" hx-swap=""></hx-partial>',
    ),
    ("bot/console/speech.py", "language of the page"),
    ("bot/knowledge/loading/office/old_formats.py", "old formats"),
    (
        "bot/knowledge/loading/process.py",
        "import importlib, json, sys; sys.path[:] = json.loads(sys.argv[2]); "
        "importlib.import_module(sys.argv[1]).main()",
    ),
    ("bot/replies/draft.py", "text/markdown; charset=utf-8"),
    ("bot/skills/context.py", "steps done"),
    ("bot/types.py", "in message"),
    ("bot/types.py", "text/plain; charset=utf-8"),
    (
        "bot/web/fetch.py",
        "Mozilla/5.0 (compatible; Parlance/0.1; page reader for one person's question)",
    ),
    ("bot/web/fetch.py", "gzip, deflate"),
    ("plugins/ask_docs.py", "in threads"),
    ("plugins/docs_addition.py", "# A message by \n\n"),
    ("plugins/moderation.py", "/admins remove"),
}
"""Values of a setting and the like, which are phrases by chance, with the module they are in."""


def literal(node: ast.expr) -> str:
    """The text of a literal, without what is put into it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(literal(part) for part in parts)
        case ast.BinOp(left=left, right=right):
            return literal(left) + literal(right)
    return ""


def sentences(source: str) -> Iterator[tuple[int, str]]:
    """The literal texts of everything that people are shown, with their lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func
            name = called if isinstance(called, str) else getattr(called, "id", "")
            if name in SHOWN:
                given = [*node.args, *(k.value for k in node.keywords if k.arg != "detail")]
                yield from ((one.lineno, text) for one in given if (text := literal(one)))


def unlisted(source: str) -> Iterator[tuple[int, str]]:
    """Phrases that no catalogue lists: literals that are in no call of `SAYS`."""
    tree = ast.parse(source)
    yield from _unlisted(tree, _docstrings(tree))


def _unlisted(node: ast.AST, passed_over: set[int]) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Call(func=ast.Name(id=name)) if name in SAYS | NOT_FOR_PEOPLE:
                continue
            case ast.Call(func=ast.Attribute(attr=name)) if name in NOT_FOR_PEOPLE:
                continue
            case ast.Compare() | ast.Subscript() | ast.keyword(arg="menu"):
                continue
            case ast.AnnAssign(annotation=_, value=ast.expr() as value):
                yield from _unlisted(ast.Expression(value), passed_over)
                continue
            case ast.Constant() | ast.JoinedStr() if id(child) not in passed_over:
                text = literal(child)
                if PHRASE.search(text) and text.count("/") < 5:  # a list of words to know
                    yield child.lineno, text
        yield from _unlisted(child, passed_over) if not isinstance(child, ast.JoinedStr) else ()


def _docstrings(tree: ast.AST) -> set[int]:
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def chat_sources(passed_over: tuple[str, ...] = NOT_CHAT) -> Iterator[tuple[str, str]]:
    """The modules that say something to people in a chat, by name."""
    for room in ("bot", "plugins"):
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(passed_over):
                yield name, path.read_text("utf-8")


def faults() -> Iterator[str]:
    for name, source in chat_sources(FOR_OPERATORS):
        for line, text in sentences(source):
            found = INTERNAL.search(text)
            if found is not None:
                yield f"{name}:{line}: {found[0]!r} in {text!r}"


def test_no_sentence_names_a_key_a_token_or_an_address() -> None:
    assert list(faults()) == []


@pytest.mark.parametrize(
    "line",
    [
        "Notice('Set slack.mode in config.yaml.')",
        "Refused(f'{name} has 9 tokens.')",
        "errors.Failed('It is at ' + 'http://10.0.0.7/ now.')",
    ],
)
def test_the_check_sees_what_it_should(line: str) -> None:
    assert [text for _, text in sentences(line) if INTERNAL.search(text)]


def test_every_sentence_for_people_is_in_the_catalogue() -> None:
    found = [
        f"{name}:{line}: {text!r}"
        for name, source in chat_sources()
        for line, text in unlisted(source)
        if (name, text) not in NO_SENTENCES
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "ctx.say(Notice('It is empty now.'))",
        "words = f'{name} is empty'",
        "raise Refused('Ask ' + 'me again.')",
        "NAMES = {'key': 'chosen by you'}",
    ],
)
def test_the_check_sees_a_sentence_outside_of_the_catalogue(line: str) -> None:
    assert list(unlisted(line)) or list(sentences(line))


@pytest.mark.parametrize(
    "line",
    [
        "ctx.say(Notice(say('It is empty now.')))",
        "log.info('turn.ended it is')",
        "def f():\n    'It is empty.'",
        "reads: Literal['in threads'] = other",
    ],
)
def test_the_check_passes_what_is_listed_or_not_for_people(line: str) -> None:
    assert not list(unlisted(line))
