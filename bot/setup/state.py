"""What is set up already, by what config.yaml and `.env` say: a step that is done is not asked for
again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from backends.files.catalog import CHAT_FILE
from bot.installation import Installation

PLATFORMS = ("discord", "slack")


class Step(StrEnum):
    """The steps, in their order."""

    MODEL = "model"
    DISCORD = "discord"
    SLACK = "slack"
    DOCUMENTS = "documents"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class State:
    """What is known. `platforms` are those with tokens, `without_admin` those of them where nobody
    is an admin."""

    own_model: bool
    platforms: tuple[str, ...]
    without_admin: tuple[str, ...]
    own_documents: bool

    def is_done(self, step: Step) -> bool:
        """Whether there is nothing to ask in a step."""
        match step:
            case Step.MODEL:
                return self.own_model
            case Step.DISCORD | Step.SLACK:
                return step.value in self.platforms
            case Step.DOCUMENTS:
                return self.own_documents
            case Step.ADMIN:
                return bool(self.platforms) and not self.without_admin


def look(here: Installation) -> State:
    """See what is set up."""
    config = here.config
    platforms = tuple(name for name in PLATFORMS if _has_tokens(here, name))
    named = {key.partition(":")[0] for key in (*config.admins.users, *config.admins.roles)}
    default = config.models[config.default_model]
    sources = [replica.options.get("source") for replica in default.replicas]
    return State(
        own_model=sources != [CHAT_FILE.source],
        platforms=platforms,
        without_admin=tuple(name for name in platforms if name not in named),
        own_documents=any(
            not source.is_folder or source.every is not None for source in config.knowledge.sync
        ),
    )


def _has_tokens(here: Installation, platform: str) -> bool:
    get = here.secrets.get
    if platform == "discord":
        return get("DISCORD_TOKEN") is not None
    return get("SLACK_BOT_TOKEN") is not None and bool(
        get("SLACK_APP_TOKEN") or get("SLACK_SIGNING_SECRET")
    )
