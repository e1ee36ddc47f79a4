"""The engine on the real default model: caching, fairness, cancelling, full caches, unloading."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
from contextlib import aclosing
from pathlib import Path

import pytest
from pydantic import ValidationError

from backends.base import ChatMessage, ChatRequest, Sampling
from backends.errors import (
    BackendBusy,
    BackendError,
    BackendUnavailable,
    DeadlineExceeded,
    InvalidRequest,
    ModelNotFound,
)
from backends.llama_cpp import LlamaCppBackend, LlamaCppOptions
from backends.llama_cpp.native import Model
from backends.pool.spec import describe_validation_error
from tests.fakes.ggufs import with_template
from tests.unit.backends.llama_cpp.asking import Make, tell
from tests.until import until

LONG = "The keeper of the lighthouse wrote down every ship that passed in the night. " * 8


def endless() -> ChatRequest:
    sampling = Sampling(temperature=0.9, seed=1, max_tokens=400)
    return ChatRequest((ChatMessage("user", "Write a very long story."),), sampling)


async def free(backend: LlamaCppBackend) -> None:
    """Wait until nothing is being written."""
    await until(lambda: not backend.stats().slots_busy)


async def gone(backend: LlamaCppBackend) -> None:
    """Wait until the model is out of memory."""
    await until(lambda: not backend.stats().resident)


def test_importing_the_engine_does_not_load_the_native_library() -> None:
    code = "import sys, backends.llama_cpp; sys.exit('llama_cpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- caching ---------------------------------------------------------------------------------------


async def test_the_next_turn_computes_only_what_is_new(make: Make) -> None:
    backend = make(context=1024)
    first = await tell(backend, LONG, conversation="c1")
    again = await tell(backend, LONG, first.text, "And then?", conversation="c1")
    written = first.usage.prompt_tokens + first.usage.completion_tokens
    assert again.usage.cached_tokens >= written - 1
    assert first.usage.cached_tokens == 0


async def test_a_shared_beginning_is_computed_once_by_those_who_come_together(make: Make) -> None:
    backend = make(context=1024)
    told = await asyncio.gather(
        *(tell(backend, f"Number {n}?", system=LONG, conversation=f"c{n}") for n in range(4))
    )
    computed = sum(t.usage.prompt_tokens - t.usage.cached_tokens for t in told)
    assert computed < told[0].usage.prompt_tokens + 4 * 30


async def test_a_conversation_pushed_out_goes_on_as_an_uninterrupted_one(make: Make) -> None:
    small = make(context=256, cache_tokens=256)
    large = make(context=256, cache_tokens=2048)
    texts = []
    for backend in (small, large):
        first = await tell(backend, f"0 {LONG}", conversation="c0")
        await tell(backend, f"1 {LONG}", conversation="c1", max_tokens=1)
        again = await tell(backend, f"0 {LONG}", first.text, "Why?", conversation="c0")
        assert again.usage.cached_tokens >= first.usage.prompt_tokens
        texts.append(again.text)
    assert small.stats().evicted > 0
    assert small.stats().restored == 1
    assert large.stats().restored == 0
    assert texts[0] == texts[1]


async def test_idle_conversations_are_parked_before_the_cache_is_full_of_them(make: Make) -> None:
    backend = make(context=256, cache_tokens=2048, parallel=2)
    first = await tell(backend, f"0 {LONG}", conversation="c0")
    for n in range(1, 5):
        await tell(backend, f"{n} {LONG}", conversation=f"c{n}", max_tokens=1)
    again = await tell(backend, f"0 {LONG}", first.text, "Why?", conversation="c0")
    assert again.usage.cached_tokens >= first.usage.prompt_tokens
    stats = backend.stats()
    assert (stats.evicted, stats.restored) == (0, 1)
    assert stats.parked_sequences + stats.idle_sequences == 5
    assert stats.parked_sequences >= 2


async def test_parking_stays_within_its_budget(make: Make) -> None:
    budget = 5 * 1024 * 1024
    backend = make(context=256, cache_tokens=256, parking_bytes=budget)
    for n in range(4):
        await tell(backend, f"{n} {LONG}", conversation=f"c{n}", max_tokens=1)
        assert backend.stats().parked_bytes <= budget
    assert backend.stats().evicted >= 3
    assert backend.stats().parked_sequences == 1


async def test_nameless_requests_leave_only_what_they_share(make: Make) -> None:
    backend = make()
    first = await tell(backend, "Number 0?", system=LONG, max_tokens=8)
    for n in range(1, 5):
        told = await tell(backend, f"Number {n}?", system=LONG, max_tokens=2)
        assert told.usage.cached_tokens > first.usage.prompt_tokens - 20
    assert backend.stats().idle_sequences == 1


# -- sampling --------------------------------------------------------------------------------------


async def test_the_same_seed_writes_the_same_text(make: Make) -> None:
    backend = make(parallel=1)
    await tell(backend, "A poem.", max_tokens=1)  # the others begin alike: from its kept prompt
    one, two, other = [
        (await tell(backend, "A poem.", temperature=1.2, seed=seed, max_tokens=16)).text
        for seed in (5, 5, 6)
    ]
    assert one == two
    assert one != other


async def test_logit_bias_bans_a_token(make: Make, model: Model) -> None:
    backend = make()
    plain = (await tell(backend, "Tell me about the sea.", max_tokens=1)).text
    token = model.tokenize(plain)[0]
    biased = await tell(
        backend, "Tell me about the sea.", max_tokens=1, logit_bias={token: -1000.0}
    )
    assert biased.text != plain


async def test_a_frequency_penalty_breaks_a_loop(make: Make, model: Model) -> None:
    backend = make()
    sea = {model.tokenize(" sea")[0]: 14.0}
    looping, varied = [
        (await tell(backend, "Tell me.", frequency_penalty=f, logit_bias=sea, max_tokens=16)).text
        for f in (0.0, 2.0)
    ]
    assert looping.count("sea") > 12
    assert varied.count("sea") < looping.count("sea") - 3


async def test_an_answer_that_fills_the_context_ends_with_length(make: Make) -> None:
    backend = make(context=256)
    told = await tell(backend, "sea " * 200, max_tokens=500)
    assert told.finish in ("length", "stop")
    assert told.usage.prompt_tokens + told.usage.completion_tokens <= 256
    filled = await tell(
        backend, "sea " * 200, max_tokens=500, logit_bias={0: -1000.0, 2: -1000.0, 4: -1000.0}
    )
    assert filled.finish == "length"
    assert filled.usage.prompt_tokens + filled.usage.completion_tokens == 256


# -- many at once ----------------------------------------------------------------------------------


async def test_a_full_cache_slows_and_never_fails(make: Make) -> None:
    backend = make(context=256, cache_tokens=256, parking_bytes=0)
    ends = {0: -1000.0, 2: -1000.0, 4: -1000.0}
    told = await asyncio.gather(
        *(
            tell(backend, f"Tell me a story about {n}.", max_tokens=60, logit_bias=ends)
            for n in range(6)
        )
    )
    assert [t.usage.completion_tokens for t in told] == [60] * 6
    assert backend.stats().preempted > 0
    assert backend.stats().slots_busy == 0


async def test_one_persons_queue_does_not_delay_anothers_first(make: Make) -> None:
    backend = make(parallel=1)
    order: list[str] = []

    async def ask(person: str, number: int) -> None:
        await tell(backend, f"{person} {number}?", person=person, max_tokens=4)
        order.append(person)

    many = [asyncio.create_task(ask("ada", n)) for n in range(5)]
    await asyncio.sleep(0)
    await asyncio.gather(*many, ask("bob", 0))
    assert order.index("bob") <= 2


async def test_a_full_waiting_list_is_busy_with_seconds(make: Make) -> None:
    backend = make(parallel=1, max_waiting=1)
    await tell(backend, "Hello?", max_tokens=1)
    told = await asyncio.gather(
        *(tell(backend, f"{n}?", max_tokens=8) for n in range(6)), return_exceptions=True
    )
    refused = [t for t in told if isinstance(t, BackendBusy)]
    assert refused
    assert all(busy.retry_after_s >= 1 for busy in refused)
    assert len(refused) < 6
    assert all(not isinstance(t, BaseException) or isinstance(t, BackendBusy) for t in told)


async def test_cancelling_one_leaves_its_neighbours_alone(make: Make) -> None:
    backend = make()
    neighbour = asyncio.create_task(tell(backend, "Count to twenty.", max_tokens=40))
    async with aclosing(backend.chat(endless())) as stream:
        async for chunk in stream:
            if chunk.text:
                break
    told = await neighbour
    assert told.text
    await free(backend)


async def test_a_deadline_in_mid_answer_ends_it_and_frees_the_sequence(make: Make) -> None:
    backend = make()
    await tell(backend, "Hello?", max_tokens=1)
    with pytest.raises(DeadlineExceeded):
        await tell(
            backend,
            "Write a long story.",
            max_tokens=480,
            deadline_s=0.15,
            logit_bias={0: -1000.0, 2: -1000.0, 4: -1000.0},
        )
    await free(backend)


async def test_closing_the_engine_fails_what_is_in_flight(make: Make) -> None:
    backend = make()
    stream = backend.chat(endless())
    async with aclosing(stream):
        async for chunk in stream:
            if chunk.text:
                break
        await backend.aclose()
        with pytest.raises(BackendUnavailable):
            async for _ in stream:
                pass
    with pytest.raises(BackendUnavailable):
        await tell(backend, "Still there?")


# -- progress --------------------------------------------------------------------------------------


async def test_progress_tells_of_loading_and_then_of_reading(make: Make) -> None:
    told = await tell(make(context=1024), LONG)
    stages = [chunk.progress for chunk in told.chunks if chunk.progress is not None]
    assert stages[0].stage == "loading"
    reading = [p.tokens for p in stages if p.stage == "reading"]
    assert len(reading) > 1
    assert reading == sorted(reading, key=lambda n: -(n or 0))
    assert told.usage.load_s > 0


# -- the file, and memory --------------------------------------------------------------------------


async def test_unloaded_when_nobody_asks_and_loaded_again(make: Make) -> None:
    backend = make(keep_alive=0.1)
    await tell(backend, "Hello?", max_tokens=2)
    await gone(backend)
    health = await backend.health()
    assert health.ok
    assert health.resident is False
    again = await tell(backend, "Hello?", max_tokens=2)
    assert again.usage.load_s > 0
    assert backend.stats().requests == 2


async def test_unloading_waits_for_answers_in_flight(make: Make) -> None:
    backend = make()
    task = asyncio.create_task(tell(backend, "Tell me a story.", max_tokens=30))
    await until(lambda: backend.stats().slots_busy)
    await backend.unload()
    assert (await task).text
    await gone(backend)


@pytest.mark.parametrize("damage", ["truncated", "other"])
async def test_a_damaged_file_is_named_in_one_sentence(
    make: Make, chat_model_path: Path, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "damaged.gguf"
    if damage == "truncated":
        with chat_model_path.open("rb") as source:
            path.write_bytes(source.read(4_000_000))
    else:
        path.write_bytes(b"<html>not found</html>" * 100)
    backend = make(source=f"file:{path}")
    with pytest.raises(ModelNotFound, match=r"damaged\.gguf") as caught:
        await tell(backend, "Hello?")
    assert "\n" not in str(caught.value)
    assert not (await backend.health()).ok


async def test_a_file_deleted_while_loaded_goes_on_and_is_missed_at_the_next_load(
    make: Make, chat_model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "copy.gguf"
    shutil.copy(chat_model_path, path)
    backend = make(source=f"file:{path}")
    await tell(backend, "Hello?", max_tokens=2)
    path.unlink()
    assert (await tell(backend, "Still?", max_tokens=2)).text
    await backend.unload()
    await gone(backend)
    with pytest.raises(ModelNotFound):
        await tell(backend, "And now?", max_tokens=1)
    assert not (await backend.health()).ok


async def test_a_file_replaced_while_loaded_goes_on_and_is_read_anew_at_the_next_load(
    make: Make, chat_model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "copy.gguf"
    shutil.copy(chat_model_path, path)
    backend = make(source=f"file:{path}")
    before = (await tell(backend, "Hello?", max_tokens=2)).usage.prompt_tokens
    longer = "{% for m in messages %}a much longer prompt, {{ m.content }}{% endfor %}" * 9
    with_template(chat_model_path, tmp_path / "fresh.gguf", longer).replace(path)
    assert (await tell(backend, "Hello?", max_tokens=2)).usage.prompt_tokens == before
    await backend.unload()
    await gone(backend)
    assert (await tell(backend, "Hello?", max_tokens=2)).usage.prompt_tokens > before
    await backend.unload()
    await gone(backend)
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(b"GGUF, but no more than that")
    damaged.replace(path)
    with pytest.raises(ModelNotFound, match=r"copy\.gguf"):
        await tell(backend, "And now?", max_tokens=1)


async def test_a_file_that_came_back_is_healthy_again(
    make: Make, chat_model_path: Path, tmp_path: Path
) -> None:
    path = tmp_path / "late.gguf"
    path.write_bytes(b"not yet")
    backend = make(source=f"file:{path}")
    with pytest.raises(ModelNotFound):
        await tell(backend, "Hello?")
    assert not (await backend.health()).ok
    path.unlink()
    shutil.copy(chat_model_path, path)
    assert (await backend.health()).ok
    assert (await tell(backend, "Hello?", max_tokens=1)).text


async def test_the_native_library_keeps_quiet(
    make: Make, capfd: pytest.CaptureFixture[str]
) -> None:
    await tell(make(), "Hello?", max_tokens=2)
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out == ""


async def test_an_unknown_chat_format_is_refused_by_name(make: Make) -> None:
    with pytest.raises(InvalidRequest, match="nonsense"):
        await tell(make(chat_format="nonsense"), "Hello?")


async def test_the_thread_ends_with_its_engine(make: Make) -> None:
    backend = make()
    await tell(backend, "Hello?", max_tokens=1)
    names = {thread.name for thread in threading.enumerate()}
    assert "llama_cpp-test" in names
    await backend.aclose()
    assert all(not t.name.startswith("llama_cpp-test") for t in threading.enumerate())


async def test_errors_of_one_request_reach_only_that_request(make: Make) -> None:
    backend = make()
    bad = {"$ref": "#/nowhere"}
    good, failed = await asyncio.gather(
        tell(backend, "Hello?", max_tokens=8),
        tell(backend, "Hello?", json_schema=bad),
        return_exceptions=True,
    )
    assert isinstance(failed, BackendError)
    assert not isinstance(good, BaseException)
    assert good.text


class TestWhatWouldEndTheProcess:
    """llama.cpp aborts where it is asked for these; the processes of others end with it."""

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"parallel": 8, "n_batch": 31}, "n_batch (31) must be at least 32 with parallel (8)"),
            ({"parallel": 64, "n_batch": 255}, "n_batch (255) must be at least 256"),
            ({"n_threads": 513}, "less than or equal to 512"),
            ({"n_threads_batch": 100_000}, "less than or equal to 512"),
            ({"context": 2**31}, "less than or equal to"),
            ({"n_batch": 2**32}, "less than or equal to"),
        ],
    )
    def test_is_refused(self, options: dict[str, int], says: str) -> None:
        with pytest.raises(ValidationError) as caught:
            LlamaCppOptions.model_validate({"source": "file:a.gguf", **options})
        (problem,) = describe_validation_error(caught.value, "models.default", LlamaCppOptions)
        assert says in problem
        assert len(problem.splitlines()) == 1

    @pytest.mark.parametrize("n_ubatch", [1, 512])
    async def test_the_least_that_is_accepted_answers(self, make: Make, n_ubatch: int) -> None:
        backend = make(parallel=4, n_batch=16, n_ubatch=n_ubatch)
        told = await asyncio.gather(
            *(tell(backend, f"Say {n}.", max_tokens=3) for n in range(6)),
        )
        assert all(one.text for one in told)

    def test_an_embedder_has_no_conversations(self) -> None:
        LlamaCppOptions(source="file:a.gguf", embeddings=True, parallel=8, n_batch=16)
