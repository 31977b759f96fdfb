"""Send requests, websocket handshakes and files that nobody would mean, each from a number: the same number is the same case.

A case passes if it is answered, refused in one sentence, or read; it fails by a traceback, a status of 500, a process that
dies, hangs or takes more than 2 GB.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import tifffile
from apart import MEMORY, answer, limit_memory, peak_memory

ANSWER_S = 20.0
"""Longest time for a request or a file."""

_SILENCE_S = 2.0
"""Longest wait at an odd handshake: the server may leave one without an answer, as long as it answers others."""


@dataclass(frozen=True)
class Case:
    """One case: its kind, what it was, and the fault found, "" for none."""

    kind: str
    what: str
    fault: str


# ---- requests

_NUMBERS = ("0", "1", "2", "7", "-1", "9" * 18, "9" * 5000, "1e3", "0x1", "%D9%A3", "", "00", "1.0", "NaN")
_NAMES = ("toy", "..", ".", "%2e%2e", "toy%00", "nothing", "a" * 5000, "%2Fetc", "toy.zip", "💥", ".access-key", "con")
_VERBS = ("slice", "steps", "grey", "histogram", "pixel", "heat", "thumbnail.png", "news", "suggestion", "superpixels", "preview")
_CHANGES = ("patch/1", "patch/{n}", "claim", "undo", "put_off", "rebase")
_QUERIES = ("window", "round", "sequence", "channel", "second", "mix", "lo", "hi", "cut", "smooth", "side", "layer", "box", "y0")
_QUERIES += ("y1", "x0", "x1", "x", "y", "level", "from", "closing", "active_ms", "v", "key", "tile", "row", "rows", "size")
_VALUES = (*_NUMBERS, "inf", "-inf", "1,2,3,4", "0,0,9,9", "4,4,1,1", "a", "image", "mask", "%", "\x00", "é" * 300, "[]", "null")
_HEADERS = (
    ("Host", "evil.example"),
    ("Host", "[::"),
    ("Origin", "null"),
    ("Origin", "http://" + "a" * 9000),
    ("Cookie", "underpaint-8501=" + "\xff" * 50),
    ("Cookie", ";;=;=" * 500),
    ("Sec-Fetch-Site", "cross-site"),
    ("X-Underpaint-Token", "." * 4000),
    ("X-Underpaint-Token", "\xe9.\xe9"),
    ("X-Underpaint-Created", "\xff" * 50),
    ("Content-Type", "multipart/form-data"),
    ("Accept", "text/html"),
    ("Accept-Encoding", "\xff, *;q=9"),
    ("Range", "bytes=9-1,-5,a-b"),
    ("If-None-Match", "\xff"),
)


def requests(workspace: Path, numbers: list[int]) -> list[tuple[int, str, str]]:
    """Send the requests of some numbers to the app's routes in this process; number, address and fault of each."""
    os.environ["UNDERPAINT_WORKSPACE"] = str(workspace)
    from tests.toy import browser

    found = []
    with browser() as client:
        known = dict(client.cookies), dict(client.headers)
        for number in numbers:
            found.append((number, *_asked(client, random.Random(number))))
            client.cookies.clear()
            client.cookies.update(known[0])
            client.headers = known[1]  # type: ignore[assignment]
    if (held := peak_memory()) > MEMORY:
        found.append((-1, "all requests", f"took {held / 2**30:.1f} GiB"))
    return found


def _asked(client: Any, chance: random.Random) -> tuple[str, str]:
    path, change = _path(chance)
    query = "&".join(f"{chance.choice(_QUERIES)}={quote(chance.choice(_VALUES))}" for _ in range(chance.choice((0, 0, 1, 3))))
    address = f"{path}?{query}" if query else path
    headers = dict(chance.sample(_HEADERS, chance.choice((0, 0, 0, 1, 2))))
    if chance.random() < 0.1:
        client.cookies.clear()
    if change and chance.random() < 0.1:
        client.headers.pop("X-Underpaint-Token", None)
    method = "POST" if change else chance.choice(("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"))
    told = f"{method} {address[:120]}"
    started = time.monotonic()
    try:
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        got = client.request(method, address, headers=encoded, content=_body(chance) if change else None, follow_redirects=False)
    except Exception as error:
        return told, "" if type(error).__name__ in ("InvalidURL", "LocalProtocolError") else f"raised {error!r}"
    if got.status_code == 500 or "Traceback" in got.text:
        return told, f"{got.status_code}: {got.text[:200]}"
    late = time.monotonic() - started
    return told, f"took {late:.0f} s" if late > ANSWER_S else ""


