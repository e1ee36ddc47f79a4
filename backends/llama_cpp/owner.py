"""The thread that owns a model: loads it, runs its rounds, and unloads it again.

No other thread touches llama.cpp. The event loop sends commands through a bounded queue; outcomes
go back through `job.deliver`. The thread sleeps on the queue while there is nothing to do.
"""

from __future__ import annotations

import concurrent.futures
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from backends.errors import BackendError, BackendUnavailable, ModelNotFound
from backends.files.split_names import bytes_of_parts
from backends.llama_cpp.job import Job, deliver
from backends.llama_cpp.memory_budget import make_room, register_owner, turn_to_load
from backends.llama_cpp.memory_estimate import find_demand, fit_video_memory
from backends.llama_cpp.metadata import FileState, ModelFile, read_file_state
from backends.llama_cpp.options import LlamaCppOptions
from backends.llama_cpp.prompt_builder import PromptBuilder
from backends.llama_cpp.stats import EngineStats

if TYPE_CHECKING:  # importing these loads the native library, which only the thread does
    from backends.llama_cpp.embedding import LoadedEmbedder
    from backends.llama_cpp.loaded_model import LoadedChatModel

log = logging.getLogger("parlance.llama_cpp")

InMemory: TypeAlias = "LoadedChatModel | LoadedEmbedder"
Call: TypeAlias = "tuple[Callable[[Any], Any], concurrent.futures.Future[Any]]"
_EXTRA_QUEUE_COMMANDS = 64


