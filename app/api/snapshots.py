"""The prediction of a training snapshot in its watched region, in the classes' colours."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from app.api.pictures import resized, tint
from app.api.target import open_project, stamped
from app.api.target import picture as answered
from app.api.wire import number
from app.guard import Refusal
from core.project import Project
from core.storage.snapshots import REGION_SIDE, Snapshot, picture


def prediction(request: Request) -> Response:
    """Return the mask of a snapshot as a transparent PNG to lay over the grey slice; browsers cache it for good."""
    project = open_project(request.path_params["project"])
    round_, step = request.path_params["round"], request.path_params["step"]
    snapshot = next((one for one in project.models.snapshots(round_) if one.step == step), None)
    if snapshot is None:
        raise Refusal(404, "This snapshot is not kept any more; reload the page.")
    mask, _ = picture(snapshot)
    factor = max(1.0, max(mask.shape) / number(request, "side", REGION_SIDE, 16, REGION_SIDE))
    height, width = (max(1, round(length / factor)) for length in mask.shape)
    body = tint(resized(mask, (height, width)), {c.id: c.color for c in project.classes})
    return answered(request, body, version(project, snapshot))


def version(project: Project, snapshot: Snapshot) -> str:
    """Return a digest of the class colours and of the training, even one repeated under the same number."""
    return stamped((snapshot.seconds, snapshot.step, snapshot.size, snapshot.created, [c.color for c in project.classes]))
