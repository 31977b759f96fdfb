"""One worker thread for what is too slow for a page and too small for a job: the prediction of a single slice."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import streamlit as st

from core.errors import UnderpaintError


class Tasks:
    """Named tasks that run one after the other and are started once; safe to ask from any thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="underpaint-slice")
        self._futures: dict[Hashable, Future[Any]] = {}

    def start(self, key: Hashable, work: Callable[[], Any]) -> None:
        """Begin ``work`` unless a task of this name is under way."""
        if not self.running(key):
            self._futures[key] = self._pool.submit(work)

    def running(self, key: Hashable) -> bool:
        """Whether a task of this name waits or works."""
        future = self._futures.get(key)
        return future is not None and not future.done()

    def failure(self, key: Hashable) -> UnderpaintError | None:
        """Why the task of this name ended without a result, or None; any other exception is raised here."""
        future = self._futures.get(key)
        error = future.exception() if future is not None and future.done() else None
        if error is None or isinstance(error, UnderpaintError):
            return error
        raise error

    def forget(self, key: Hashable) -> None:
        """Let a task of this name be started again."""
        if not self.running(key):
            self._futures.pop(key, None)


@st.cache_resource(show_spinner=False)
def tasks() -> Tasks:
    """The tasks of this server."""
    return Tasks()
