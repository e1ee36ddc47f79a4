"""Sections of config.yaml about the core: admins, limits, access, chat, logging, backups."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from bot.commands.authorization import check_action
from bot.config.base import LocalPath, Section
from bot.types import Author, ConversationKey

PersonKey = Annotated[str, StringConstraints(pattern=r"^[a-z_]+:\S+$")]
"""`platform:id`, as in `discord:80351110224678912` or `terminal:operator`."""

Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


_CLOSING_S = 40.0
"""Ample time to end once answers have been finished, also on a machine that has much to do."""


class AdminSettings(Section):
    """Who may change models, documents and settings. Nobody is, unless named here."""

    users: tuple[PersonKey, ...] = ()
    """People, each as `platform:id`."""
    roles: tuple[PersonKey, ...] = ()
    """Roles of a platform whose members are admins, each as `platform:role id`."""

    def include(self, author: Author) -> bool:
        """Whether this person is an admin, by themselves or by a role."""
        return author.key in self.users or any(
            f"{author.platform}:{role}" in self.roles for role in author.roles
        )


class LimitSettings(Section):
    """How much one person, one channel and one turn may take."""

    turn_deadline_s: Seconds = 600.0
    """A turn that takes longer is ended, and says so; in seconds."""
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 20.0
    """How long answers that are being written may go on when the bot is told to end (SIGTERM,
    `parlance stop`), in seconds; whoever asks meanwhile is told of the restart."""
    max_queue: Positive = 64
    """Requests that may wait for one model; beyond it people are told to come back."""
    max_turns: Positive = 1000
    """Turns that may be open at once, waiting ones included, over all conversations."""
    per_person: Positive = 4
    """Turns that one person may have open at once."""
    per_channel: Positive = 32
    """Turns that one channel may have open at once."""
    quota_per_hour: Positive | None = None
    """Turns that one person may start in an hour; empty means without limit."""
    max_answer_tokens: Positive = 2048
    """Longest answer in one go, in tokens, where the model's context has room for it; a button has
    it go on."""
    max_message_chars: Positive = 4000
    """Longest message that is accepted, in characters."""
    max_attachment_bytes: Positive = 20 * 1024 * 1024
    """Largest attachment that is read, in bytes."""

    @property
    def end_s(self) -> float:
        """How long whoever tells the bot to end waits for it, before it is killed, in seconds."""
        return self.drain_s + _CLOSING_S


class PoolSettings(Section):
    """What one person and one channel may take of a model, and what becomes of a failing replica.

    How many may wait, and for how long, is in `limits`; a model's own `queue` and `deadline_s` go
    before it.
    """

    per_person: Positive = 16
    """Requests of one person that may wait or run at one model."""
    per_channel: Positive = 48
    """Requests out of one channel that may wait or run at one model."""
    person_share: Annotated[float, Field(gt=0, le=1)] = 0.75
    """Part of a model's slots that one person may hold at once; the rest is for whoever is next."""
    patience_s: Annotated[float, Field(ge=0)] = 3.0
    """How long a request waits for replicas that have failed to come back, in seconds."""
    first_pause_s: Seconds = 1.0
    """How long a replica is left alone after a failure, in seconds; twice as long each time."""
    longest_pause_s: Seconds = 60.0
    """The longest that it is left alone, in seconds."""

    @model_validator(mode="after")
    def _growing(self) -> PoolSettings:
        if self.longest_pause_s < self.first_pause_s:
            raise ValueError("longest_pause_s must be at least first_pause_s")
        return self


class FetchSettings(Section):
    """Fetching of pages that people name."""

    allow_hosts: tuple[str, ...] = ()
    """Hosts (`name` or `name:port`) that may be fetched although their address is private."""
    max_bytes: Positive = 5 * 1024 * 1024
    """Largest page, in bytes after decompression."""
    timeout_s: Seconds = 20.0
    """Time for one page, redirects included, in seconds."""
    max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    """Redirects that are followed; each hop is checked like the first address."""


