"""Changing config.yaml: what is changed, what stays, what is refused, and the copies of it."""

from __future__ import annotations

import difflib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.config.dated_copies import COPIES_KEPT, find_copies, keep_copy
from bot.config.yaml_document import YamlDocument
from bot.config.yaml_file import parse
from bot.errors import ConfigError

ROOT = Path(__file__).parents[4]
SHIPPED = (ROOT / "config.yaml").read_text("utf-8")
SMALL = """\
# mine
models:
  default: {backend: scripted}
  minilm: {backend: onnx}   # finds
  # team: {}

channels: {}
# the end
plugins:
  settings: {}  # by name
"""
TEAM = {"backend": "ollama", "url": "http://127.0.0.1:11434", "model": "llama3.1:8b"}


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_bytes(text.encode())
    return path


@contextmanager
def without_rights() -> Iterator[None]:
    """As somebody who is not root, who could write everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def changed_lines(before: str, after: str) -> list[str]:
    told = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in told if line[:3] not in ("---", "+++") and line[:2] != "@@"]


class TestWhatIsWritten:
    def test_only_the_lines_of_what_is_changed_change(self, tmp_path: Path) -> None:
        path = write(tmp_path, SHIPPED)
        document = YamlDocument.read(path)
        document.set("models.team", TEAM, comment="The team's own.")
        document.set("default_model", "team")
        document.append("admins.users", "discord:80351110224678912")
        copy = document.save(environ={})
        assert copy is not None
        assert copy.read_text() == SHIPPED
        assert changed_lines(SHIPPED, path.read_text()) == [
            "+  # The team's own.",
            "+  team:",
            "+    backend: ollama",
            "+    url: http://127.0.0.1:11434",
            "+    model: llama3.1:8b",
            "-default_model: default  # answers where no other was chosen",
            "+default_model: team     # answers where no other was chosen",
            "+    - discord:80351110224678912",
        ]
        text = path.read_text()
        assert "  minilm: {backend: onnx}\n  # The team's own.\n" in text
        assert "  # nomic: {backend: gpt4all" in text

    def test_a_mapping_is_changed_key_by_key(self, tmp_path: Path) -> None:
        own = (
            "models:\n  default:  # small\n    backend: 'llama_cpp'  # here\n"
            "    # how long\n    context:   2048\n    cache_tokens: 2048\n\n  # minilm below\n"
            "  minilm: {backend:   onnx}\n"
        )
        document = YamlDocument.read(write(tmp_path, own))
        document.set("models.default", {"backend": "llama_cpp", "context": 4096})
        assert changed_lines(own, document.text) == [
            "-    context:   2048",
            "-    cache_tokens: 2048",
            "+    context: 4096",
        ]

    def test_a_key_that_is_taken_out_leaves_the_comments_of_others(self, tmp_path: Path) -> None:
        own = (
            "limits:\n  max_queue: 8  # small\n  # turns\n  max_turns: 9\n\n# people\nadmins: {}\n"
        )
        document = YamlDocument.read(write(tmp_path, own))
        assert document.remove("limits.max_turns")
        assert not document.remove("limits.nothing")
        assert document.text == own.replace("  max_turns: 9\n", "")

    def test_a_section_that_is_missing_is_made(self, tmp_path: Path) -> None:
        document = YamlDocument.read(write(tmp_path, "# mine\n"))
        document.set("discord.guilds", ["1"])
        document.set(("channels", "slack:T1:C1", "persona"), "Short.")
        assert parse(document.text) == {
            "discord": {"guilds": ["1"]},
            "channels": {"slack:T1:C1": {"persona": "Short."}},
        }
        assert document.text.startswith("# mine\n")
        assert document.get(("channels", "slack:T1:C1", "persona")) == "Short."
        assert document.get("channels.nobody", 3) == 3

    @pytest.mark.parametrize(
        "said", ["yes", "12:30", "1e3", "null", "0777", " x ", "a: b", "é\u2028"]
    )
    def test_a_text_stays_a_text(self, tmp_path: Path, said: str) -> None:
        document = YamlDocument.read(write(tmp_path, SMALL))
        document.set("chat.persona", said)
        document.set("models.team", {"backend": "ollama", "model": said, "tags": [said]})
        assert document.check(environ={}).chat.persona == said
        assert parse(document.text)["models"]["team"]["tags"] == [said]

    def test_lists_keep_the_indentation_of_the_file(self, tmp_path: Path) -> None:
        own = "admins:\n  users:\n  - terminal:operator\n  roles: []\n"
        document = YamlDocument.read(write(tmp_path, own))
        document.append("admins.users", "slack:U1")
        document.append("admins.users", "slack:U1")
        assert changed_lines(own, document.text) == ["+  - slack:U1"]

    def test_line_ends_and_the_mark_of_the_encoding_stay(self, tmp_path: Path) -> None:
        own = "\ufeff# mine\r\nchat: {persona: x}\r\ndefault_model: default"
        path = write(tmp_path, own)
        document = YamlDocument.read(path)
        document.set("chat.persona", "y")
        document.set("http.port", 8080)
        document.save(environ={})
        assert path.read_bytes().decode() == (
            "\ufeff# mine\r\nchat: {persona: y}\r\ndefault_model: default\r\n"
            "http:\r\n  port: 8080\r\n"
        )

    @settings(max_examples=30, deadline=None)
    @given(
        st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=12), max_size=4),
        st.sampled_from(["models.x", "channels", "plugins.settings.chat", "new"]),
    )
    def test_what_is_set_is_what_is_read(self, value: dict[str, str], keys: str) -> None:
        document = YamlDocument(Path("config.yaml"), SMALL.encode(), SMALL)
        try:
            document.set(keys, value)
        except ConfigError:  # a character that YAML does not have
            assert any(not c.isprintable() for c in "".join([*value, *value.values()]))
            return
        assert YamlDocument(Path("config.yaml"), None, document.text).get(keys) == value
        assert all(
            line in document.text for line in SMALL.splitlines() if line.lstrip().startswith("#")
        )


class TestWhatIsRefused:
    def test_what_the_settings_refuse_is_not_written(self, tmp_path: Path) -> None:
        path = write(tmp_path, SMALL)
        document = YamlDocument.read(path)
        document.set("default_model", "nobody")
        with pytest.raises(ConfigError, match="default_model"):
            document.save(environ={})
        assert path.read_text() == SMALL
        assert [found.name for found in tmp_path.iterdir()] == ["config.yaml"]

    def test_a_file_that_a_person_changed_meanwhile_stays_theirs(self, tmp_path: Path) -> None:
        path = write(tmp_path, SMALL)
        document = YamlDocument.read(path)
        document.set("default_model", "minilm")
        path.write_text(SMALL + "\n# by hand\n")
        with pytest.raises(ConfigError, match="somebody else changed it"):
            document.save(environ={})
        assert path.read_text() == SMALL + "\n# by hand\n"
        path.unlink()
        with pytest.raises(ConfigError, match="somebody else changed it"):
            document.save(environ={})
        assert list(tmp_path.iterdir()) == []

    def test_a_file_that_came_meanwhile_stays(self, tmp_path: Path) -> None:
        document = YamlDocument.read(tmp_path / "config.yaml")
        assert document.is_new
        write(tmp_path, "chat: {}\n")
        with pytest.raises(ConfigError, match="somebody else changed it"):
            document.save(environ={})

    def test_two_that_change_it_at_once_do_not_lose_each_others_change(
        self, tmp_path: Path
    ) -> None:
        path = write(tmp_path, SMALL)
        one, other = YamlDocument.read(path), YamlDocument.read(path)
        one.set("http.port", 1)
        one.save(environ={})
        other.set("limits.max_queue", 1)
        with pytest.raises(ConfigError):
            other.save(environ={})
        one.set("limits.max_queue", 2)
        one.save(environ={})
        assert YamlDocument.read(path).get("http") == {"port": 1}

    def test_a_section_of_a_platform_that_is_not_known_here_is_not_judged(
        self, tmp_path: Path
    ) -> None:
        path = write(tmp_path, "zulip: {enabled: true}\n")
        document = YamlDocument.read(path)
        document.set("http.port", 8080)
        assert document.save(environ={}) is not None

    def test_a_value_that_another_key_shares_is_not_changed_for_both(self, tmp_path: Path) -> None:
        own = "models:\n  a: &a {backend: scripted}\n  b: *a\n  minilm: {backend: onnx}\n"
        document = YamlDocument.read(write(tmp_path, own))
        with pytest.raises(ConfigError, match="by hand"):
            document.set("models.b.context", 5)
        assert document.text == own
        document.set("models.c", {"backend": "scripted"})
        assert parse(document.text)["models"]["b"] == {"backend": "scripted"}
        assert "b: *a\n" in document.text


class TestFiles:
    def test_where_there_is_none_it_starts_from_the_one_that_ships(self, tmp_path: Path) -> None:
        document = YamlDocument.read(tmp_path / "config.yaml")
        document.set("http.port", 8080)
        assert document.save(environ={}) is None
        assert len(changed_lines(SHIPPED, (tmp_path / "config.yaml").read_text())) == 2
        assert stat.S_IMODE((tmp_path / "config.yaml").stat().st_mode) == 0o600

    def test_a_link_stays_and_its_file_is_changed(self, tmp_path: Path) -> None:
        (tmp_path / "own").mkdir()
        path = write(tmp_path / "own", SMALL)
        path.chmod(0o640)
        link = tmp_path / "config.yaml"
        link.symlink_to(path)
        document = YamlDocument.read(link)
        document.set("http.port", 8080)
        copy = document.save(environ={})
        assert link.is_symlink()
        assert "port: 8080" in path.read_text()
        assert copy is not None
        assert copy.parent == path.parent
        assert {stat.S_IMODE(found.stat().st_mode) for found in (copy, path)} == {0o640}

    def test_a_link_to_itself_is_told(self, tmp_path: Path) -> None:
        link = tmp_path / "config.yaml"
        link.symlink_to(link)
        with pytest.raises(ConfigError):
            YamlDocument.read(link)

    def test_a_few_copies_are_kept(self, tmp_path: Path) -> None:
        path = write(tmp_path, "")
        (tmp_path / "config.yaml.mine.bak").write_text("by hand")
        when = datetime(2026, 11, 30, 3, 12, 5)
        made = [keep_copy(path, when).name for _ in range(COPIES_KEPT + 2)]
        assert made[0] == "config.yaml.2026-11-30T031205.bak"
        assert [copy.name for copy in find_copies(path)] == made[2:]
        assert (tmp_path / "config.yaml.mine.bak").exists()

    def test_a_folder_that_cannot_be_written_is_told(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = write(Path(name), SMALL)
            document = YamlDocument.read(path)
            document.set("http.port", 8080)
            path.chmod(0o666)
            path.parent.chmod(0o555)
            with (
                without_rights(),
                pytest.raises(ConfigError, match="cannot be written: Permission denied"),
            ):
                document.save(environ={})
            path.parent.chmod(0o755)
            assert [found.read_text() for found in path.parent.iterdir()] == [SMALL]

    def test_a_file_that_is_protected_is_not_replaced(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            path = write(Path(name), SMALL)
            document = YamlDocument.read(path)
            document.set("http.port", 8080)
            path.chmod(0o444)
            path.parent.chmod(0o777)
            with without_rights(), pytest.raises(ConfigError, match="write-protected"):
                document.save(environ={})
            assert path.read_text() == SMALL
