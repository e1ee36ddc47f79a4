"""The names of Git repositories and of the files in them: `git+https://host/team/wiki.git`.

A repository whose branch or folder is named has them behind a question mark; a file has its path
behind the repository's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlencode

from bot.catalogue.sentence import say
from bot.config.knowledge import GIT_ADDRESS
from bot.errors import Refused

_PREFIX = "git+"


@dataclass(frozen=True, slots=True)
class GitLocation:
    """A repository as it was named. `address` is what Git is given: a URL, or a path."""

    address: str
    branch: str
    folder: str

    @property
    def is_local(self) -> bool:
        """Whether it is a path on this machine."""
        return "://" not in self.address

    def file(self, path: str) -> str:
        """Returns the location of a file in it."""
        branch = f"@{self.branch}" if self.branch else ""
        return f"{_written(self.address)}{branch}/{path}"


def is_git(location: str) -> bool:
    """Tells whether a location is a Git repository or a file in one."""
    return location.startswith(_PREFIX)


def git_location(address: str, branch: str = "", folder: str = "") -> str:
    """Returns the location of a repository, given by a URL or an absolute path."""
    parts = {"branch": branch, "folder": folder.strip("/")}
    query = urlencode({name: value for name, value in parts.items() if value}, safe="/")
    return _written(address) + (f"?{query}" if query else "")


def parse_git_location(location: str) -> GitLocation:
    """Returns what `git_location` was given. Raises `Refused` for what is no repository."""
    written, _, query = location.removeprefix(_PREFIX).partition("?")
    said = parse_qs(query)
    branch, folder = (said.get(name, [""])[0] for name in ("branch", "folder"))
    if written.startswith("file:///"):
        return GitLocation(unquote(written.removeprefix("file://")), branch, folder)
    if not GIT_ADDRESS.match(written) or branch.startswith("-"):
        raise Refused(
            say("A Git repository is named by an https:// or ssh:// address, or by a path.")
        )
    return GitLocation(written, branch, folder)


def _written(address: str) -> str:
    return _PREFIX + (address if "://" in address else f"file://{quote(address)}")
