"""The waiting list: fair by person, bounded."""

from __future__ import annotations

from backends.llama_cpp.wait_queue import WaitQueue


def drain(waiting: WaitQueue[str]) -> list[str]:
    taken = []
    while (turn := waiting.first()) is not None:
        taken.append(waiting.take(turn[0]))
    return taken


def test_one_persons_many_do_not_delay_anothers_first() -> None:
    waiting: WaitQueue[str] = WaitQueue(20)
    for n in range(10):
        assert waiting.add("ada", f"a{n}")
    assert waiting.add("bob", "b0")
    assert drain(waiting)[:3] == ["a0", "b0", "a1"]


def test_a_full_list_takes_no_more() -> None:
    waiting: WaitQueue[str] = WaitQueue(2)
    assert waiting.add("ada", "1")
    assert waiting.add("bob", "2")
    assert not waiting.add("eve", "3")
    assert len(waiting) == 2


def test_what_is_put_back_comes_first_even_when_full() -> None:
    waiting: WaitQueue[str] = WaitQueue(1)
    waiting.add("ada", "1")
    waiting.put_back("bob", "0")
    assert drain(waiting) == ["0", "1"]


def test_discarding_keeps_the_order_and_the_count() -> None:
    waiting: WaitQueue[str] = WaitQueue(9)
    for item in ("a1", "a2", "b1", "a3"):
        waiting.add(item[0], item)
    assert waiting.discard(lambda item: item in ("a2", "b1")) == ["a2", "b1"]
    assert len(waiting) == 2
    assert drain(waiting) == ["a1", "a3"]
    assert len(waiting) == 0


def test_who_may_not_be_served_now_is_passed_over_and_keeps_the_place() -> None:
    waiting: WaitQueue[str] = WaitQueue(9)
    waiting.add("ada", "a1")
    waiting.add("bob", "b1")
    assert waiting.first(lambda person: person != "ada") == ("bob", "b1")
    assert waiting.take("bob") == "b1"
    assert waiting.first() == ("ada", "a1")
