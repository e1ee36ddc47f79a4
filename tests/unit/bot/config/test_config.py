"""config.yaml: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.config import Config, Secrets, describe_keys, load
from bot.config.platforms import SHIPPED_SECTIONS
from bot.config.secrets import find_secret_variables
from bot.errors import ConfigError
from bot.storage.address import DATABASE_URL_VARIABLE
from bot.types import Author, ConversationKey

ROOT = Path(__file__).parents[4]
SLACK_TOKEN = "xoxb-" + "1234567890-abcdefghij"
DISCORD_TOKEN = "M" + "Tk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs"


def write(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), environ or {})
    return str(caught.value).splitlines()


def flat(value: Any, at: str = "") -> dict[str, Any]:
    if isinstance(value, dict) and value:
        merged: dict[str, Any] = {}
        for key, inner in value.items():
            merged.update(flat(inner, f"{at}.{key}" if at else str(key)))
        return merged
    return {at: value}


class TestShippedFile:
    def test_shows_every_default(self) -> None:
        shipped = flat(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")))
        defaults = flat(Config().model_dump(mode="json"))
        for name, section in SHIPPED_SECTIONS.items():
            defaults.update(flat(section().model_dump(mode="json"), name))
        differ = ("admins.users", "knowledge.sync", "models.")  # models are compared below
        assert {k: v for k, v in shipped.items() if not k.startswith(differ)} == {
            k: v for k, v in defaults.items() if not k.startswith(differ)
        }
        assert load(ROOT / "config.yaml", {}).models == Config().models
        assert shipped["admins.users"] == ["terminal:operator"]
        assert shipped["knowledge.sync"] == [{"path": "docs", "base": None}]

    def test_loads_and_resolves_paths_from_its_folder(self) -> None:
        config = load(ROOT / "config.yaml", {})
        assert config.data_dir == ROOT / "data"
        assert config.database_file == ROOT / "data" / "parlance.db"
        assert config.knowledge.sync[0].path == ROOT / "docs"
        assert config.is_admin(Author("terminal", "operator", "you"))

    def test_env_example_sets_no_secret(self, tmp_path: Path) -> None:
        text = (ROOT / ".env.example").read_text(encoding="utf-8")
        (tmp_path / ".env").write_text(text, encoding="utf-8")
        secrets = Secrets.load(tmp_path / ".env", {})
        assert secrets.get("DISCORD_TOKEN") is None
        assert secrets.known() == frozenset()


class TestDescribe:
    def test_every_key_has_a_type_and_a_description(self) -> None:
        rows = describe_keys()
        assert {"data_dir", "limits.max_queue", "knowledge.bases.<name>.embedder"} <= {
            row.path for row in rows
        }
        assert [row.path for row in rows if not row.description or row.type == "any"] == []

    def test_every_key_of_a_fresh_config_is_described(self) -> None:
        described = {row.path for row in describe_keys()}
        for path in flat(Config().model_dump(mode="json")):
            assert any(path == d or path.startswith(d + ".") for d in described), path


class TestLoad:
    def test_an_empty_file_is_the_defaults(self, tmp_path: Path) -> None:
        config = load(write(tmp_path, ""), {})
        assert config.data_dir == tmp_path / "data"
        assert config.default_model == "default"
        assert not config.admins.users

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="there is no such file"):
            load(tmp_path / "config.yaml", {})

    def test_absolute_and_home_paths_are_kept(self, tmp_path: Path) -> None:
        config = load(write(tmp_path, "data_dir: /srv/parlance\nmodels_dir: ~/models"), {})
        assert config.data_dir == Path("/srv/parlance")
        assert config.models_dir == Path.home() / "models"

    def test_all_problems_are_named_at_once_with_the_nearest_key(self, tmp_path: Path) -> None:
        found = problems(
            tmp_path,
            "limits: {max_que: 3, per_person: lots, turn_deadline_s: -1}\n"
            "logging: {level: loud}\n"
            "knowledge: {bases: {team: {chanels: []}}}\n"
            "metrics: 9100\n"
            "colour: blue\n",
        )
        assert found == [
            "config.yaml: limits.turn_deadline_s: should be greater than 0.",
            "config.yaml: limits.per_person: should be a valid integer, "
            "unable to parse string as an integer.",
            "config.yaml: limits.max_que: there is no such key; did you mean limits.max_queue?",
            "config.yaml: knowledge.bases.team.chanels: there is no such key; "
            "did you mean knowledge.bases.team.channels?",
            "config.yaml: logging.level: should be 'debug', 'info', 'warning' or 'error'.",
            "config.yaml: metrics: should be a valid dictionary or instance of MetricsSettings.",
            "config.yaml: colour: there is no such key.",
        ]

    def test_problems_of_a_model_are_named_by_the_path_that_was_written(
        self, tmp_path: Path
    ) -> None:
        found = problems(
            tmp_path,
            "models:\n"
            "  default: {backend: 7}\n"
            "  minilm: {backend: onnx, sampling: {temprature: 1}}\n"
            "  one: {url: 'http://127.0.0.1'}\n"
            "  two: {replicas: [{backend: ollama}], quue: 3}\n"
            "  three: {backend: ollama, queue: -1}\n"
            "  four: [1]\n",
        )
        assert found == [
            "config.yaml: models.default.backend: should be a valid string.",
            "config.yaml: models.minilm.sampling.temprature: there is no such key; "
            "did you mean models.minilm.sampling.temperature?",
            "config.yaml: models.one: name the engine that serves it, `backend:`, "
            "or list `replicas:`.",
            "config.yaml: models.two: quue: no such key; did you mean 'queue'?",
            "config.yaml: models.three.queue: should be greater than or equal to 0.",
            "config.yaml: models.four: write a mapping with `backend:` or `replicas:`.",
        ]

    def test_names_that_point_nowhere(self, tmp_path: Path) -> None:
        found = problems(
            tmp_path,
            "default_model: big\n"
            "channels:\n  slack:T1:C1: {model: huge, knowledge_base: hr}\n"
            "workspaces:\n  slack: {}\n"
            "knowledge: {bases: {a: {default: true}, b: {default: true, embedder: x}}}\n",
        )
        assert [line.removeprefix("config.yaml: ").split(": ")[0] for line in found] == [
            "default_model",
            "workspaces.slack",
            "channels.slack:T1:C1.model",
            "channels.slack:T1:C1.knowledge_base",
            "knowledge.bases.b.embedder",
            "knowledge.bases",
        ]
        assert "there is no model of that name; there is: default, minilm." in found[0]

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("a: [1, 2", "line 1, column 9"),
            ("- a\n- b\n", "must be a mapping"),
            ("models: {team: {backend: ollama}, team: {backend: onnx}}", "a key is written twice"),
            ("a: \x01", "not YAML"),
            ("a: 2026-99-99", "has a value that is none"),
            ("chat: &a {persona: *a}", "nested"),
            ("a: " + "[" * 5000, "nested"),
            ("? [a]\n: b", "line 1, column 3"),
        ],
    )
    def test_what_is_not_a_mapping_in_yaml(self, tmp_path: Path, text: str, says: str) -> None:
        (line,) = problems(tmp_path, text)
        assert says in line

    def test_not_utf8(self, tmp_path: Path) -> None:
        path = tmp_path / "config.yaml"
        path.write_bytes(b"chat: {persona: \xff\xfe}")
        with pytest.raises(ConfigError, match="not UTF-8"):
            load(path, {})

    def test_numbers_as_keys_are_read_as_text(self, tmp_path: Path) -> None:
        config = load(write(tmp_path, "plugins: {settings: {7: {on: true}}}"), {})
        assert "7" in config.plugins.settings


class TestDerived:
    def test_what_the_pool_is_told(self, tmp_path: Path) -> None:
        text = "limits: {max_queue: 3, turn_deadline_s: 20}"
        limits = load(write(tmp_path, text), {}).pool_limits
        assert (limits.queue, limits.deadline_s) == (3, 20.0)

    def test_embedders_are_those_of_all_bases(self, tmp_path: Path) -> None:
        text = (
            "models: {default: {backend: x}, minilm: {backend: x}, big: {backend: x}}\n"
            "knowledge: {bases: {a: {embedder: big}, b: {}}}"
        )
        assert load(write(tmp_path, text), {}).embedders == {"minilm", "big"}


class TestMisplacedSecrets:
    @pytest.mark.parametrize(
        ("text", "path", "secret"),
        [
            (f"slack: {{bot_token: {SLACK_TOKEN}}}", "slack.bot_token", SLACK_TOKEN),
            (f"chat: {{persona: 'use {SLACK_TOKEN}'}}", "chat.persona", SLACK_TOKEN),
            (f"discord: {{token: {DISCORD_TOKEN}}}", "discord.token", DISCORD_TOKEN),
            (f"plugins: {{folders: [{DISCORD_TOKEN}]}}", "plugins.folders.0", DISCORD_TOKEN),
            ("slack: {signing_secret: 8f742231b10e}", "slack.signing_secret", "8f742231b10e"),
            ("discord: {token: hunter2}", "discord.token", "hunter2"),
            (
                "models: {default: {backend: ollama, url: 'http://me:hunter2@host/'}}",
                "models.default.url",
                "hunter2",
            ),
        ],
    )
    def test_are_refused_without_being_printed(
        self, tmp_path: Path, text: str, path: str, secret: str
    ) -> None:
        found = problems(tmp_path, text)
        where = [line for line in found if line.startswith(f"config.yaml: {path}: secrets go")]
        assert len(where) == 1
        assert secret not in "\n".join(found)

    def test_a_token_as_a_key_is_not_printed(self, tmp_path: Path) -> None:
        assert SLACK_TOKEN not in "\n".join(problems(tmp_path, f"slack: {{{SLACK_TOKEN}: 1}}"))

    def test_a_token_in_a_broken_file_is_not_printed(self, tmp_path: Path) -> None:
        found = problems(tmp_path, f"slack: {{bot_token: {SLACK_TOKEN}")
        assert SLACK_TOKEN not in "\n".join(found)

    @pytest.mark.parametrize("mark", ["*", "!"])
    def test_a_token_that_the_parser_speaks_of_is_not_printed(
        self, tmp_path: Path, mark: str
    ) -> None:
        (line,) = problems(tmp_path, f"slack: {mark}{SLACK_TOKEN} x")
        assert SLACK_TOKEN not in line

    def test_an_env_file_that_is_not_text(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"DISCORD_TOKEN=\xff\xfe")
        assert problems(tmp_path, "") == [".env: cannot be read: it is not UTF-8 text."]

    def test_an_env_file_that_is_too_large(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("#" * 1_000_001)
        assert problems(tmp_path, "") == [".env: cannot be read: it is larger than 1 MB."]

    def test_a_wrong_value_is_not_printed(self, tmp_path: Path) -> None:
        (line,) = problems(tmp_path, "limits: {max_queue: s3cr3tvalue}")
        assert "s3cr3tvalue" not in line

    def test_the_name_of_a_variable_is_no_secret(self, tmp_path: Path) -> None:
        text = "plugins: {settings: {wiki: {api_key: WIKI_API_KEY}}}"
        config = load(write(tmp_path, text), {})
        assert config.plugins.settings["wiki"]["api_key"] == "WIKI_API_KEY"

    @given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200))
    def test_any_text_gives_a_config_or_a_config_error(self, text: str) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "config.yaml"
            path.write_text(text, encoding="utf-8", newline="")
            try:
                load(path, {})
            except ConfigError:
                return  # anything else escapes, and fails


class TestEnvironment:
    def test_overrides_the_file(self, tmp_path: Path) -> None:
        path = write(tmp_path, "limits: {max_queue: 3, per_person: 2}")
        environ = {
            "PARLANCE_LIMITS__MAX_QUEUE": "8",
            "PARLANCE_MODELS_DIR": "/srv/models",
            "PARLANCE_FETCH__ALLOW_HOSTS": "[wiki.lan, 'files.lan:8080']",
            "PARLANCE_HTTP__PORT": "",
        }
        config = load(path, environ)
        assert config.limits.max_queue == 8
        assert config.limits.per_person == 2
        assert config.models_dir == Path("/srv/models")
        assert config.fetch.allow_hosts == ("wiki.lan", "files.lan:8080")
        assert config.http.port is None

    def test_comes_before_the_env_file(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(
            "PARLANCE_LIMITS__MAX_QUEUE=5\nPARLANCE_LIMITS__PER_PERSON=6\n", encoding="utf-8"
        )
        config = load(write(tmp_path, ""), {"PARLANCE_LIMITS__MAX_QUEUE": "8"})
        assert (config.limits.max_queue, config.limits.per_person) == (8, 6)

    def test_problems_name_the_variable(self, tmp_path: Path) -> None:
        found = problems(
            tmp_path, "", {"PARLANCE_LIMITS__MAX_QUEUE": "many", "PARLANCE_LOGING__LEVEL": "info"}
        )
        assert found == [
            "PARLANCE_LIMITS__MAX_QUEUE: should be a valid integer, "
            "unable to parse string as an integer.",
            "PARLANCE_LOGING__LEVEL: there is no such key; did you mean logging?",
        ]

    def test_other_variables_with_the_prefix_are_left_alone(self, tmp_path: Path) -> None:
        environ = {"PARLANCE_CONFIG": "x", "PARLANCE_OPENAI_API_KEY": "y"}
        load(write(tmp_path, ""), environ)

    def test_the_address_of_the_database_is_not_taken_for_a_key(self, tmp_path: Path) -> None:
        address = "postgresql://parlance:swordfish@db.example.org:5432/parlance"
        config = load(write(tmp_path, ""), {DATABASE_URL_VARIABLE: address})
        assert config.database.url is None


class TestSecrets:
    def test_environment_comes_before_the_file_and_nothing_is_shown(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text(
            f"DISCORD_TOKEN={DISCORD_TOKEN}\nWIKI_KEY=from-file\nCITY=Bamberg\n", encoding="utf-8"
        )
        secrets = Secrets.load(tmp_path / ".env", {"WIKI_KEY": "from-env", "EMPTY_TOKEN": ""})
        assert secrets.get("WIKI_KEY") == "from-env"
        assert secrets.get("EMPTY_TOKEN") is None
        assert secrets.get("DISCORD_TOKEN") == DISCORD_TOKEN
        assert secrets.known() == {DISCORD_TOKEN, "from-env"}
        for shown in (repr(secrets), str(secrets)):
            assert DISCORD_TOKEN not in shown


class TestPlaces:
    HERE = ConversationKey("slack", "T1", "C1", thread="1.5")

    def config(self, tmp_path: Path) -> Config:
        text = """
