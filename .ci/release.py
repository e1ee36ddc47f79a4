"""Makes a release of this checkout: changelog, version, commit, tag, wheel and source archive.

make release VERSION=x.y.z [DRY=1] [TESTED=1]
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
STATED = re.compile(r'^version = "(?P<version>[^"]+)"$', re.MULTILINE)
HEAD = "## Unreleased\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("version")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--tested", action="store_true")
    asked = parser.parse_args()
    changes = plan(asked.version)
    if asked.dry:
        for path, (before, after) in changes.items():
            name = str(path.relative_to(ROOT))
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), name, name, "", "", 1, ""
            )
            sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.write(
            f"Nothing was changed. It would be committed and tagged v{asked.version}.\n"
        )
        return
    if not asked.tested:
        run("make", "lint", "types", "test")
    for path, (_, after) in changes.items():
        path.write_text(after, "utf-8")
    run("git", "commit", "-q", "-m", f"Version {asked.version}", "--", *map(str, changes))
    run("git", "tag", "-a", f"v{asked.version}", "-m", f"Version {asked.version}")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-t", "sdist")
    sys.stdout.write(f"v{asked.version} is here. To publish it: git push --follow-tags\n")


def plan(version: str) -> dict[Path, tuple[str, str]]:
    """What changes, before and after; ends with a sentence where there can be no release."""
    if not VERSION.fullmatch(version):
        stop(f"{version!r} is no version; write make release VERSION=x.y.z.")
    if output("git", "status", "--porcelain"):
        stop("The checkout has changes; commit them first.")
    if output("git", "tag", "--list", f"v{version}"):
        stop(f"There is a tag v{version} already.")
    project, changelog, quickstart = (
        ROOT / name for name in ("pyproject.toml", "CHANGELOG.md", "docs/quickstart.md")
    )
    stated, said, shown = (path.read_text("utf-8") for path in (project, changelog, quickstart))
    found = STATED.search(stated)
    if found is None:
        stop("pyproject.toml states no version.")
    now = found["version"]
    released = output("git", "tag", "--list", f"v{now}")
    if number(version) < number(now) or (number(version) == number(now) and released):
        stop(f"{version} does not come after {now}.")
    before, head, after = said.partition(HEAD)
    if not head or not after.partition("\n## ")[0].strip():
        stop("CHANGELOG.md has nothing under Unreleased.")
    dated = f"{HEAD}\n## {version} - {datetime.now(UTC):%Y-%m-%d}\n"
    changed = {
        project: (stated, STATED.sub(f'version = "{version}"', stated, count=1)),
        changelog: (said, before + dated + after),
        quickstart: (shown, shown.replace(f"parlance_bot-{now}-", f"parlance_bot-{version}-")),
    }
    return {path: texts for path, texts in changed.items() if texts[0] != texts[1]}


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if VERSION.fullmatch(version) else ()


def output(*command: str) -> str:
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        stop(
            f"{command[0]} failed; nothing was released."
            if command[0] == "make"
            else f"{command[0]} failed."
        )


def stop(why: str) -> None:
    sys.exit(why)


if __name__ == "__main__":
    main()
