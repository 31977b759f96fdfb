"""Serve a slice to the editor: its mask, the strokes of its draft, and the labels saved from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from app.api.once import Answer, Once
from app.api.pictures import framed
from app.api.presence import Presence
from app.api.target import Target, binary, created, target
from app.api.wire import DAY_MS, MOST, number, read_claim, read_put_off, read_rebase, read_runs, read_undo, round_of, window_of
from app.guard import Refusal
from core.editing.undo_steps import packed
from core.project import Patch, Project
from core.storage.rle import slice_numbers

_answers = Once()
_presence = Presence()


def slice_(request: Request) -> Response:
    """Return the facts of a slice, its mask and its draft's base, over the prediction of ``round``."""
    project, slice_id = target(request)
    # Read before the rasters, so that a change in between makes the answer stale.
    row, state = project.volumes[slice_id.volume], project.labels.sync_state(*slice_id)
    editing = project.labels.editing(*slice_id, round_=round_of(request))
    saved = None if state.revision is None else project.labels.claimed(*slice_id)
    mask = slice_numbers(editing.mask, editing.touched, saved)
    numbers = np.concatenate((mask, slice_numbers(editing.base))) if editing.origin == "draft" else mask
    depth, channels, height, width = row.shape
    facts = {
        "created": created(project),
        "height": height,
        "width": width,
        "depth": depth,
        "channels": _channel_names(project, slice_id.volume, channels),
        "dtype": np.dtype(row.dtype).name,
        "classes": [{"id": c.id, "name": c.name, "color": c.color} for c in project.classes],
        "sequence": editing.sequence,
        "origin": editing.origin,
        "round": editing.round,
        "latest": state.round,
        "revision": state.revision,
        "mask_numbers": mask.size,
    }
    return binary(framed(facts, numbers.data.cast("B")), squeeze=True)


def steps(request: Request) -> Response:
    """Return the undo steps of the unsaved strokes, if action ``sequence`` is still the last."""
    project, slice_id = target(request)
    counts, body = packed(project.labels.undo_steps(*slice_id, sequence=number(request, "sequence", 0, 0, MOST)))
    return binary(framed({"counts": counts}, body), squeeze=True)


def _channel_names(project: Project, volume: int, channels: int) -> list[str]:
    names = list(project.volume(volume).info.channel_names)
    return [names[i] if i < len(names) and names[i] else f"channel {i}" for i in range(channels)]


def patch(request: Request, body: bytes) -> Response:
    """Store one action."""
    project, slice_id = target(request)
    _, _, height, width = project.volumes[slice_id.volume].shape
    sequence = request.path_params["sequence"]
    if sequence > MOST:
        raise Refusal(400, f"A stroke's number is at most {MOST}; reload the page.")
    runs = read_runs(body, height * width, [c.id for c in project.classes])
    active_ms = number(request, "active_ms", 0, 0, DAY_MS)
    action = Patch(sequence, runs, active_ms, round_of(request))
    return JSONResponse({"sequence": project.labels.apply(*slice_id, action)})


def claim(request: Request, body: bytes) -> Response:
    """Save the draft as a revision."""
    project, slice_id = target(request)
    wish = read_claim(body, project.volumes[slice_id.volume].slice_shape)

    def store() -> Answer:
        seconds = wish.active_ms / 1000
        revision = project.submit(
            *slice_id,
            wish.claim,
            more_seconds=seconds,
            round_=wish.round,
            sequence=wish.sequence,
            seen=wish.seen,
            wish=wish.id,
        )
        return {"claim": wish.claim.kind, "revision": revision.id, "pixels": revision.pixels}

    return _once("claim", (project, slice_id), wish.id, store)


def undo(request: Request, body: bytes) -> Response:
    """Take back the newest saved label."""
    project, slice_id = target(request)
    wish = read_undo(body)

    def take_back() -> Answer:
        before = project.labels.undo(*slice_id, revision=wish.revision, wish=wish.id)
        sequence = project.labels.sync_state(*slice_id).sequence
        return {"sequence": sequence, "revision": None if before is None else before.id}

    return _once("undo", (project, slice_id), wish.id, take_back)


def put_off(request: Request, body: bytes) -> Response:
    """Move the slice, or one of its boxes, to the end of the proposals."""
    project, slice_id = target(request)
    wish = read_put_off(body, project.volumes[slice_id.volume].slice_shape)

    def note() -> Answer:
        project.proposals.put_off(*slice_id, wish.box)
        return {"box": wish.box is not None}

    return _once("put_off", (project, slice_id), wish.id, note)


def rebase(request: Request, body: bytes) -> Response:
    """Put another round's prediction under the strokes."""
    project, slice_id = target(request)
    wish = read_rebase(body)

    def move() -> Answer:
        return {"sequence": project.labels.rebase(*slice_id, wish.round, sequence=wish.sequence)}

    return _once("rebase", (project, slice_id), wish.id, move)


def sync(request: Request) -> Response:
    """Return the slice's state, for a window to see it is out of date, and the number of other windows; ``closing`` leaves."""
    project, slice_id = target(request)
    window = window_of(request)
    if number(request, "closing", 0, 0, 1):
        _presence.leave(window)
        return Response(status_code=204)
    state = project.labels.sync_state(*slice_id)
    facts = {
        "created": created(project),
        "round": state.round,
        "sequence": state.sequence,
        "revision": state.revision,
        "caution": state.regression_warning,
        "others": _presence.others(window, (project.folder, slice_id)),
    }
    return JSONResponse(facts, headers={"Cache-Control": "no-store"})


def _once(verb: str, here: Target, identity: str, make: Callable[[], Answer]) -> Response:
    project, slice_id = here
    # a new project of the same name gets its own answers
    return JSONResponse(_answers.answer((project.folder, created(project), slice_id, verb, identity), make))