def _path(chance: random.Random) -> tuple[str, bool]:
    name = "toy" if chance.random() < 0.8 else chance.choice(_NAMES)  # most reach the routes' own work
    volume = "0" if chance.random() < 0.8 else chance.choice(_NUMBERS)
    z = chance.choice(("0", "2", "8", "11")) if chance.random() < 0.8 else chance.choice(_NUMBERS)
    slice_ = f"/underpaint/api/{name}/{volume}/{z}"
    where = chance.random()
    if where < 0.4:
        return f"{slice_}/{chance.choice(_CHANGES).format(n=chance.choice(_NUMBERS))}", True
    if where < 0.75:
        return f"{slice_}/{chance.choice(_VERBS)}", False
    if where < 0.85:
        return f"/underpaint/api/{name}/moments/{chance.choice(_NUMBERS)}/{chance.choice(_NUMBERS)}.png", False
    if where < 0.92:
        return f"/underpaint/api/{name}/results/{chance.choice(_NAMES)}{chance.choice(('', '.zip', '.tif'))}", False
    return (
        f"/underpaint/static/{chance.choice(_NAMES)}/{chance.choice(('editor.js', '../guard.py', '%2e%2e/guard.py', '//x'))}",
        False,
    )


def _body(chance: random.Random) -> bytes:
    runs = np.array([(chance.randrange(60), chance.randrange(9), chance.choice((0, 1, 257, 511)))], "<u4").tobytes()
    wish: dict[str, Any] = {"id": "a", "sequence": 1, "kind": "slice", "revision": None, "round": None, "box": [0, 0, 3, 3]}
    for name in chance.sample(sorted(wish), chance.randrange(4)):
        odd: list[Any] = [None, -1, 2**70, 1e400, "\0", [], {}, True, [1, 2], [0, 0, 2**40, 1], "x" * 70, 0.5]
        wish[name] = chance.choice(odd)
    return chance.choice(
        [
            b"",
            runs,
            runs + b"1",
            runs * 2,
            chance.randbytes(chance.randrange(1, 400)),
            json.dumps(wish).encode(),
            json.dumps(wish).encode(),
            json.dumps(wish).encode()[:-3],
            b"[" * 100_000,
            b'{"id":"a","sequence":' + b"9" * 5000 + b"}",
            b"\xff\xfe{}",
        ]
    )


# ---- websocket handshakes


def handshakes(port: int, numbers: list[int]) -> Iterator[Case]:
    """Begin odd websockets at a server, each on a connection of its own."""
    for number in numbers:
        chance = random.Random(number)
        head = _handshake(chance, port)
        what = head.decode("latin-1").replace("\r\n", " | ")[:160]
        yield Case("handshake", f"{number}: {what}", _shaken(port, head))


def _handshake(chance: random.Random, port: int) -> bytes:
    names = {
        "Host": chance.choice((f"127.0.0.1:{port}", "evil.example", "", "[", "127.0.0.1:99999999")),
        "Upgrade": chance.choice(("websocket", "WebSocket, h2c", "", "\xff")),
        "Connection": chance.choice(("Upgrade", "keep-alive, Upgrade", "close")),
        "Origin": chance.choice((f"http://127.0.0.1:{port}", "http://localhost:3000", "null", "http://[", "\xe9")),
        "Sec-WebSocket-Version": chance.choice(("13", "8", "9" * 5000, "")),
        "Sec-WebSocket-Key": chance.choice(("dGhlIHNhbXBsZSBub25jZQ==", "", "=", "A" * 3000, "\x80")),
        "Sec-WebSocket-Protocol": chance.choice(("streamlit", "streamlit, a, b", ",,,", "\x7f")),
        "Sec-WebSocket-Extensions": chance.choice(("", "permessage-deflate; client_max_window_bits=99", ";;;")),
        "Cookie": chance.choice((f"underpaint-{port}=x", "=;" * 2000, "a" * 20000)),
    }
    for name in chance.sample(sorted(names), chance.randrange(5)):
        del names[name]
    path = chance.choice(
        ("/_stcore/stream", "/_stcore/stream?key=" + "9" * 3000, "/", "//", "/%00", "/underpaint/api/toy/0/0/slice")
    )
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in names.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + chance.choice((b"", chance.randbytes(40)))


