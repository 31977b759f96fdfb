"""Names of 0.1 for methods and parameters; removed in 0.3."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from core.progress import Report, silent
from core.training.learning.task import Progress

P = ParamSpec("P")
R = TypeVar("R")


class _Moved:
    """An earlier name of a method, now on a facade of the project.

    Parameters
    ----------
    facade, name
        For example ``labels`` and ``of`` for ``project.labels.of``.
    """

    def __init__(self, facade: str, name: str) -> None:
        self._facade, self._name = facade, name
        self.__doc__ = f"As ``project.{facade}.{name}``."

    def __set_name__(self, owner: type, earlier: str) -> None:
        self._earlier = earlier

    def __get__(self, project: Any, owner: type) -> Any:
        if project is None:
            return self
        place = f"project.{self._facade}.{self._name}"
        warn(f"project.{self._earlier} is an earlier name of {place} and will be removed in 0.3; use {place}.", above=0)
        return getattr(getattr(project, self._facade), self._name)


def renamed(**names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a function take earlier names of its parameters, with a ``DeprecationWarning``.

    Parameters
    ----------
    **names
        Earlier name -> name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            for earlier in names.keys() & kwargs.keys():
                name = names[earlier]
                if name in kwargs:
                    raise TypeError(f"{function.__name__}() got {name}= and its earlier name {earlier}=; give {name}= alone.")
                warn(f"{earlier}= is an earlier name of {name}= and will be removed in 0.3; give {name}=.")
                kwargs[name] = kwargs.pop(earlier)
            return function(*args, **kwargs)

        return call

    return decorate


def split_report(report: Report | Callable[[Progress], bool] | None) -> tuple[Report, Callable[[Progress], bool] | None]:
    """Return a report, and None or one of version 0.1: a function that takes one argument, a :class:`Progress`.

    Of the two, only the one given does something. A report of version 0.1 causes a ``DeprecationWarning``.
    """
    if report is None:
        return silent, None
    if not _takes_one_argument(report):
        return cast(Report, report), None
    warn("report= takes the share done and a sentence now; one with a Progress will no longer be called in 0.3.", above=3)
    return silent, cast(Callable[[Progress], bool], report)


def _takes_one_argument(report: Callable[..., bool]) -> bool:
    """Return whether a function accepts exactly one positional argument; False if Python cannot tell."""
    try:
        parameters = inspect.signature(report).parameters.values()
    except ValueError:  # some functions written in C
        return False
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(positional) == 1 and all(one.kind != one.VAR_POSITIONAL for one in parameters)


def warn(sentence: str, *, above: int = 1) -> None:
    """Warn a script about an earlier name, ``above`` calls above the caller of this function."""
    warnings.warn(sentence, DeprecationWarning, stacklevel=2 + above)


class EarlierNames:
    """Methods that scripts for version 0.1 call on the project itself; to be removed in 0.3."""

    label = _Moved("labels", "of")
    roles = _Moved("labels", "roles")
    labelled_slices = _Moved("labels", "slices")
    claimed = _Moved("labels", "claimed")
    validation_summary = _Moved("labels", "validation_summary")
    import_labels = _Moved("labels", "import_file")
    export_labels = _Moved("labels", "export_file")
    active_seconds = _Moved("labels", "active_seconds")
    seek = _Moved("labels", "mark_model_selected")
    may_validate = _Moved("labels", "may_validate")
    editing = _Moved("labels", "editing")
    news = _Moved("labels", "sync_state")
    apply = _Moved("labels", "apply")
    steps = _Moved("labels", "undo_steps")
    drafts = _Moved("labels", "drafts")
    discard_draft = _Moved("labels", "discard_draft")
    rebase = _Moved("labels", "rebase")
    submit_mask = _Moved("labels", "submit_mask")
    undo = _Moved("labels", "undo")
    suggest_from = _Moved("labels", "suggest_from")
    suggest_between = _Moved("labels", "suggest_between")
    preview = _Moved("labels", "preview")
    prepare_preview = _Moved("labels", "prepare_preview")
    handover = _Moved("labels", "preview_choice")
    rounds = _Moved("models", "rounds")
    curve = _Moved("models", "curve")
    caution = _Moved("models", "regression_warning")
    interrupted = _Moved("models", "interrupted")
    has_network = _Moved("models", "has_network")
    use = _Moved("models", "use")
    predict_slice = _Moved("models", "predict_slice")
    cached_prediction = _Moved("models", "cached_prediction")
    augmented = _Moved("models", "augmentation_examples")
    frame = _Moved("models", "watched_region")
    slice_to_watch = _Moved("models", "slice_to_watch")
    moments = _Moved("models", "snapshots")
    moment_rounds = _Moved("models", "snapshot_rounds")
    moment_bytes = _Moved("models", "snapshot_bytes")
    restore = _Moved("models", "restore")
    scan = _Moved("proposals", "scan")
    put_off = _Moved("proposals", "put_off")
    scores = _Moved("proposals", "scanned")
    look = _Moved("proposals", "look")
    looked = _Moved("proposals", "looked")
    export_confidence = _Moved("results", "export_confidence")
    evaluate = _Moved("results", "evaluate")
    job = _Moved("jobs", "current")
    cancel = _Moved("jobs", "cancel")
    start_round = _Moved("jobs", "start_round")
    start_restore = _Moved("jobs", "start_restore")
    start_scan = _Moved("jobs", "start_scan")
    start_segment = _Moved("jobs", "start_segment")
    start_confidence_export = _Moved("jobs", "start_confidence_export")
    start_evaluate = _Moved("jobs", "start_evaluate")
