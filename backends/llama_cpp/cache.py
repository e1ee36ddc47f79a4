"""Tracks which tokens each sequence of the context holds, and which sequences to keep.

A sequence is live while an answer is written in it, and idle afterwards: its tokens stay, so that
the conversation's next turn computes only what is new. When room is needed, the least recently used
idle sequence is evicted; a conversation's is moved to host memory if the budget allows.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from backends.llama_cpp.kv_offload import KVOffload, OffloadedSequence
from backends.llama_cpp.native import Context
from backends.llama_cpp.sequence import Checkpoint, Sequence, common_prefix

_MIN_OFFLOAD_TOKENS = 64
"""Tokens below which computing again is cheaper than copying."""
_MAX_ANONYMOUS_PROMPTS = 4
"""Prompts of no conversation that are kept, for those that will begin as they do.

Every cell in use costs every round a little, so what nobody will come back for must not pile up.
"""
_IDLE_SHARE = 0.25
"""The part of the cells that idle conversations may hold where every round goes through them."""


class SequenceCache:
    """Assigns sequences to prompts and keeps them for later. Belongs to the owner thread."""

    def __init__(self, context: Context, sequences: int, *, parking_bytes: int) -> None:
        self._context = context
        self._free = list(range(sequences - 1, -1, -1))
        self._live: dict[int, Sequence] = {}
        self._idle: OrderedDict[int, Sequence] = OrderedDict()
        self._idle_by_conversation: dict[str, Sequence] = {}
        share = _IDLE_SHARE if context.attends_to_all_cells else 1.0
        self._most_idle_cells = int(context.cells * share)
        self.offload = KVOffload(parking_bytes)
        self.evicted = 0
        self.restored = 0

    # -- giving out ------------------------------------------------------------------------------

    def acquire(self, prompt: list[int], conversation: str | None) -> tuple[Sequence, int] | None:
        """Return a sequence for a prompt, and how many of its tokens it already holds.

        At least one token is always left to compute, since only computing gives logits. Returns
        None if every sequence is live.
        """
        most = len(prompt) - 1
        own = self._idle_of(conversation)
        kept = self._reusable(own, prompt, most) if own else 0
        donor, offered = self._best_donor(prompt, most)
        offloaded = self.offload.find(conversation)
        stored = self._reusable_saved(offloaded, prompt, most) if offloaded else 0
        if own and kept >= max(offered, stored):
            return self._continue(own, kept, conversation)
        if own:
            self._forget(own)
        if offloaded and conversation and stored > offered + _MIN_OFFLOAD_TOKENS // 2:
            revived = self._restore(conversation)
            if revived is not None:
                return self._continue(revived, stored, conversation)
            donor, offered = self._best_donor(prompt, most)  # making room may have evicted it
        sequence = self._new(spare=donor)
        if sequence is None:
            return None
        if donor is not None:
            self._context.share(donor.id, sequence.id, offered)
            sequence.tokens, sequence.shared = prompt[:offered], offered
        sequence.conversation = conversation
        return sequence, len(sequence.tokens)

    def adopt(self, sequence: Sequence, prompt: list[int]) -> int:
        """Copy what other sequences hold of a live sequence's prompt; return the tokens gained."""
        donor, offered = self._best_donor(prompt, len(prompt) - 1, besides=sequence)
        gained = offered - len(sequence.tokens)
        if donor is None or gained <= 0:
            return 0
        self._context.drop(sequence.id)
        self._context.share(donor.id, sequence.id, offered)
        sequence.tokens, sequence.shared = prompt[:offered], offered
        return gained

    def release(self, sequence: Sequence, prompt: int) -> None:
        """Take back a sequence whose first `prompt` tokens are the prompt and the rest the answer.

        A conversation's sequence stays cached until its room is needed; otherwise only the prompt
        does.
        """
        self._live.pop(sequence.id, None)
        if sequence.conversation is None:
            self._keep_beginning(sequence, prompt)
            return
        older = self._idle_of(sequence.conversation)
        if older is not None:
            self._forget(older)
        self.offload.take(sequence.conversation)
        if sequence.tokens:
            self._idle[sequence.id] = sequence
            self._idle_by_conversation[sequence.conversation] = sequence
            self._thin_out()
        else:
            self._clear(sequence)

    def discard(self, sequence: Sequence) -> None:
        """Take back a sequence whose cells can no longer be trusted, and clear it."""
        self._live.pop(sequence.id, None)
        self._clear(sequence)

    def set_checkpoint(self, sequence: Sequence) -> None:
        """Keep what is needed to come back to where a live sequence is now.

        All checkpoints together take no more than the budget for parked conversations.
        """
        sequences = len(self._free) + len(self._live) + len(self._idle)
        if self.offload.fits(self._context.checkpoint_size(sequence.id) * sequences):
            state = self._context.save_checkpoint(sequence.id)
            sequence.checkpoint = Checkpoint(len(sequence.tokens), state)

    # -- making room -----------------------------------------------------------------------------

    def evict(self, spare: Sequence | None = None) -> bool:
        """Free the least recently used idle sequence except `spare`; return False if there is
        none.
        """
        sequence = next((s for s in self._idle.values() if s is not spare), None)
        if sequence is None:
            return False
        self._offload(sequence)
        self._forget(sequence)
        self.evicted += 1
        return True

    def _thin_out(self) -> None:
        """Offload idle conversations but the last, the oldest first, while all hold too many cells.

        None is lost for it.
        """
        for sequence in list(self._idle.values())[:-1]:
            if sum(s.own for s in self._idle.values()) <= self._most_idle_cells:
                return
            if self.offload.has_room(self._context.size(sequence.id)) and self._offload(sequence):
                self._forget(sequence)

    # -- looking ---------------------------------------------------------------------------------

    @property
    def live_cells(self) -> int:
        return sum(sequence.own for sequence in self._live.values())

    @property
    def idle_count(self) -> int:
        return len(self._idle)

    def known_tokens(self, conversation: str | None) -> list[int]:
        """Return the token ids of the conversation's earlier turns, or an empty list.

        Safe in any thread: a list may only grow while it is read.
        """
        own = self._idle_of(conversation)
        if own is not None:
            return own.tokens
        offloaded = self.offload.find(conversation)
        return offloaded.tokens if offloaded else []

    def _sequences(self) -> Iterator[Sequence]:
        yield from self._live.values()
        yield from self._idle.values()

    def _idle_of(self, conversation: str | None) -> Sequence | None:
        return self._idle_by_conversation.get(conversation) if conversation is not None else None

    def _best_donor(
        self, prompt: list[int], most: int, besides: Sequence | None = None
    ) -> tuple[Sequence | None, int]:
        """Return the sequence from which most of a prompt can be copied, and how much."""
        best: Sequence | None = None
        length = 0
        if self._context.can_copy:
            for sequence in self._sequences():
                if sequence is not besides and sequence.tokens[:1] == prompt[:1]:
                    common = min(common_prefix(sequence.tokens, prompt), most)
                    if common > length and common >= self._shortest_cut(sequence):
                        best, length = sequence, common
        return best, length

    def _reusable(self, sequence: Sequence, prompt: list[int], most: int) -> int:
        common = min(common_prefix(sequence.tokens, prompt), most)
        return _reachable(common, self._shortest_cut(sequence), sequence.checkpoint)

    def _reusable_saved(self, saved: OffloadedSequence, prompt: list[int], most: int) -> int:
        common = min(common_prefix(saved.tokens, prompt), most)
        shortest = self._context.shortest_saved_cut(len(saved.tokens))
        return _reachable(common, shortest, saved.checkpoint)

    def _shortest_cut(self, sequence: Sequence) -> int:
        return self._context.shortest_cut(sequence.id, len(sequence.tokens))

    # -- the moves -------------------------------------------------------------------------------

    def _continue(
        self, sequence: Sequence, kept: int, conversation: str | None
    ) -> tuple[Sequence, int]:
        """Make a sequence live again with its first `kept` tokens, or none if it cannot be cut."""
        self._take_idle(sequence)
        self._live[sequence.id] = sequence
        sequence.conversation = conversation
        if kept < len(sequence.tokens):
            if not (kept and self._go_back(sequence, kept)):
                self._context.drop(sequence.id)
                kept = 0
            sequence.tokens = sequence.tokens[:kept]
        if sequence.checkpoint is not None and sequence.checkpoint.length > kept:
            sequence.checkpoint = None
        sequence.shared = min(sequence.shared, len(sequence.tokens))
        return sequence, len(sequence.tokens)

    def _go_back(self, sequence: Sequence, length: int) -> bool:
        checkpoint = sequence.checkpoint
        if length >= self._shortest_cut(sequence):
            return self._context.cut(sequence.id, length)
        if checkpoint is None or checkpoint.length != length:
            return False
        return self._context.go_back(sequence.id, length, checkpoint.state)

    def _new(self, spare: Sequence | None = None) -> Sequence | None:
        """Return an empty live sequence; evicts an idle one other than `spare` if no id is free."""
        if not self._free and not self.evict(spare):
            return None
        sequence = Sequence(self._free.pop())
        self._live[sequence.id] = sequence
        return sequence

    def _keep_beginning(self, sequence: Sequence, prompt: int) -> None:
        """Keep an anonymous prompt if much of it is new.

        Otherwise drop it, and cut the kept prompt that resembles it to what both share.
        """
        if not self._context.can_copy or prompt < self._shortest_cut(sequence):
            self._clear(sequence)
            return
        shelf = [s for s in self._idle.values() if s.conversation is None]
        common, like = max(
            ((common_prefix(s.tokens, sequence.tokens), s) for s in shelf),
            key=lambda pair: pair[0],
            default=(0, None),
        )
        new = min(prompt, len(sequence.tokens)) - common
        if like is not None and new < _MIN_OFFLOAD_TOKENS:
            self._clear(sequence)
            self._idle.move_to_end(like.id)
            if common and len(like.tokens) - common < _MIN_OFFLOAD_TOKENS:
                self._cut(like, common)
            return
        self._cut(sequence, prompt)
        self._idle[sequence.id] = sequence
        for old in shelf[: len(shelf) + 1 - _MAX_ANONYMOUS_PROMPTS]:
            self._forget(old)

    def _cut(self, sequence: Sequence, length: int) -> None:
        if self._shortest_cut(sequence) <= length < len(sequence.tokens):
            self._context.cut(sequence.id, length)
            sequence.tokens = sequence.tokens[:length]

    def _forget(self, sequence: Sequence) -> None:
        self._take_idle(sequence)
        self._clear(sequence)

    def _take_idle(self, sequence: Sequence) -> None:
        self._idle.pop(sequence.id, None)
        if sequence.conversation is not None:
            self._idle_by_conversation.pop(sequence.conversation, None)

    def _clear(self, sequence: Sequence) -> None:
        self._context.drop(sequence.id)
        self._free.append(sequence.id)

    def _offload(self, sequence: Sequence) -> bool:
        """Copy a conversation to host memory; return False if it is not worth it, or too large."""
        if sequence.conversation is None or len(sequence.tokens) < _MIN_OFFLOAD_TOKENS:
            return False
        if not self.offload.fits(self._context.size(sequence.id)):
            return False
        state = self._context.save(sequence.id)
        if state is not None:
            saved = OffloadedSequence(sequence.tokens, state, sequence.checkpoint)
            self.offload.put(sequence.conversation, saved)
        return state is not None

    def _restore(self, conversation: str) -> Sequence | None:
        """Bring an offloaded conversation back, evicting others until it fits; None if it
        cannot.
        """
        offloaded = self.offload.take(
            conversation
        )  # evicting others must not push it out meanwhile
        sequence = self._new() if offloaded is not None else None
        if offloaded is None or sequence is None:
            return None
        while not self._context.restore(sequence.id, offloaded.state):
            if not self.evict():
                self.discard(sequence)
                return None
        sequence.tokens, sequence.checkpoint = list(offloaded.tokens), offloaded.checkpoint
        self.restored += 1
        return sequence


def _reachable(common: int, shortest: int, checkpoint: Checkpoint | None) -> int:
    """Return how many of `common` tokens can be kept: all, or those up to the checkpoint."""
    if common >= shortest:
        return common
    return checkpoint.length if checkpoint is not None and checkpoint.length <= common else 0