class WebSearchSettings(Section):
    """Searching the web by a SearXNG of your own, for models with tools; what is searched for goes
    out to the engines that it asks."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")] | None = None
    """Its address, such as `http://127.0.0.1:8888`; empty: the web is not searched. Its settings
    must allow JSON (`search.formats`)."""
    results: Annotated[int, Field(ge=1, le=20)] = 6
    """Pages of a search that the model is shown."""
    timeout_s: Seconds = 10.0
    """Time for one search, in seconds."""
    max_bytes: Positive = 1024 * 1024
    """Largest answer, in bytes."""


class PluginSettings(Section):
    """Which plugins are loaded, beside those that ship and those that are installed."""

    folders: tuple[LocalPath, ...] = ()
    """Folders with plugin modules of your own."""
    disabled: tuple[str, ...] = ()
    """Names of plugins that are left out."""
    settings: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings by plugin name; each plugin's page says which it has."""


ActionKey: TypeAlias = Annotated[str, AfterValidator(check_action)]
"""What a rule is about: a command's name, or that of another action."""


class CommandRule(Section):
    """Who may use a command, or do something else. Admins always may, unless it is off."""

    enabled: bool = True
    """Whether the command can be used at all."""
    admins_only: bool = False
    """Only admins may use it."""
    users: tuple[PersonKey, ...] = ()
    """Only these people (and admins) may use it, each as `platform:id`."""
    roles: tuple[PersonKey, ...] = ()
    """Only people with one of these roles (and admins), each as `platform:role id`."""

    def allows(self, author: Author, *, admin: bool) -> bool:
        """Whether this person may use the command."""
        if not self.enabled:
            return False
        if admin:
            return True
        if self.admins_only:
            return False
        if not self.users and not self.roles:
            return True
        return author.key in self.users or any(
            f"{author.platform}:{role}" in self.roles for role in author.roles
        )


LanguageTag: TypeAlias = Annotated[
    str, Field(pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?$", max_length=8)
]
"""A language, with or without its region: `de`, `pt-BR`."""


class ChatSettings(Section):
    """How the bot behaves where nothing more particular is said."""

    persona: str = ""
    """Who the bot is, in a sentence or two; put before every prompt. Empty: the prompts' own."""
    language: LanguageTag | None = None
    """Language of the bot's own sentences, such as `de`. Empty: that of the person, else that of
    the question."""
    thread_per_mention: bool = True
    """A mention in a channel is answered in a thread of its own."""
    follow_up: bool = True
    """In a thread that the bot has joined it answers without being mentioned."""
    file_over_chars: Positive = 6000
    """An answer that is longer, in characters, and takes more than one message is also attached as
    a file."""


class ChannelOverrides(Section):
    """What is different in one workspace or channel; what is left out stays as it is around it."""

    persona: str | None = None
    """Persona here."""
    language: LanguageTag | None = None
    """Language of the bot's own sentences here, such as `de`."""
    model: str | None = None
    """Model that answers here, by its name under `models`."""
    knowledge_base: str | None = None
    """Knowledge base that answers here, by its name under `knowledge.bases`."""
    thread_per_mention: bool | None = None
    """Whether a mention is answered in a thread of its own."""
    follow_up: bool | None = None
    """Whether the bot answers in its threads without being mentioned."""
    file_over_chars: Positive | None = None
    """Length in characters from which an answer of several messages is also attached as a file."""
    commands: dict[ActionKey, CommandRule] = Field(default_factory=dict)
    """Who may use which command, or do what else, here, by its name."""


Level: TypeAlias = Literal["debug", "info", "warning", "error"]


class LoggingSettings(Section):
    """The log: on standard error, and in the folder `log` of `data_dir`, as `parlance logs` shows
    it."""

    level: Level = "info"
    """Least level that is written. Texts of messages are never logged at `info` or above."""
    format: Literal["auto", "console", "json"] = "auto"
    """`console` is for people, `json` for machines; `auto` looks whether it is a terminal."""
    keep_mb: Annotated[int, Field(ge=0, le=10_000)] = 20
    """Size of what is kept in the folder, in MB, from `info` on; 0: nothing."""


class HttpSettings(Section):
    """The one HTTP port: Slack's HTTP mode, metrics, MCP, health."""

    host: str = "127.0.0.1"
    """Address that it listens on."""
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port; empty: 3000 where Slack's HTTP mode, metrics or MCP need one, else none is opened."""
    public_url: Annotated[str, Field(pattern=r"^https://[^\s/]+(/\S*)?$")] | None = None
    """Address at which others reach it, through your proxy: `https://bot.example.org`."""


def _is_network(value: str) -> str:
    import ipaddress  # few have a proxy that is believed

    network = ipaddress.ip_network(value)
    if not network.prefixlen:
        raise ValueError("this would be everybody")
    return value


def _is_place(value: str) -> str:
    ConversationKey.parse(value)
    return value


class ConsolePerson(Section):
    """Somebody whom the proxy names."""

    person: PersonKey
    """Who they are in chat: `slack:U012ABCDEF`."""
    place: Annotated[str, AfterValidator(_is_place)]
    """Their direct message with the bot, or a channel that they are in, where their platform is
    asked whether they still are: `slack:T012ABCDEF:D012ABCDEF`."""


class ConsoleProxySettings(Section):
    """Coming into the console through a proxy that has found out who somebody is."""

    header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]*$")] = ""
    """Header in which your proxy names them: `X-Forwarded-Email`; empty: nobody comes in so."""
    addresses: tuple[Annotated[str, AfterValidator(_is_network)], ...] = ()
    """Addresses or networks of your proxy; the header is believed from there alone."""
    people: dict[str, ConsolePerson] = Field(default_factory=dict)
    """Who may come in, by what the header says of them."""


