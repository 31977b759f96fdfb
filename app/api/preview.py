"""Preview a slice during painting, predicted by a quick model trained on its strokes so far."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.pictures import framed
from app.api.target import binary, target
from app.api.wire import number
from app.background import tasks
from app.guard import Refusal
from core.geometry import Box

LARGEST = 1024 * 1024
"""Pixels of a box: about a second's work."""


def preview(request: Request) -> Response:
    """Return the likeliest class of each pixel of a box, uint8, and the facts of the preview; no pixels if there is none.

    ``prepare=1`` only starts the preparations, before the first stroke. ``handover=1`` returns no pixels, but the preview
    choice: whether the quick model beats the newest network, and why.
    """
    project, slice_id = target(request)
    if number(request, "handover", 0, 0, 1):
        decision = project.labels.preview_choice()
        ahead = decision.settled and not decision.to_network
        return binary(framed({"drawn": False, "ahead": ahead, "sentence": decision.sentence}, b""))
    height, width = project.volumes[slice_id.volume].slice_shape
    y0, x0 = number(request, "y0", 0, 0, height - 1), number(request, "x0", 0, 0, width - 1)
    box = Box(y0, x0, number(request, "y1", height, y0 + 1, height), number(request, "x1", width, x0 + 1, width))
    if box.shape[0] * box.shape[1] > LARGEST:
        raise Refusal(400, f"A preview covers at most {LARGEST:,} pixels; zoom in.")
    if number(request, "prepare", 0, 0, 1):
        tasks().start(("preview", project.folder, slice_id), lambda: project.labels.prepare_preview(*slice_id, box))
        return Response(status_code=204)
    made = project.labels.preview(*slice_id, box)
    facts = {"drawn": made.mask is not None, "sentence": made.sentence, "model": made.model, "seconds": round(made.seconds, 3)}
    return binary(framed(facts, b"" if made.mask is None else made.mask.tobytes()))