class OwnerThread:
    """A daemon thread and its command queue. The first command starts it."""

    def __init__(
        self,
        name: str,
        options: LlamaCppOptions,
        file: ModelFile,
        prompts: PromptBuilder,
    ) -> None:
        self._name = name
        self._options = options
        self._file = file
        self._prompts = prompts
        self._commands: queue.Queue[Job | Call | None] = queue.Queue(
            options.max_waiting + _EXTRA_QUEUE_COMMANDS
        )
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._unloading = threading.Event()
        self._loaded: InMemory | None = None
        self._past = EngineStats(slots=options.parallel)
        self.stats = self._past
        """Written by the thread after each round, read by anyone."""
        self.used_at = time.monotonic()
        self.failed: FileState | None = None
        """The file as it was when llama.cpp could not load it."""

        register_owner(self)

    @property
    def resident(self) -> bool:
        return self._loaded is not None

    @property
    def busy(self) -> bool:
        """Whether an answer is in flight, or a command waits."""
        loaded = self._loaded
        return not self._commands.empty() or (loaded is not None and loaded.has_work)

    def known_tokens(self, conversation: str | None) -> Sequence[int]:
        """Return the token ids of a conversation's earlier turns, as far as they are kept."""
        loaded = self._loaded
        return loaded.known_tokens(conversation) if loaded is not None else ()

    # -- the event loop's side -------------------------------------------------------------------

    def send(self, command: Job | Call) -> bool:
        """Queue a command; return False if the queue is full.

        Raises `BackendUnavailable` once the thread was told to stop.
        """
        if self._stopping.is_set():
            raise BackendUnavailable(f"The model {self._name} is being shut down.")
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name=f"llama_cpp-{self._name}", daemon=True
            )
            self._thread.start()
        try:
            self._commands.put_nowait(command)
        except queue.Full:
            return False
        return True

    def unload(self) -> None:
        """Free the model as soon as no answer is in flight."""
        self._unloading.set()
        self._wake()

    def stop(self) -> None:
        """End the thread after its current round; answers in flight fail.

        Blocks until it has ended.
        """
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()

    def _wake(self) -> None:
        try:
            self._commands.put_nowait(None)
        except queue.Full:  # then the thread is awake, and looks at the flags between rounds
            return

    # -- the thread's side -----------------------------------------------------------------------

    def _run(self) -> None:
        gone = BackendUnavailable(f"The model {self._name} is being shut down.")
        try:
            while not self._stopping.is_set():
                try:
                    self._step()
                except Exception as error:  # a thread's top: the engine must go on
                    log.exception("llama_cpp.round_failed model=%s", self._name)
                    self._forget(BackendUnavailable(f"The model {self._name} failed; try again."))
                    self._note(repr(error))
        finally:
            self._forget(gone)
            while not self._commands.empty():
                self._refuse(self._commands.get_nowait(), gone)

    def _step(self) -> None:
        working = self._loaded is not None and self._loaded.has_work
        if not working and self._unloading.is_set():
            self._unloading.clear()
            self._forget(None)
        try:
            command = self._commands.get(block=not working, timeout=self._patience())
        except queue.Empty:
            if not working:
                log.info(
                    "llama_cpp.model_unloaded model=%s idle_s=%s",
                    self._name,
                    self._options.keep_alive,
                )
                self._forget(None)
                return
        else:
            self._execute(command)
            while not self._commands.empty():
                self._execute(self._commands.get_nowait())
        if self._loaded is not None:
            self._loaded.run_round()
            self._snapshot()  # before delivering, so that whoever gets an answer sees it counted
            self._loaded.flush()

    def _patience(self) -> float | None:
        return self._options.keep_alive if self._loaded is not None else None

    def _execute(self, command: Job | Call | None) -> None:
        if command is None:
            return
        if isinstance(command, Job) and command.cancelled:
            return
        self.used_at = time.monotonic()
        try:
            loaded = self._load()
        except BackendError as error:
            self._note(str(error))
            self._refuse(command, error)
            return
        try:
            if isinstance(command, Job):
                loaded.submit(command)
            elif command[1].set_running_or_notify_cancel():
                result = command[0](loaded)
                self._snapshot()  # before whoever asked goes on, so that they see it counted
                command[1].set_result(result)
        except BackendError as error:
            self._refuse(command, error)
        except Exception:  # a command's top: one bad request must not fail its neighbours
            log.exception("llama_cpp.request_failed model=%s", self._name)
            self._refuse(
                command, BackendUnavailable(f"The model {self._name} failed on this request.")
            )

    def _refuse(self, command: Job | Call | None, error: BackendError) -> None:
        if isinstance(command, Job):
            deliver([(command, error)])
        elif command is not None and (
            command[1].running() or command[1].set_running_or_notify_cancel()
        ):
            command[1].set_exception(error)

    def _load(self) -> InMemory:
        if self._loaded is None:
            try:
                path = self._file.path()
            except OSError as error:
                raise ModelNotFound(
                    f"The file of the model {self._name} cannot be read ({error.strerror})."
                ) from error
            try:
                with turn_to_load(self._goes_on):
                    self._loaded = self._load_into_room(path)
            except BackendError:
                self.failed = read_file_state(path)
                raise
            self._prompts.lend(self._loaded.model)
            self.failed = None
            self._note(None)
        return self._loaded

    def _goes_on(self) -> bool:
        return not self._stopping.is_set()

    def _load_into_room(self, path: Path) -> InMemory:
        """Load the model once others have made room for it; on cards, as many layers as fit."""
        from backends.llama_cpp.loaded_model import load_model
        from backends.llama_cpp.preparation import find_prepared
        from backends.llama_cpp.video_memory import free_video_memory, list_video_devices

        def video() -> int | None:
            return free_video_memory(list_video_devices(), self._options)

        head, options = self._file.read().head, self._options
        path = find_prepared(path, options) or path
        needed = find_demand(head, options, bytes_of_parts(path), has_video=video() is not None)
        make_room(self, needed, video=video)
        options = fit_video_memory(head, options, needed, video())
        return load_model(path, options, deliver, self._goes_on)

    def _forget(self, error: BackendError | None) -> None:
        """Unload the model; answers in flight end with `error`."""
        if self._loaded is not None:
            self._snapshot()
            self._prompts.take_back()
            self._loaded.close(error)
            self._loaded = None
            self._past = replace(
                self.stats,
                resident=False,
                slots_busy=0,
                waiting=0,
                idle_sequences=0,
                parked_sequences=0,
                parked_bytes=0,
                cells=0,
                cells_live=0,
            )
            self.stats = self._past

    def _snapshot(self) -> None:
        if self._loaded is not None:
            self.stats = self._loaded.stats(self._past)

    def _note(self, error: str | None) -> None:
        self._past = replace(self._past, last_error=error)
        self.stats = replace(self.stats, last_error=error)
