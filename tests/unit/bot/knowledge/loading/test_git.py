"""Documents out of real Git repositories, with what others may have put into them."""

from __future__ import annotations

import gc
import os
import subprocess
from pathlib import Path

import pytest

from bot.config.core import FetchSettings
from bot.config.knowledge import KnowledgeSettings, SyncSource
from bot.errors import Refused
from bot.knowledge.loading.git import GitRepositories
from bot.knowledge.loading.git_location import git_location, parse_git_location
from bot.knowledge.loading.git_process import GitLimits
from bot.knowledge.loading.registry import LOADERS
from bot.knowledge.loading.sources import SourceItem
from bot.values import Ingested
from bot.web.fetch import Fetcher
from tests.processes import until_ended
from tests.unit.bot.knowledge.conftest import Drain, Room

TEXT = "# About {0}\n\nEverything about {0} is written here.\n"


class Repository:
    """A repository that a test writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    @classmethod
    def open(cls, path: Path) -> Repository:
        """A repository that is there already."""
        self = cls.__new__(cls)
        self.path = path
        return self

    def git(self, *arguments: str) -> str:
        named = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
        done = subprocess.run(
            ["git", *named, *arguments], cwd=self.path, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, **files: str | None) -> None:
        for name, text in files.items():
            path = self.path / name.replace("__", "/").replace("_md", ".md")
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=x")

    @property
    def location(self) -> str:
        return git_location(str(self.path))


@pytest.fixture
def wiki(tmp_path: Path) -> Repository:
    wiki = Repository(tmp_path / "wiki.git")
    wiki.commit(docs__lamp_md=TEXT.format("lamps"), docs__door_md=TEXT.format("doors"),
                readme_md=TEXT.format("reading"))  # fmt: skip
    return wiki


def names(events: list[Ingested]) -> dict[str, str]:
    return {e.location.rpartition("/")[2]: e.state for e in events}


async def test_a_repository_is_read_and_only_changed_files_are_read_again(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    source = SyncSource(git=str(wiki.path), branch="main", folder="docs", every="1h")
    service = room.service(KnowledgeSettings(chunk_tokens=60, sync=(source,)))
    assert names(await drain(service.sync())) == {"lamp.md": "added", "door.md": "added"}
    (lamp,) = (await service.search("lamps")).passages[:1]
    assert lamp.name == "wiki.git@main/docs/lamp.md"
    assert str(wiki.path) not in lamp.name
    embedded = len(room.backend.embedded)
    assert set(names(await drain(service.sync())).values()) == {"unchanged"}
    assert len(room.backend.embedded) == embedded
    wiki.commit(docs__lamp_md=TEXT.format("bulbs"), docs__door_md=None,
                docs__roof_md=TEXT.format("roofs"))  # fmt: skip
    assert names(await drain(service.sync())) == {
        "lamp.md": "changed", "roof.md": "added", "door.md": "removed",
    }  # fmt: skip
    assert {d.title for d in await service.list()} == {"About bulbs", "About roofs"}
    assert (await service.verify()).clean


async def test_the_history_is_not_fetched(wiki: Repository, room: Room, drain: Drain) -> None:
    for number in range(5):
        wiki.commit(readme_md=TEXT.format(number))
    await drain(room.service().add(wiki.location))
    (copy,) = (room.path / "git").iterdir()
    assert Repository.open(copy).git("rev-list", "--all", "--count") == "1"
    assert not (copy / "docs").exists()  # no file is written out


async def test_a_branch_that_is_gone_takes_nothing_away(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    wiki.git("branch", "side")
    service = room.service()
    await drain(service.add(git_location(str(wiki.path), "side")))
    wiki.git("branch", "-D", "side")
    (event,) = await drain(service.sync())
    assert (event.state, event.detail) == ("refused", "The repository has no branch 'side'.")
    assert len(await service.list()) == 3


async def test_a_repository_that_was_rewritten_is_read(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    service = room.service()
    await drain(service.add(wiki.location))
    wiki.git("checkout", "--quiet", "--orphan", "new")
    wiki.commit(readme_md=TEXT.format("writing"))
    wiki.git("branch", "-M", "new", "main")
    assert names(await drain(service.sync()))["readme.md"] == "changed"


async def test_links_modules_and_odd_names_are_not_followed(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    (wiki.path / "docs/passwd.md").symlink_to("/etc/passwd")
    (wiki.path / "docs/up.md").symlink_to("../../room.md")
    (wiki.path / "docs/two\nlines.md").write_text(TEXT.format("lines"))
    (wiki.path / ".hidden.md").write_text(TEXT.format("secrets"))
    lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    (wiki.path / "docs/large.md").write_text(lfs)
    module = wiki.git("rev-parse", "HEAD")
    wiki.git("add", "--all")
    wiki.git("update-index", "--add", "--cacheinfo", f"160000,{module},docs/module.md")
    wiki.git("commit", "--quiet", "--message=x")
    events = await drain(room.service().add(wiki.location))
    refused = [e.detail for e in events if e.state == "refused"]
    assert sorted(refused) == [
        "The name of 'docs/two\\nlines.md' cannot be shown; rename it.",
        "large.md is kept in Git LFS, which is not read.",
    ]
    assert [e.state for e in events].count("added") == 3
    assert not names(events).keys() & {"passwd.md", "up.md", "module.md", ".hidden.md"}


async def test_hooks_filters_and_settings_of_a_repository_run_nothing(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    trap = room.path / "trapped"
    script = f"#!/bin/sh\ntouch {trap}\ncat\n"
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        hook = wiki.path / ".git/hooks" / name
        hook.write_text(script)
        hook.chmod(0o755)
    (wiki.path / ".gitattributes").write_text("*.md filter=trap\n")
    wiki.git("add", "--all")
    wiki.git("-c", "core.hooksPath=/dev/null", "commit", "--quiet", "--message=x")
    wiki.git("config", "filter.trap.smudge", f"touch {trap}; cat")
    trap.unlink(missing_ok=True)
    events = await drain(room.service().add(wiki.location))
    assert [e.state for e in events].count("added") == 3
    assert not trap.exists()


def repositories(room: Room, limits: GitLimits, token: str | None = None) -> GitRepositories:
    fetcher = Fetcher(FetchSettings())
    return GitRepositories(room.path / "git", fetcher, lambda _: token, limits)


async def test_a_repository_that_is_too_large_is_refused_and_leaves_nothing(
    wiki: Repository, room: Room
) -> None:
    (wiki.path / "large.bin").write_bytes(os.urandom(2_000_000))
    wiki.commit()
    reading = repositories(room, GitLimits(file_bytes=1_000_000))
    with pytest.raises(Refused, match="larger than 1 MB, which is the limit"):
        await reading.files(wiki.location, LOADERS)
    assert [*(room.path / "git").iterdir()] == []


async def test_a_repository_was_held_as_a_list_of_its_files(wiki: Repository, room: Room) -> None:
    items = await repositories(room, GitLimits()).files(wiki.location, LOADERS)
    listed = iter(items)
    first = next(listed)
    held = [one for one in gc.get_objects() if isinstance(one, SourceItem)]
    assert [one.location for one in held if wiki.location in one.location] == [first.location]
    assert [first, *listed][1].location.endswith("/docs/lamp.md")
    assert len([*items]) == len(items) == 3


async def test_a_repository_with_too_many_files_is_refused(wiki: Repository, room: Room) -> None:
    reading = repositories(room, GitLimits(output_bytes=200))
    with pytest.raises(Refused, match="it has too many files"):
        await reading.files(wiki.location, LOADERS)


@pytest.mark.parametrize(
    "address",
    ["https://127.0.0.1/wiki.git", "https://169.254.169.254/wiki.git", "https://[::1]/wiki.git"],
)
async def test_a_repository_on_a_private_network_is_refused(room: Room, address: str) -> None:
    with pytest.raises(Refused, match="private network"):
        await repositories(room, GitLimits()).files(git_location(address), LOADERS)


@pytest.mark.parametrize(
    "location",
    [
        "git+ext::sh -c touch% /tmp/x", "git+http://example.org/wiki.git", "git+--upload-pack=x",
        "git+https://user:hunter2@example.org/wiki.git", "git+file://elsewhere/wiki.git",
        "git+ssh://-oProxyCommand=x/wiki.git", "git+https://example.org/wiki.git?branch=--exec=x",
    ],
)  # fmt: skip
async def test_what_is_no_repository_is_refused(room: Room, location: str) -> None:
    with pytest.raises(Refused, match="is named by an https:// or ssh:// address") as caught:
        await repositories(room, GitLimits()).files(location, LOADERS)
    assert "hunter2" not in str(caught.value)


def test_the_name_of_a_repository_says_which_it_is() -> None:
    for address in ("https://git.example/team/wiki.git", "/srv/a folder?/wiki", "ssh://git@h:2/w"):
        for branch, folder in (("", ""), ("feature/x", "docs/guides")):
            where = parse_git_location(git_location(address, branch, folder))
            assert (where.address, where.branch, where.folder) == (address, branch, folder)


FAKE_GIT = """#!/bin/sh
printf '%s\\n' "$*" >> "{log}.arguments"
env >> "{log}.environment"
case "$*" in *ls-remote*) echo 'fatal: could not read Username: terminal prompts disabled' >&2
  echo 'remote: hunter22222' >&2; {do} exit 128;; esac