def _shaken(port: int, head: bytes) -> str:
    said = b""
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=_SILENCE_S)) as connection:
        connection.sendall(head)
        said = connection.recv(4096)
    status = said.split(b" ", 2)[1:2]
    if status == [b"101"]:
        return "the handshake was accepted without the key"
    if status == [b"500"] or b"Traceback" in said:
        return f"answered {said[:200]!r}"
    return _answers(port)


def _answers(port: int) -> str:
    """Return a fault if a server does not answer a plain request any more."""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=ANSWER_S)) as connection:
            connection.sendall(f"GET /_stcore/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            said = connection.recv(64)
    except OSError as error:
        return f"the server answers nobody any more: {error!r}"
    return "" if said.startswith(b"HTTP/1.1 401") else f"without the key, the server then answered {said!r}"


# ---- files


def files(numbers: list[int], scratch: Path, workspace: Path) -> Iterator[Case]:
    """Read damaged files, each in a process of its own."""
    kinds = list(_SEEDS)
    for number in numbers:
        kind = kinds[number % len(kinds)]
        folder = scratch / f"file-{number}"
        said = answer(_read_damaged, kind, number, folder, workspace, seconds=ANSWER_S)
        shutil.rmtree(folder, ignore_errors=True)
        what, fault = said if isinstance(said, tuple) else ("", str(said))
        yield Case(kind, f"{number}: {what}", fault)


def _read_damaged(kind: str, number: int, folder: Path, workspace: Path) -> tuple[str, str]:
    from core.errors import UnderpaintError

    limit_memory()
    chance = random.Random(number)
    write, read = _SEEDS[kind]
    folder.mkdir()
    damaged = write(folder, workspace)
    what = _damage(chance, chance.choice(damaged))
    try:
        read(folder)
        fault = ""
    except UnderpaintError as error:
        fault = "" if str(error) else f"no sentence: {error!r}"
    if (held := peak_memory()) > MEMORY:
        fault = f"took {held / 2**30:.1f} GiB"
    return what, fault


def _damage(chance: random.Random, file: Path) -> str:
    """Change a file in place; what was done."""
    content = bytearray(file.read_bytes())
    size = len(content)
    how = chance.choice(("bits", "bits", "number", "number", "cut", "zeros", "twice", "text"))
    at = chance.randrange(max(1, min(size, 600) if chance.random() < 0.7 else size))
    if how == "bits":
        for _ in range(chance.randint(1, 8)):
            content[chance.randrange(min(size, 600))] ^= 1 << chance.randrange(8)
    elif how == "number":
        content[at : at + 4] = struct.pack("<I", chance.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 200_000, 65_536)))
    elif how == "cut":
        del content[chance.randrange(size) :]
    elif how == "zeros":
        content[at : at + 64] = bytes(len(content[at : at + 64]))
    elif how == "twice":
        content[at:at] = content[at : at + 200]
    else:
        _damage_text(chance, content)
    file.write_bytes(content)
    return f"{file.name}, {how}"