chat: {persona: everyone}
commands: {rap: {enabled: false}, docs: {admins_only: true}}
workspaces:
  slack:T1: {persona: team, model: minilm, commands: {rap: {roles: ["slack:dj"]}}}
channels:
  slack:T1:C1: {follow_up: false, persona: channel}
admins: {users: [slack:boss], roles: [slack:ops]}
"""
        return load(write(tmp_path, text), {})

    def test_a_channel_comes_before_its_workspace_and_that_before_the_rest(
        self, tmp_path: Path
    ) -> None:
        config = self.config(tmp_path)
        place = config.resolve_channel(self.HERE)
        assert (place.persona, place.model, place.follow_up) == ("channel", "minilm", False)
        assert place.thread_per_mention is True
        other = config.resolve_channel(ConversationKey("slack", "T1", "C2"))
        assert (other.persona, other.follow_up) == ("team", True)
        away = config.resolve_channel(ConversationKey("slack", "T2", "C1"))
        assert (away.persona, away.model, away.knowledge_base) == ("everyone", None, None)

    def test_who_may_use_a_command(self, tmp_path: Path) -> None:
        config = self.config(tmp_path)
        away = ConversationKey("slack", "T2", "C1")
        boss = Author("slack", "boss", "B")
        ops = Author("slack", "x", "X", roles=frozenset({"ops"}))
        dj = Author("slack", "d", "D", roles=frozenset({"dj"}))
        someone = Author("slack", "s", "S")
        assert config.is_admin(boss)
        assert config.is_admin(ops)
        assert not config.is_admin(dj)
        assert not config.is_admin(Author("discord", "boss", "other platform"))

        def may_use(command: str, author: Author, where: ConversationKey) -> bool:
            rule = config.action_rule(command, where)
            return rule is None or rule.allows(author, admin=config.is_admin(author))

        assert may_use("rap", dj, self.HERE)
        assert not may_use("rap", someone, self.HERE)
        assert not may_use("rap", boss, away)
        assert may_use("docs", ops, away)
        assert not may_use("docs", dj, away)
        assert may_use("ask", someone, away)


class TestSync:
    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("{}", "must name one of path, url and git"),
            ("{path: docs, url: 'https://x/'}", "must name one of path, url and git"),
            ("{path: docs, every: 10s}", "must be a time from 1m to 365d, such as 30m or 1h"),
            ("{path: docs, every: hourly}", "must be a time from 1m to 365d, such as 30m or 1h"),
            ("{path: docs, branch: main}", "branch is for Git repositories; take it out"),
            ("{url: 'ftp://x/'}", "url must be an http or https address, without a user name"),
            ("{url: 'https://me@x/'}", "url must be an http or https address, without a user name"),
            (
                "{git: 'http://x/y.git'}",
                "must be an https:// or ssh:// address without a password, or a path",
            ),
            ("{git: 'git@x:y.git'}", "must be written as ssh://git@host/path"),
            ("{git: 'https://x/y', branch: '-x'}", "branch must be the name of a branch"),
            (
                "{git: 'https://x/y', folder: ../x}",
                "folder must be a folder within the repository, such as docs/guides",
            ),
            ("{git: /x, token_env: T}", "token_env is for https:// addresses; take it out"),
        ],
    )
    def test_a_mistake_is_one_sentence(self, tmp_path: Path, source: str, problem: str) -> None:
        (found,) = problems(tmp_path, f"knowledge: {{sync: [{source}]}}")
        assert found.startswith("config.yaml: knowledge.sync.0")
        assert found.endswith(f": {problem}.")

    def test_a_password_in_an_address_is_not_repeated(self, tmp_path: Path) -> None:
        source = "https://me:hunter22222@git.example/wiki.git"
        (found,) = problems(tmp_path, f"knowledge: {{sync: [{{git: '{source}'}}]}}")
        assert "hunter22222" not in found
        assert "secrets go into a variable" in found

    def test_a_token_is_known_as_a_secret(self, tmp_path: Path) -> None:
        source = "{git: 'https://git.example/wiki.git', token_env: WIKI, every: 1h}"
        config = load(write(tmp_path, f"knowledge: {{sync: [{source}]}}"), {})
        assert config.knowledge.sync[0].every_s == 3_600
        assert [*find_secret_variables(config.model_dump())] == ["WIKI"]


class TestTextRecognition:
    def test_it_is_off(self, tmp_path: Path) -> None:
        found = load(write(tmp_path, ""), {}).knowledge.ocr
        assert (found.enabled, found.chat, found.languages) == (False, False, ("en", "de"))

    @pytest.mark.parametrize("language", ["ru", "ko", "vi", "Deutsch", ""])
    def test_a_language_that_cannot_be_read_is_refused_with_those_that_can(
        self, tmp_path: Path, language: str
    ) -> None:
        text = f"knowledge: {{ocr: {{languages: [en, '{language}']}}}}\n"
        with pytest.raises(ConfigError) as caught:
            load(write(tmp_path, text), {})
        (problem,) = [line for line in str(caught.value).splitlines() if "ocr" in line]
        assert "knowledge.ocr.languages.1" in problem
        assert "text recognition reads these languages only: af, az, " in problem
        assert " tr, zh" in problem

    def test_no_language_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"knowledge\.ocr\.languages"):
            load(write(tmp_path, "knowledge: {ocr: {languages: []}}\n"), {})


class TestTrustedValues:
    def test_none_are_trusted(self, tmp_path: Path) -> None:
        assert load(write(tmp_path, ""), {}).agent.trusted == ()

    def test_they_are_read(self, tmp_path: Path) -> None:
        text = "agent: {trusted: ['#ops', bob@example.org, '*.example.org']}\n"
        found = load(write(tmp_path, text), {}).agent.trusted
        assert found == ("#ops", "bob@example.org", "*.example.org")

    @pytest.mark.parametrize("entry", ["", " ", "*", "*.", "*.org", "bob*", "*.exa*.org"])
    def test_what_would_trust_too_much_is_refused(self, tmp_path: Path, entry: str) -> None:
        (found,) = problems(tmp_path, f"agent: {{trusted: ['{entry}']}}")
        assert "agent.trusted.0" in found
        assert "*.example.org" in found
