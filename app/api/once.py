"""A change that is asked for twice, because its answer was lost on the way, is made once and answered twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Any

Answer = Mapping[str, Any]


class Once:
    """The last ``most`` answers by the key of what was asked; what failed is not kept, so it can be asked for again."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, Future[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """The answer under ``key``, made by the first who asks; who asks meanwhile waits for it, other keys do not.

        What ``make`` raises passes through, also to those who waited.
        """
        with self._lock:
            found = self._answers.get(key)
            mine: Future[Answer] = Future()
            if found is None:
                self._answers[key] = mine
        if found is not None:
            return found.result()
        try:
            mine.set_result(make())
        except BaseException as error:
            mine.set_exception(error)
            with self._lock:
                del self._answers[key]
            raise
        self._forget_oldest()
        return mine.result()

    def _forget_oldest(self) -> None:
        with self._lock:
            done = [key for key, answer in self._answers.items() if answer.done()]
            for key in done[: max(0, len(self._answers) - self._most)]:
                del self._answers[key]
