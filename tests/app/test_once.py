"""Changes that are asked for twice."""

from threading import Event, Thread

import pytest

from app.api.once import Once


def test_an_answer_is_made_once() -> None:
    """Whoever asks under one key again gets the first one's answer."""
    once, made = Once(), iter(range(9))
    assert [once.answer(key, lambda: {"n": next(made)}) for key in "abaa"] == [{"n": 0}, {"n": 1}, {"n": 0}, {"n": 0}]


def test_who_asks_meanwhile_waits_and_other_keys_do_not() -> None:
    """While one change is being made, the same one is not made again, and another one is."""
    once, begun, go_on, made, answers = Once(), Event(), Event(), [], []

    def slow() -> dict[str, int]:
        made.append("a")
        begun.set()
        assert go_on.wait(10)
        return {"n": 1}

    threads = [Thread(target=lambda: answers.append(once.answer("a", slow))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    assert once.answer("b", lambda: {"n": 2}) == {"n": 2}
    go_on.set()
    for thread in threads:
        thread.join()
    assert made == ["a"]
    assert answers == [{"n": 1}, {"n": 1}]


def test_what_failed_can_be_asked_for_again() -> None:
    """A refusal is not remembered: the disk may have room by then."""
    once = Once()

    def full() -> dict[str, int]:
        raise OSError("full")

    with pytest.raises(OSError, match="full"):
        once.answer("a", full)
    assert once.answer("a", lambda: {"n": 1}) == {"n": 1}


def test_only_the_last_answers_are_kept() -> None:
    """Memory is bounded; the oldest go first."""
    once, made = Once(most=2), []
    for key in ("a", "b", "c", "c", "b", "a"):
        once.answer(key, lambda key=key: made.append(key) or {})
    assert made == ["a", "b", "c", "a"]
