"""Forecasts when each waiting request will start."""

from __future__ import annotations

import heapq
import time
from collections.abc import Sequence

from backends.pool.replica import Replica


def forecast_starts(replicas: Sequence[Replica], sizes: Sequence[tuple[int, int]]) -> list[float]:
    """Return the seconds until each waiting request starts, in order of service.

    `sizes` holds (prompt tokens, most answer tokens) of each. Every slot is assumed to be free when
    its present answer is expected to end (of more answers than slots, the last ones), and each
    request goes to the first slot that is.
    """
    now = time.monotonic()
    slots: list[tuple[float, int, int]] = []
    for replica in replicas:
        ends = sorted(max(0.0, end - now) for end in replica.running.values())
        idle = [0.0] * max(0, replica.slots - len(ends))
        for at, free_in in enumerate([*ends[-replica.slots :], *idle]):
            slots.append((max(free_in, replica.pause_left_s), replica.index, at))
    heapq.heapify(slots)
    by_index = {replica.index: replica for replica in replicas}
    waits = []
    for prompt_tokens, max_tokens in sizes:
        free_in, index, at = slots[0]
        waits.append(free_in)
        service = by_index[index].throughput.service_s(prompt_tokens, max_tokens)
        heapq.heapreplace(slots, (free_in + service, index, at))
    return waits
