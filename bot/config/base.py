"""The base class of all sections of config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo


class Section(BaseModel):
    """A mapping in config.yaml: unknown keys are refused, and nothing changes after loading.

    The string under a field is its description in `docs/configuration.md`, looked for where that is
    written: Pydantic would read the sources at each start. Input values are kept out of error
    texts, since one of them may be a secret in the wrong place.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


class PlatformSettings(Section):
    """Base class of a platform's section, which is called in config.yaml as the platform is.

    Every key needs a default.
    """

    enabled: bool = True
    """Serve the platform where it is configured."""

    @property
    def workspaces(self) -> frozenset[str]:
        """The ids of the workspaces in which the bot works; empty: in every one."""
        return frozenset()


def from_root(path: Path, info: ValidationInfo) -> Path:
    """Return a path that, written relative, starts at the folder of config.yaml."""
    path = path.expanduser()
    root = (info.context or {}).get("root")
    return path if root is None or path.is_absolute() else Path(root) / path


LocalPath = Annotated[Path, AfterValidator(from_root)]
"""A path that, written relative, starts at the folder of config.yaml."""