class ConsoleSettings(Section):
    """The console: pages in a browser, at `/console` of the HTTP port."""

    enabled: bool = True
    """Let `parlance console` and /console open it; nothing is served before one of them was
    used, unless the HTTP port is open anyway."""
    session_hours: Annotated[float, Field(gt=0, le=24 * 30)] = 12.0
    """Hours for which somebody stays signed in."""
    keep_prompts_days: Annotated[int, Field(ge=0, le=365)] = 0
    """Days for which the prompts that models were sent are kept with the turn, and shown on its
    page to the person who asked; 0: none is kept."""
    proxy: ConsoleProxySettings = ConsoleProxySettings()
    """Coming in through a proxy that has found out who somebody is."""


class MetricsSettings(Section):
    """Prometheus metrics, at `/metrics` of the HTTP port."""

    enabled: bool = False
    """Offer them; whoever reaches the HTTP port can then read them."""


class DatabaseSettings(Section):
    """Where conversations, choices and documents are kept: in a file of `data_dir`, or at a
    PostgreSQL server, which several processes may use."""

    url: (
        Annotated[
            str, Field(pattern=r"^postgres(ql)?://([^\s:@/?#]+@)?[^\s@]*/[^\s/@?#]+(\?\S*)?$")
        ]
        | None
    ) = None
    """Address of a PostgreSQL database, such as `postgresql://parlance@db.example.org/parlance`;
    empty: the file `parlance.db`. One with a password belongs into the environment, as
    PARLANCE_DATABASE_URL, which goes before this."""


class HistorySettings(Section):
    """What people said, the answers, and what came with them."""

    keep_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """Days after which a question goes, with its answers, files and feedback; empty: kept."""
    summarise: bool = True
    """Sum up what a conversation began with when it no longer fits into the model's context; very
    small models are not asked to."""


def _check_time_zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ValueError("must be the name of a time zone, such as Europe/Berlin")
    return name


class ScheduleSettings(Section):
    """Reminders, and questions that are asked again and again."""

    time_zone: Annotated[str, AfterValidator(_check_time_zone)] = ""
    """Time zone of whoever has chosen none, such as `Europe/Berlin`; empty: this machine's."""
    per_person: Positive = 50
    """How many reminders and schedules one person may have."""
    per_place: Positive = 100
    """Reminders and schedules that may be meant for one channel or thread."""
    shortest_minutes: Positive = 15
    """How many minutes lie between two occurrences of one, at least."""
