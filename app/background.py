"""One worker thread for work too slow for a page and too small for a job: predicting a single slice."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import streamlit as st

from core.errors import UnderpaintError


class Tasks:
    """Named tasks, run one after another and started once; safe to use from any thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="underpaint-slice")
        self._futures: dict[Hashable, Future[Any]] = {}

    def start(self, key: Hashable, work: Callable[[], Any]) -> None:
        """Start ``work`` unless a task of this name is waiting or running."""
        if not self.running(key):
            self._futures[key] = self._pool.submit(work)

    def running(self, key: Hashable) -> bool:
        """Return True while a task of this name waits or runs."""
        future = self._futures.get(key)
        return future is not None and not future.done()

    def failure(self, key: Hashable) -> UnderpaintError | None:
        """Return the user error of a failed task, or None; raise any other exception."""
        future = self._futures.get(key)
        error = future.exception() if future is not None and future.done() else None
        if error is None or isinstance(error, UnderpaintError):
            return error
        raise error

    def forget(self, key: Hashable) -> None:
        """Allow a finished task of this name to start again."""
        if not self.running(key):
            self._futures.pop(key, None)


@st.cache_resource(show_spinner=False)
def tasks() -> Tasks:
    """Return the tasks of this server."""
    return Tasks()