def _damage_text(chance: random.Random, content: bytearray) -> None:
    """Put an odd value in place of a number, or anywhere."""
    import re

    odd = chance.choice((b"9" * 5000, b"-1", b"1e999", b"null", b'"\\u0000"', b"[" * 3000, b"{}", b"4294967296", b"NaN"))
    numbers = [found.span() for found in re.finditer(rb"(?<![\w.])\d+(?![\w.])", bytes(content))]
    start, end = chance.choice(numbers) if numbers else (len(content) // 2,) * 2
    content[start:end] = odd


def _stack() -> Any:
    return np.arange(3 * 40 * 48, dtype=np.uint16).reshape(3, 40, 48) // 23


def _write_tiff(folder: Path, workspace: Path) -> list[Path]:
    compression = "zlib" if len(folder.name) % 2 else None
    tifffile.imwrite(folder / "a.tif", _stack(), photometric="minisblack", compression=compression, metadata={"axes": "ZYX"})
    return [folder / "a.tif"]


def _write_zarr(folder: Path, workspace: Path) -> list[Path]:
    import zarr

    made = zarr.create_array(
        folder / "a.zarr", shape=(3, 40, 48), chunks=(1, 32, 32), dtype="uint8", dimension_names=["z", "y", "x"]
    )
    made[:] = (_stack() % 251).astype(np.uint8)
    found = sorted(path for path in (folder / "a.zarr").rglob("*") if path.is_file())
    return [*found, *[path for path in found if path.name == "zarr.json"] * len(found)]


def _write_png(folder: Path, workspace: Path) -> list[Path]:
    from PIL import Image

    (folder / "slices").mkdir()
    for z, page in enumerate(_stack()):
        Image.fromarray(page.astype(np.uint8)).save(folder / "slices" / f"{z}.png")
    return sorted((folder / "slices").iterdir())


def _open_all(folder: Path) -> None:
    """Open what lies in a folder as a volume, and read its ends."""
    from core.volumes import open_volume

    (path,) = folder.iterdir()
    volume = open_volume(path)
    try:
        for z in {0, volume.depth - 1}:
            volume.read(z)
    finally:
        volume.close()


def _copy_project(folder: Path, workspace: Path) -> Path:
    return Path(shutil.copytree(workspace, folder / "workspace"))


def _write_labels(folder: Path, workspace: Path) -> list[Path]:
    _copy_project(folder, workspace)
    tifffile.imwrite(folder / "labels.tif", np.ones((12, 160, 160), np.uint8), photometric="minisblack", compression="zlib")
    return [folder / "labels.tif"]


def _import_labels(folder: Path) -> None:
    _project(folder).labels.import_file(folder / "labels.tif")


def _project(folder: Path) -> Any:
    from core.project import Project

    return Project.open(folder / "workspace", "toy")


def _write_checkpoint(name: str) -> Callable[[Path, Path], list[Path]]:
    def write(folder: Path, workspace: Path) -> list[Path]:
        return [_copy_project(folder, workspace) / "checkpoints" / "toy" / "round-001" / name]

    return write


def _predict(folder: Path) -> None:
    shutil.rmtree(folder / "workspace" / "data" / "toy" / "predictions", ignore_errors=True)
    project = _project(folder)
    project.models.rounds()
    project.models.predict_slice(0, 4)


def _write_records(folder: Path, workspace: Path) -> list[Path]:
    records = _copy_project(folder, workspace) / "data" / "toy" / "project.sqlite"
    content = bytearray(records.read_bytes())
    chance = random.Random(folder.name)
    for _ in range(3):  # further pages than the first, which the damage itself prefers
        page = chance.randrange(len(content) // 4096)
        at = 4096 * page + chance.randrange(200)
        content[at : at + 8] = chance.randbytes(8)
    records.write_bytes(content)
    return [records]


def _read_records(folder: Path) -> None:
    """Read everything that the pages show."""
    project = _project(folder)
    for read in (
        lambda: project.classes,
        lambda: project.volumes,
        lambda: project.models.rounds(),
        lambda: project.proposals(),
        lambda: project.results(),
        lambda: project.jobs.current(),
        lambda: project.labels.validation_summary(),
        *[lambda z=z: (project.labels.of(0, z), project.labels.editing(0, z, round_=0)) for z in range(12)],
    ):
        _or_refused(read)


def _or_refused(read: Callable[[], object]) -> None:
    from core.errors import UnderpaintError

    with suppress(UnderpaintError):
        read()


_SEEDS: dict[str, tuple[Callable[[Path, Path], list[Path]], Callable[[Path], None]]] = {
    "TIFF": (_write_tiff, _open_all),
    "zarr": (_write_zarr, _open_all),
    "PNG": (_write_png, _open_all),
    "label file": (_write_labels, _import_labels),
    "JSON card": (_write_checkpoint("card.json"), _predict),
    "safetensors": (_write_checkpoint("weights.safetensors"), _predict),
    "SQLite pages": (_write_records, _read_records),
}
