"""What a wheel of Parlance has beside its packages: exact dependencies, migrations, settings.

`bot.resources` finds the files again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class PinnedDependencies(MetadataHookInterface):
    """Depends on the very versions that are tested: those of `requirements/run.lock`."""

    def update(self, metadata: dict[str, Any]) -> None:
        lock = Path(self.root, "requirements", "run.lock").read_text("utf-8")
        pins = [line for line in lock.splitlines() if line[:1].isalnum()]  # hashes are indented
        metadata["dependencies"] = [pin.removesuffix("\\").rstrip() for pin in pins]


class Resources(BuildHookInterface):
    """Puts files of the project's folder into the package. An editable install reads them there."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            for name in ("alembic", "config.yaml"):
                build_data["force_include"][str(Path(self.root, name))] = f"bot/_resources/{name}"
