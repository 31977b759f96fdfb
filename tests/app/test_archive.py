"""A folder among the results, as one file."""

from __future__ import annotations

import io
from pathlib import Path
from zipfile import ZipFile

from app.api.archive import zipped


def test_a_folder_becomes_a_zip_of_the_same_files(tmp_path: Path) -> None:
    """Every file is in it, hidden ones too, under the folder's own name, with its own bytes."""
    folder = tmp_path / "result.zarr"
    files = {".zattrs": b"{}", "0/.zarray": b"[]", "0/0/0/0/0": bytes(range(256)) * 40, "0/0/0/0/1": b""}
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with ZipFile(io.BytesIO(b"".join(zipped(folder)))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {f"result.zarr/{n}": c for n, c in files.items()}


def test_the_zip_is_sent_while_it_is_made(tmp_path: Path) -> None:
    """It comes in pieces, so a large result needs neither memory nor room on the disk."""
    for number in range(20):
        (tmp_path / f"{number}").write_bytes(bytes(1000))
    pieces = list(zipped(tmp_path, piece=2500))
    assert len(pieces) > 5
    assert max(map(len, pieces)) < 5000


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """What it leads to stays where it is; a link inside the folder is a file like any other."""
    (tmp_path / "secret").write_bytes(b"secret")
    folder = tmp_path / "result.zarr"
    folder.mkdir()
    (folder / "own").write_bytes(b"own")
    (folder / "again").symlink_to(folder / "own")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to(tmp_path)
    with ZipFile(io.BytesIO(b"".join(zipped(folder)))) as archive:
        assert archive.namelist() == ["result.zarr/again", "result.zarr/own"]
