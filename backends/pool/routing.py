"""Chooses the replica that should run a request."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Sequence

from backends.lru import LruDict
from backends.pool.replica import Replica

_MAX_REMEMBERED_CONVERSATIONS = 4_096


class ReplicaRouter:
    """Routes a conversation to the replica that holds its cache, else to the shortest expected
    wait.

    A conversation's first home is chosen by weighted rendezvous hashing: every process agrees
    without communication, and a replica that comes or goes moves only its own share. After that its
    home is the replica that answered the last turn, since that holds the cache.

    Where other processes use the replicas, too, each of them may have answered the last turn. So
    the home stays the first by that hashing among those that are well, and while it is full the
    next one by it is taken: in that every process agrees.
    """

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._replicas = tuple(replicas)
        self._last: LruDict[str, int] = LruDict(_MAX_REMEMBERED_CONVERSATIONS)

    def choose(
        self,
        conversation: str | None,
        prompt_tokens: int,
        *,
        waited_s: float = 0.0,
        tried: Collection[int] = (),
    ) -> Replica | None:
        """Return the replica that should start the request now; None while waiting is better."""
        awake = [replica for replica in self.able(tried) if replica.pause_left_s == 0]
        free = [replica for replica in awake if replica.free]
        if not free:
            return None
        home = self.home(conversation, awake)
        if home is not None and home.free:
            return home
        if conversation is not None and self._shared:
            spill = self._first_home(conversation, free)
        else:
            spill = min(free, key=lambda replica: _expected_delay(replica, prompt_tokens))
        if home is None or self._last.get(conversation or "") != home.index:
            return spill
        saved_s = spill.throughput.reading_s(prompt_tokens)  # what the cache at home is worth
        return None if waited_s + home.wait_s() < saved_s else spill

    def able(self, tried: Collection[int] = ()) -> list[Replica]:
        """Return the replicas that may be asked, now or after a pause: those that are well.

        If none is, they may be asked all the same: health is a hint, and an answer is proof.
        """
        left = [replica for replica in self._replicas if replica.index not in tried]
        return [replica for replica in left if not replica.unwell] or left

    def home(self, conversation: str | None, among: Sequence[Replica]) -> Replica | None:
        """Return the conversation's home replica, busy or not."""
        if conversation is None or not among:
            return None
        last = None if self._shared else self._last.get(conversation)
        for replica in among:
            if replica.index == last:
                return replica
        return self._first_home(conversation, among)

    def record_home(self, conversation: str | None, replica: Replica) -> None:
        """Record that the replica answered a turn of the conversation."""
        if conversation is not None:
            self._last[conversation] = replica.index

    @property
    def _shared(self) -> bool:
        return any(replica.shared for replica in self._replicas)

    def _first_home(self, conversation: str, among: Sequence[Replica]) -> Replica:
        return max(among, key=lambda replica: _score(conversation, replica))


def _score(conversation: str, replica: Replica) -> float:
    key = f"{replica.identity}\0{conversation}".encode()
    drawn = int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) + 1
    return -replica.parallel / math.log(drawn / (2**64 + 1))


def _expected_delay(replica: Replica, prompt_tokens: int) -> tuple[float, float]:
    """Expected time to the first word there, and how full it is."""
    load = len(replica.running) / replica.slots
    return (replica.wait_s() + replica.throughput.reading_s(prompt_tokens) * (1.0 + load), load)