"""


def fake_git(room: Room, monkeypatch: pytest.MonkeyPatch, do: str = "") -> Path:
    """Puts a program in the place of Git that writes down how it was called."""
    folder = room.path / "bin"
    folder.mkdir()
    program = folder / "git"
    program.write_text(FAKE_GIT.format(log=room.path / "log", do=do))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return room.path / "log"


def read_log(log: Path) -> tuple[str, str]:
    """The arguments and the environment of all calls."""
    return Path(f"{log}.arguments").read_text(), Path(f"{log}.environment").read_text()


async def test_a_token_is_shown_to_git_alone_and_no_name_is_looked_up_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = fake_git(room, monkeypatch)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-secret")

    async def lookup(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    fetcher = Fetcher(FetchSettings(), lookup=lookup)
    reading = GitRepositories(room.path / "git", fetcher, lambda _: "hunter22222")
    with pytest.raises(Refused) as caught:
        await reading.files(git_location("https://git.example/wiki.git"), LOADERS)
    assert str(caught.value) == "The repository asks for a login, or does not take the token."
    arguments, environment = read_log(log)
    assert "http.curloptResolve=git.example:443:93.184.216.34" in arguments
    assert "hunter22222" not in arguments
    assert "GIT_CONFIG_VALUE_0=Authorization: Basic " in environment
    assert "GIT_TERMINAL_PROMPT=0" in environment
    assert "xoxb-secret" not in environment


async def test_git_that_hangs_is_ended_with_all_that_it_started(
    wiki: Repository, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = room.path / "running"
    fake_git(room, monkeypatch, do=f"sleep 300 & echo $! >{mark}; wait;")
    reading = repositories(room, GitLimits(time_s=2))
    with pytest.raises(Refused, match="it took more than 2 s"):
        await reading.files(wiki.location, LOADERS)
    await until_ended(int(mark.read_text()))


async def test_without_git_one_sentence_says_so(
    wiki: Repository, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(room.path))
    with pytest.raises(Refused, match="by the program git, which is not installed"):
        await repositories(room, GitLimits()).files(wiki.location, LOADERS)


async def test_a_copy_that_was_left_in_half_is_made_again(
    wiki: Repository, room: Room, drain: Drain
) -> None:
    service = room.service()
    await drain(service.add(wiki.location))
    (copy,) = (room.path / "git").iterdir()
    (copy / "shallow.lock").write_text("")  # of a process that was killed
    wiki.commit(readme_md=TEXT.format("writing"))
    states = []
    for _ in range(2):
        states.append(names(await drain(service.sync())))
    assert "changed" in states[-1].values() or "changed" in states[0].values()
