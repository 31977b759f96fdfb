"""A header may promise any size: nothing is read that does not fit into memory, and nothing is allocated for it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile
import zarr

from core.errors import VolumeError
from core.geometry import SliceId
from core.project import Project
from core.storage.prediction_cache import PredictionStore
from core.volumes import available_memory as module
from core.volumes import open_volume
from core.volumes.available_memory import available_memory
from core.volumes.label_files import LabelFile

GIB = 2**30
WIDE = 200_000
"""The side of a slice of 37 GiB."""


def tiff(path: Path, side: int, *, pages: int = 2, compression: int = 8, stored: int = 0, tile: int = 0) -> Path:
    """A classic TIFF of slices without pixels, which says that it stores so many bytes in each, or left them out."""
    where = [(322, tile), (323, tile), (324, 8), (325, stored)] if tile else [(273, 8), (278, side), (279, stored)]
    tags = sorted([(256, side), (257, side), (258, 8), (259, compression), (262, 1), (277, 1), *where])
    table = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    size = len(table) + 4
    places = [8 + number * size for number in range(1, pages)] + [0]
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + b"".join(table + struct.pack("<I", place) for place in places))
    return path


def png(path: Path, width: int, height: int) -> Path:
    """A PNG of that size in its header and of a hundred pixels in its data."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def array(path: Path, shape: tuple[int, ...], chunks: tuple[int, ...], zarr_format: int = 3) -> Path:
    """A zarr of which no chunk was ever written."""
    zarr.create_array(path, shape=shape, chunks=chunks, dtype="uint8", zarr_format=zarr_format)  # type: ignore[arg-type]
    return path


def folder(path: Path) -> Path:
    """A folder of one TIFF image."""
    path.mkdir()
    return tiff(path / "a.tif", WIDE, pages=1).parent


LIES: dict[str, Callable[[Path], Path]] = {
    "v.tif": lambda path: tiff(path, WIDE),
    "counted.tif": lambda path: tiff(path, WIDE, stored=8),
    "one-large-tile.tif": lambda path: tiff(path, 64, tile=2**20, stored=8),
    "folder": folder,
    "slice.zarr": lambda path: array(path, (2, WIDE, WIDE), (1, 64, 64)),
    "chunk.zarr": lambda path: array(path, (4000, 64, 64), (4000, 4096, 4096)),
    "v2.zarr": lambda path: array(path, (4000, 64, 64), (4000, 4096, 4096), zarr_format=2),
}

READ = """
import resource, sys
from core.errors import VolumeError
from core.geometry import SliceId
from core.volumes import open_volume
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
for path in sys.argv[1:]:
    try:
        open_volume(path).read(0)
    except VolumeError as error:
        print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.fixture
def one_gib(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one GiB to spare."""
    monkeypatch.setattr(module, "available_memory", lambda: GIB)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits and tells it like this")
def test_no_lie_takes_memory(tmp_path: Path) -> None:
    """Every file of a few hundred bytes that asks for tens of GiB is refused in a sentence, within 200 MiB."""
    paths = [make(tmp_path / name) for name, make in LIES.items()]
    assert paths[0].stat().st_size == 236
    done = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=True)
    *sentences, peak = done.stdout.splitlines()
    assert [str(path) in line for path, line in zip(paths, sentences, strict=True)] == [True] * len(paths)
    assert all("of memory to read and" in line or "is cut short" in line for line in sentences), sentences
    assert int(peak) < 200 * 1024


@pytest.mark.parametrize("name", LIES)
def test_a_slice_beyond_the_memory_is_refused_when_its_volume_is_opened(tmp_path: Path, one_gib: None, name: str) -> None:
    """The sentence names the file and both amounts."""
    path = LIES[name](tmp_path / name)
    with pytest.raises(VolumeError, match=r"takes [\d,.]+ GiB of memory to read and 1\.0 GiB are available"):
        open_volume(path)


