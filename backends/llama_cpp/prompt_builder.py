"""Counts tokens and builds prompts beside the thread that owns the model.

While the model is loaded its own vocabulary is used, which costs nothing more; otherwise the
vocabulary alone is read from the file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backends.base import ChatMessage, ChatRequest
from backends.errors import ContextOverflow, InvalidRequest
from backends.files.gguf import GgufHead
from backends.llama_cpp.metadata import ModelFile, ModelMetadata, context_window, is_embedder
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.templates import ChatTemplate, Prompt
from backends.machine import release_free_memory

if TYPE_CHECKING:  # importing it loads the native library
    from backends.llama_cpp.native import Model
    from backends.llama_cpp.vocabulary import Vocabulary

log = logging.getLogger("parlance.llama_cpp")


class PromptBuilder:
    """Turns messages and texts into tokens, in any thread, one caller at a time.

    Nobody waits for a round of the owner thread. Every method may read the vocabulary from disk,
    and raises `ModelNotFound` where that fails.
    """

    def __init__(self, file: ModelFile, options: LlamaCppOptions) -> None:
        self._file = file
        self._options = options
        self._lock = threading.Lock()
        self._lent: Model | None = None
        self._own: Model | None = None
        self._own_metadata: ModelMetadata | None = None
        self._vocabulary: Vocabulary | None = None
        self._template: ChatTemplate | None = None

    # -- what the owner thread calls -------------------------------------------------------------

    def lend(self, model: Model) -> None:
        """Use a model that was loaded, until `take_back`."""
        with self._lock:
            self._close()
            self._lent = model

    def take_back(self) -> None:
        """Use the model no more: it is about to be freed. Waits for a caller that is using it."""
        with self._lock:
            self._close()

    # -- what callers use ------------------------------------------------------------------------

    def tokens(self, text: str) -> int:
        """Count the tokens of a text, without begin and end tokens.

        Quick: it reads the disk only where no vocabulary is in memory.
        """
        with self._lock:
            return len((self._vocabulary or self._words()).tokenize(text, special=False))

    def count(self, messages: Sequence[ChatMessage]) -> int:
        """Count the tokens of the messages as a prompt; an embedder's as texts to embed."""
        with self._lock:
            words = self._words()
            if is_embedder(self._head(), self._options):
                texts = [message.content for message in messages]
                return sum(len(words.tokenize(text, special=False, bos=True)) for text in texts)
            return len(self._chat_template().encode(messages))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of texts to embed, with begin and end tokens, cut at the window."""
        encoded, cut = [], 0
        with self._lock:
            words = self._words()
            window = context_window(self._head(), self._options)
            for text in texts:
                ids = words.tokenize(text, special=False, bos=True) or [0]
                if len(ids) > window:
                    ids, cut = [*ids[: window - 1], ids[-1]], cut + 1
                encoded.append(ids)
        if cut:
            log.info("llama_cpp.texts_cut cut=%d texts=%d tokens=%d", cut, len(texts), window)
        return encoded

    def prompt(self, request: ChatRequest, known: Sequence[int]) -> Prompt:
        """Return a request's prompt. `known` are ids of the conversation's earlier turns.

        Raises `ContextOverflow` for a prompt that leaves no room to answer, and `InvalidRequest`
        for one that cannot be rendered, or where the model does not chat.
        """
        sampling = request.sampling
        with self._lock:
            self._words()
            if is_embedder(self._head(), self._options):
                raise InvalidRequest("This model embeds texts; it cannot answer.")
            prompt = self._chat_template().prompt(
                request.messages,
                known,
                tools=request.tools,
                # A grammar and copied text would hold the thoughts to them, too.
                thinks=sampling.json_schema is None and not sampling.copy_from,
                written=request.written_tokens,
            )
            limit = context_window(self._head(), self._options)
        if len(prompt.tokens) >= limit:
            raise ContextOverflow(len(prompt.tokens), limit)
        return prompt

    def close(self) -> None:
        """Free the vocabulary; the next call reads it again."""
        with self._lock:
            self._close()

    # -- with the lock held ----------------------------------------------------------------------

    def _words(self) -> Vocabulary:
        from backends.llama_cpp.vocabulary import Vocabulary  # loads the native library

        if self._lent is None:
            self._read_own()
        model = self._lent or self._own
        assert model is not None
        if self._vocabulary is None:
            self._vocabulary = Vocabulary(model.vocab)
        return self._vocabulary

    def _read_own(self) -> None:
        """Read the file's vocabulary, unless this version of the file has been read."""
        from backends.llama_cpp.native import Model

        metadata = self._file.read()
        if metadata is not self._own_metadata:
            self._close()
            self._own = Model(self._file.path(), self._options, vocabulary_only=True)
            self._own_metadata = metadata

    def _head(self) -> GgufHead:
        model = self._lent or self._own
        assert model is not None
        return model.head

    def _chat_template(self) -> ChatTemplate:
        if self._template is None:
            options = self._options
            self._template = ChatTemplate(
                self._words(), self._head().template or None, options.chat_format, options.thinking
            )
        return self._template

    def _close(self) -> None:
        self._vocabulary = self._template = self._lent = self._own_metadata = None
        if self._own is not None:
            self._own.close()
            self._own = None
            release_free_memory()
