"""Training finds the fastest number of threads, follows changes of load, and spends little time on trials."""

from __future__ import annotations

from collections.abc import Callable

import torch

from core.training.learning.thread_tuning import Choice, Threads, candidates


class Machine:
    """A machine with steps of ``seconds`` for a number of threads, and a clock."""

    def __init__(self, seconds: Callable[[int], float]) -> None:
        self.seconds, self.now = seconds, 0.0
        self.used: list[int] = []

    def train(self, choice: Choice, until: float) -> None:
        """Do steps until a time of the clock."""
        while self.now < until:
            took = self.seconds(choice.threads)
            self.used.append(choice.threads)
            self.now += took
            choice.stepped(took)


def test_all_threads_are_used_where_they_pay() -> None:
    """Trials of one thread take little of the time."""
    machine = Machine(lambda threads: 0.2 / threads)
    machine.train(Choice([2, 1], lambda: machine.now), 120)
    assert machine.used.count(2) > 0.95 * len(machine.used)


def test_one_thread_is_used_beside_busy_programs() -> None:
    """On a busy machine, trials of all threads take less than a tenth of the time."""
    machine = Machine(lambda threads: 2.0 if threads == 2 else 0.2)
    choice = Choice([2, 1], lambda: machine.now)
    machine.train(choice, 30)
    machine.used.clear()
    machine.train(choice, 330)
    slow = machine.used.count(2)
    assert 2.0 * slow < 0.1 * 300
    assert 2 * 2 <= slow <= 2 * 6


def test_a_machine_that_becomes_idle_is_noticed() -> None:
    """All threads are used again within two minutes of the machine becoming idle."""
    machine = Machine(lambda threads: (2.0 if threads == 2 else 0.2) if machine.now < 200 else 0.2 / threads)
    choice = Choice([2, 1], lambda: machine.now)
    machine.train(choice, 330)
    assert choice.threads == 2


def test_the_first_step_of_a_trial_is_not_counted() -> None:
    """A slow first step, as after every change of threads, does not decide a trial."""
    taken = {2: [9.0, 0.1, 0.1, 0.1], 1: [0.2, 0.2, 0.2, 0.2]}
    choice = Choice([2, 1], lambda: 0.0)
    choice.stepped(0.1)
    for _ in range(6):
        choice.stepped(taken[choice.threads].pop(0))
    assert choice.threads == 2


def test_one_core_has_no_choice() -> None:
    """With a single core there are no trials."""
    machine = Machine(lambda threads: 0.1)
    machine.train(Choice(candidates(1), lambda: machine.now), 60)
    assert set(machine.used) == {1}
    assert candidates(16) == [16, 8, 1]
    assert candidates(2) == [2, 1]


def test_the_threads_are_given_back(monkeypatch) -> None:
    """The process has its former number of threads after any end of a training."""
    before = torch.get_num_threads()
    for end in (lambda one: one.on_train_end(None, None), lambda one: one.on_exception(None, None, KeyboardInterrupt())):
        callback = Threads()
        torch.set_num_threads(before + 1)
        end(callback)
        assert torch.get_num_threads() == before
