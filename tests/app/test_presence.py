"""Which windows have a slice open."""

from app.api.presence import SECONDS, Presence


class Clock:
    """A clock that a test turns."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_window_counts_the_others_on_its_slice() -> None:
    """Never itself, never one that looks elsewhere, and one that went elsewhere no more."""
    presence = Presence(now=Clock())
    assert presence.others("a", 1) == 0
    assert presence.others("a", 1) == 0
    assert presence.others("b", 1) == 1
    assert presence.others("c", 2) == 0
    assert presence.others("c", 1) == 2
    assert presence.others("b", 2) == 0
    assert presence.others("a", 1) == 1


def test_a_window_that_no_longer_asks_is_taken_to_be_closed() -> None:
    """After 15 seconds without a question, and not before."""
    clock = Clock()
    presence = Presence(now=clock)
    presence.others("a", 1)
    clock.now = SECONDS
    assert presence.others("b", 1) == 1
    clock.now += 0.1
    assert presence.others("b", 1) == 0


def test_a_window_that_says_so_is_gone_at_once() -> None:
    """Nobody waits for it to be missed; one that was never seen may leave too."""
    presence = Presence(now=Clock())
    presence.others("a", 1)
    presence.leave("a")
    presence.leave("never")
    assert presence.others("b", 1) == 0


def test_memory_is_bounded_however_many_windows_are_made_up() -> None:
    """The windows that asked longest ago are forgotten first, so those that keep asking stay."""
    presence = Presence(most=3, now=Clock())
    presence.others("real", 1)
    for number in range(100):
        presence.others(f"made up {number}", 2)
        assert presence.others("real", 1) == 0
    assert len(presence._seen) == 3
    presence.others("made up last", 2)
    assert presence.others("friend", 1) == 1
