"""What the machine has for models: cores, memory, graphics cards, room on the disk."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.machine import available_memory, usable_cores

_NVIDIA_SMI = (
    *("nvidia-smi", "--query-gpu=name,memory.total,memory.free"),
    "--format=csv,noheader,nounits",
)
_CARD_DEVICES = ("/dev/nvidiactl", "/dev/dri", "/dev/kfd", "/dev/dxg")
"""Without any of these Linux has no card, and llama.cpp, which takes a second to load, none."""
_NVIDIA_TIMEOUT_S = 5.0
_MAX_CARDS = 64
_KEPT_FREE_SHARE = 0.1
"""The part of the free memory that is left to everything else."""
_KEPT_FREE_DISK_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card with its memory in bytes. `usable`: the llama.cpp that is installed computes
    on it."""

    name: str
    memory_bytes: int
    free_bytes: int
    usable: bool


@dataclass(frozen=True, slots=True)
class LocalMachine:
    """What is there, in bytes; `memory_bytes` is what is free, None where the system does not
    tell. `disk_bytes` is free where models are stored."""

    cores: int
    memory_bytes: int | None
    disk_bytes: int
    cards: tuple[Card, ...] = ()

    @property
    def model_bytes(self) -> int | None:
        """The memory that a model may take: of the main memory or of the usable cards together,
        whichever is more, with some left free. None if nobody knows."""
        rooms = [] if self.memory_bytes is None else [self.memory_bytes]
        cards = sum(card.free_bytes for card in self.cards if card.usable)
        rooms += [cards] if cards else []
        return int(max(rooms) * (1 - _KEPT_FREE_SHARE)) if rooms else None

    def has_memory(self, needed: int) -> bool:
        """Whether a model that takes so much can be loaded."""
        room = self.model_bytes
        return room is None or needed <= room

    def has_disk(self, needed: int) -> bool:
        """Whether so much can be stored, with some left free."""
        return needed == 0 or needed + _KEPT_FREE_DISK_BYTES <= self.disk_bytes


def look_at_machine(models_dir: Path, *, cards: bool = True) -> LocalMachine:
    """Look at the machine; takes up to some seconds, so call it in a thread.

    Without `cards` llama.cpp is not loaded and no program is started to find them.
    """
    folder = models_dir.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return LocalMachine(
        usable_cores(),
        available_memory(),
        shutil.disk_usage(folder).free,
        tuple(_find_cards()) if cards else (),
    )


def read_cards(told: str) -> list[Card]:
    """Return the cards that `nvidia-smi` tells of, in lines such as `RTX 4090, 24564, 20000`."""
    cards = []
    for line in told.splitlines()[:_MAX_CARDS]:
        name, *numbers = (part.strip() for part in line.rsplit(",", 2))
        if len(numbers) == 2 and all(each.isdecimal() and len(each) < 10 for each in numbers):
            total, free = (int(each) << 20 for each in numbers)
            cards.append(Card(name[:80], total, free, usable=False))
    return cards


def _find_cards() -> Sequence[Card]:
    if sys.platform == "linux" and not any(Path(mark).exists() for mark in _CARD_DEVICES):
        return _ask_nvidia()
    try:
        from backends.llama_cpp.video_memory import list_video_devices

        usable = [Card(one.name, one.total, one.free, True) for one in list_video_devices()]
    except (ImportError, OSError, RuntimeError):
        usable = []
    return usable or _ask_nvidia()


def _ask_nvidia() -> list[Card]:
    program = shutil.which(_NVIDIA_SMI[0])
    if program is None:
        return []
    try:
        told = subprocess.run(
            [program, *_NVIDIA_SMI[1:]],
            capture_output=True,
            timeout=_NVIDIA_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return read_cards(told.stdout.decode("utf-8", "replace"))
