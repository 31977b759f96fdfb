"""Make a repeated change once: a request sent again after a lost answer gets the first answer.

Saves and undos are also known after a restart, from the records (``core.storage.wishes``).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from typing import Any

Answer = Mapping[str, Any]


class Once:
    """The last ``most`` answers by request key. A failure is not kept, so that the request can be repeated."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._answers: OrderedDict[Hashable, Future[Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """Return the answer under ``key``, made by the first caller; later callers of the same key wait for it.

        An exception of ``make`` reaches the first caller and those waiting. Other keys never wait.
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
