"""Download a finished result folder as one zip, made while it is sent and never stored on disk."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from app.api.target import open_project
from app.guard import Refusal
from core.storage.results import lies_inside

_PIECE = 1024 * 1024


def result(request: Request) -> Response:
    """Return a finished folder, such as a zarr, as a zip; refuse with 404 unless the project lists it."""
    project = open_project(request.path_params["project"])
    name = request.path_params["name"]
    for path in (result.path for result in project.results()):
        if path.name == name and path.is_dir():
            headers = {"Content-Disposition": f'attachment; filename="{name}.zip"', "Content-Encoding": "identity"}
            return StreamingResponse(zipped(path), media_type="application/zip", headers=headers)
    raise Refusal(404, "There is no folder of that name among the results; export it first.")


def zipped(folder: Path, piece: int = _PIECE) -> Iterator[bytes]:
    """Yield a folder as a zip, in pieces of about ``piece`` bytes.

    Files are stored uncompressed, because the chunks of a zarr are compressed already. Every path begins with the folder's name.
    A link that leads out of the folder is left out.
    """
    sent, kept = _Sent(), folder.resolve()
    with ZipFile(sent, "w", ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and lies_inside(path, kept):
                member = ZipInfo.from_file(path, f"{folder.name}/{path.relative_to(folder).as_posix()}", strict_timestamps=False)
                with path.open("rb") as file, archive.open(member, "w") as out:
                    shutil.copyfileobj(file, out)
            if sent.size >= piece:
                yield sent.take()
    yield sent.take()


class _Sent(io.RawIOBase):
    """The unsent bytes of a zip, written as to a pipe, without seeking."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def take(self) -> bytes:
        taken, self._parts, self.size = b"".join(self._parts), [], 0
        return taken