def test_memory_is_looked_at_again_before_every_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume opened while there was room is not read once there is none."""
    monkeypatch.setattr(module, "available_memory", lambda: 100 * GIB)
    volume = open_volume(array(tmp_path / "v.zarr", (2, 20_000, 20_000), (1, 1000, 1000)))
    monkeypatch.setattr(module, "available_memory", lambda: GIB // 4)
    with pytest.raises(VolumeError, match=r"0\.2 GiB are available"):
        volume.read(0)


@pytest.mark.parametrize("compression", [1, 5, 8, 32773, 32946])
def test_a_page_that_promises_more_than_its_bytes_can_hold_is_cut_short(tmp_path: Path, compression: int) -> None:
    """Whatever memory there is: nine megapixels never were in eight bytes."""
    path = tiff(tmp_path / "v.tif", 3000, compression=compression, stored=8)
    with pytest.raises(VolumeError, match="cut short"):
        open_volume(path).read(0)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits"])
def test_the_emptiest_page_is_read(tmp_path: Path, compression: str) -> None:
    """What compresses best is no lie: one value in all pixels, also as bits."""
    for dtype in (np.uint8, np.bool_):
        tifffile.imwrite(tmp_path / "v.tif", np.zeros((2, 1500, 1500), dtype), compression=compression, photometric="minisblack")
        assert not open_volume(tmp_path / "v.tif").read(1).any()


def test_a_page_that_lacks_tiles_is_cut_short(tmp_path: Path) -> None:
    """One tile of 64 x 64 pixels is no slice of 3000 x 3000."""
    with pytest.raises(VolumeError, match="cut short"):
        open_volume(tiff(tmp_path / "v.tif", 3000, tile=64, stored=8)).read(0)


def test_parts_that_a_writer_left_out_are_read_as_nothing(tmp_path: Path) -> None:
    """As GDAL does with empty tiles; there is memory enough for these."""
    assert not open_volume(tiff(tmp_path / "v.tif", 300)).read(1).any()


def test_a_strip_that_unpacks_to_more_than_it_says_takes_no_memory(tmp_path: Path) -> None:
    """64 MiB of zeros in a strip of 64 x 64 pixels end at the pixels."""
    bomb = zlib.compress(bytes(64 * 2**20))
    path = tiff(tmp_path / "v.tif", 64, stored=len(bomb))
    content = path.read_bytes().replace(struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, 1, 236))
    path.write_bytes(content + bomb)
    with pytest.raises(VolumeError, match="damaged"):
        open_volume(path).read(0)


def test_a_picture_that_lies_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond Pillow's limit when the folder is opened, beyond the memory too."""
    png(tmp_path / "a.png", WIDE, WIDE)
    with pytest.raises(VolumeError, match="more pixels than a PNG or JPEG image may have"):
        open_volume(tmp_path)
    with pytest.raises(VolumeError, match="more pixels than a PNG or JPEG image may have"):
        open_volume(tmp_path / "a.png")
    png(tmp_path / "a.png", 9_000, 9_000)
    monkeypatch.setattr(module, "available_memory", lambda: GIB // 8)
    with pytest.raises(VolumeError, match=r"takes 0\.2 GiB of memory to read and 0\.1 GiB are available"):
        open_volume(tmp_path)


@pytest.mark.parametrize("pages", [1, 2])
def test_a_label_file_that_lies_is_refused(tmp_path: Path, one_gib: None, pages: int) -> None:
    """A single page is no volume, and looked at all the same."""
    path = tiff(tmp_path / "labels.tif", WIDE, pages=pages)
    with pytest.raises(VolumeError, match="of memory to read"):
        LabelFile(path, (WIDE, WIDE), 2)


def test_a_volume_that_lies_is_not_added(tmp_path: Path, one_gib: None) -> None:
    """A project with it is not made."""
    path = tiff(tmp_path / "v.tif", WIDE)
    with pytest.raises(VolumeError, match="of memory to read"):
        Project.create(tmp_path, "toy", volumes=[path], classes=["a", "b"])
    assert not (tmp_path / "data" / "toy").exists()


def test_a_kept_prediction_that_lies_counts_as_absent(tmp_path: Path, one_gib: None) -> None:
    """As any damaged one."""
    (tmp_path / "round-001" / "volume-0").mkdir(parents=True)
    tiff(tmp_path / "round-001" / "volume-0" / "slice-00000.tif", WIDE)
    assert PredictionStore(tmp_path).load(1, SliceId(0, 0)) is None


def test_running_out_of_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system gives less than it said."""
    volume = open_volume(tiff(tmp_path / "v.tif", 64))

    def fails(z: int) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(volume, "_read", fails)
    with pytest.raises(VolumeError, match="not enough memory to read slice 1"):
        volume.read(1)


MEMORY = "".join(f"{name}: {kb} kB\n" for name, kb in (("MemTotal", 16777216), ("MemFree", 4194304), ("MemAvailable", 8388608)))
"""What Linux tells of a machine with 8 GiB left."""


def test_the_least_of_machine_and_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has 8 GiB, the group 2 of which 1.5 are used, 0.5 of these by files that can go; the group around it 4."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(MEMORY)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(proc))
    assert available_memory(proc, groups) == 8 * GIB
    (proc / "self" / "cgroup").write_text("0::/a/b\n")
    (groups / "a" / "b").mkdir(parents=True)
    (groups / "a" / "memory.max").write_text(f"{4 * GIB}\n")
    (groups / "a" / "memory.current").write_text(f"{GIB}\n")
    assert available_memory(proc, groups) == 3 * GIB
    (groups / "a" / "b" / "memory.max").write_text(f"{2 * GIB}\n")
    (groups / "a" / "b" / "memory.current").write_text(f"{3 * GIB // 2}\n")
    (groups / "a" / "b" / "memory.stat").write_text(f"anon 1\ninactive_file {GIB // 4}\nactive_file {GIB // 4}\n")
    assert available_memory(proc, groups) == GIB
    (groups / "a" / "b" / "memory.max").write_text("max\n")
    assert available_memory(proc, groups) == 3 * GIB


def test_the_older_control_groups_count_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inside a container the path is that of the host, and its limit lies at the root."""
    proc, groups = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(MEMORY)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(proc))
    (proc / "self" / "cgroup").write_text("5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n")
    (groups / "memory").mkdir(parents=True)
    (groups / "memory" / "memory.limit_in_bytes").write_text(f"{2 * GIB}\n")
    (groups / "memory" / "memory.usage_in_bytes").write_text(f"{3 * GIB}\n")
    (groups / "memory" / "memory.stat").write_text(f"total_inactive_file {GIB}\ntotal_active_file {GIB}\n")
    assert available_memory(proc, groups) == GIB


def test_this_machine_tells() -> None:
    """Wherever the tests run, there is some memory, and not more than any machine has."""
    assert 64 * 2**20 < available_memory() < 2**50
