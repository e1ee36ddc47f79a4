"""Units of systemd, for one user or for the whole machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bot.service.plan import RESTART_S, ServicePlan, mark_of

_HARDENED: Final = (
    "UMask=0077",
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
)
"""What a service of a user may have, too."""
_HARDENED_SYSTEM: Final = (
    "CapabilityBoundingSet=",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=read-only",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectSystem=strict",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "RestrictNamespaces=yes",
)
"""Devices stay visible, since a model may run on one, and so does memory that is written and then
run, since engines make code for this machine."""


def unit_folder(home: Path, *, system: bool) -> Path:
    """The folder that systemd reads units from."""
    return Path("/etc/systemd/system") if system else home / ".config" / "systemd" / "user"


def unit_name(plan: ServicePlan) -> str:
    """The name of the unit and of its file."""
    return f"{plan.name}.service"


def write_unit(plan: ServicePlan, *, system: bool) -> str:
    """The unit as a text."""
    user = [f"User={plan.user}"] if system else []
    writable = " ".join(_quote(str(path)) for path in plan.writable)
    hardened = [*_HARDENED, *_HARDENED_SYSTEM, f"ReadWritePaths={writable}"]
    lines = [
        "[Unit]",
        "Description=Parlance, a private chat bot",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=10",
        "",
        "[Service]",
        "Type=exec",
        *user,
        f"ExecStart={' '.join(map(_quote_argument, plan.program))}",
        f"WorkingDirectory={_escape(str(plan.folder))}",
        *(f"Environment={_quote(f'{name}={value}')}" for name, value in plan.environment.items()),
        "Restart=on-failure",
        f"RestartSec={RESTART_S}",
        "# Another try does not help against a wrong configuration.",
        "RestartPreventExitStatus=2",
        "# The bot ends open answers in order, and its own children.",
        "KillMode=mixed",
        f"TimeoutStopSec={plan.stop_s}",
        *(hardened if system else _HARDENED),
        "",
        "[Install]",
        f"WantedBy={'multi-user.target' if system else 'default.target'}",
        "",
    ]
    text = "\n".join(lines)
    return f"# Made by: {mark_of(text)}\n{text}"


def is_edited(text: str) -> bool:
    """Whether the text of a unit is not as `write_unit` wrote it."""
    head, _, rest = text.partition("\n")
    return head != f"# Made by: {mark_of(rest)}"


def _quote_argument(text: str) -> str:
    return _quote(text).replace("$", "$$")


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_escape(escaped)}"'


def _escape(text: str) -> str:
    return text.replace("%", "%%")


def commands(plan: ServicePlan, *, system: bool) -> dict[str, Sequence[Sequence[str]]]:
    """What is called to have systemd take a unit up, to give it up, and to ask for its state."""
    ask = ("systemctl",) if system else ("systemctl", "--user")
    name = unit_name(plan)
    return {
        "install": [(*ask, "daemon-reload"), (*ask, "enable", name), (*ask, "restart", name)],
        "uninstall": [(*ask, "disable", "--now", name)],
        "removed": [(*ask, "daemon-reload")],
        "state": [(*ask, "is-active", name)],
    }
