"""Classes and volumes of a project."""

import os
import shutil

import numpy as np
import pytest
import tifffile
from skimage.color import rgb2lab

from core.errors import ProjectError, VolumeError
from core.storage.catalog import PALETTE, Catalog, check_classes
from core.storage.database import MIGRATIONS, LabelClass, Records
from core.volumes import fingerprint


@pytest.fixture
def stack(tmp_path):
    """A volume of 3 slices of 8 x 10 pixels."""
    path = tmp_path / "v.tif"
    tifffile.imwrite(path, np.arange(240, dtype=np.uint8).reshape(3, 8, 10), photometric="minisblack")
    return path


@pytest.fixture
def catalog(tmp_path):
    """An empty catalog."""
    return Catalog(Records(tmp_path / "project.sqlite", create=True))


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["pore"], "1 classes were given .*needs 2 to 64"),
        ([], "0 classes were given"),
        (["a", "a"], "given twice"),
        (["a", " "], "not a valid class name"),
        (["a", "b\n"[:1] + "\x00"], "not a valid class name"),
        (["x"] * 65, "65 classes"),
    ],
)
def test_bad_classes_are_refused(classes, words):
    """Too few, too many, twice or nameless."""
    with pytest.raises(ProjectError, match=words):
        check_classes(classes)


def test_classes_get_ids_and_colours_in_order():
    """The first is the background; no two of the first eight share a colour."""
    made = check_classes(["matrix", "pore", "phase"])
    assert [(c.id, c.name) for c in made] == [(0, "matrix"), (1, "pore"), (2, "phase")]
    assert len({c.color for c in made}) == 3


@pytest.mark.parametrize("color", ["red", "#fff", "#12345g", "#808080;", "#808080\n", 'red"><script>', ""])
def test_a_colour_is_six_digits(catalog, color):
    """Colours stand in pages as they are: others are neither stored nor, where an earlier version stored them, given out."""
    with pytest.raises(ProjectError, match="is not a colour for the class 'pore'"):
        catalog.set_classes([LabelClass(0, "matrix", "#AA00bb"), LabelClass(1, "pore", color)])
    catalog.set_classes([LabelClass(0, "matrix", "#AA00bb"), LabelClass(1, "pore", "#123456")])
    catalog._records.write("UPDATE classes SET color = ? WHERE id = 1", (color,))
    assert [c.color for c in catalog.classes] == ["#AA00bb", PALETTE[1]]


def test_a_class_may_be_renamed_and_appended_but_not_removed(catalog):
    """Labels name classes by id, so an id never goes."""
    catalog.set_classes(["matrix", "pore"])
    catalog.set_classes([LabelClass(0, "matrix", "#000000"), LabelClass(1, "void", "#ff0000"), LabelClass(2, "new", "#00ff00")])
    assert [c.name for c in catalog.classes] == ["matrix", "void", "new"]
    with pytest.raises(ProjectError, match="not removed"):
        catalog.set_classes(["matrix", "void"])


def test_a_volume_is_known_by_shape_and_read_where_it_is(catalog, stack):
    """Its row says what it is; its file is not copied."""
    row = catalog.add_volume(stack, voxel_nm=(5, 5, 5))
    assert (row.index, row.shape, row.dtype, row.voxel_nm) == (0, (3, 1, 8, 10), "uint8", (5.0, 5.0, 5.0))
    assert row.path == stack.resolve()
    assert catalog.volume(0).read(1)[0, 0, 0] == 80


def test_a_volume_has_a_weight(catalog, stack):
    """It is 1 by default; an error names the allowed range."""
    assert catalog.add_volume(stack).weight == 1
    catalog.set_weight(0, 0.5)
    assert catalog.row(0).weight == 0.5
    for weight in (-1, 101, float("nan")):
        with pytest.raises(ProjectError, match=r"allowed are 0 \(left out of training\) to 100, with 1 as the default"):
            catalog.set_weight(0, weight)
    with pytest.raises(ProjectError, match="no volume 1"):
        catalog.set_weight(1, 2)


def test_a_volume_that_has_moved_is_told_and_can_be_found_again(catalog, stack, tmp_path):
    """The sentence says where to give its new place."""
    catalog.add_volume(stack)
    moved = stack.rename(tmp_path / "elsewhere.tif")
    with pytest.raises(VolumeError, match="no longer exists; move it back"):
        catalog.volume(0)
    catalog.move_volume(0, moved)
    assert catalog.volume(0).depth == 3


def test_a_volume_that_has_changed_is_told(catalog, stack):
    """Labels of the old content may not fit the new."""
    catalog.add_volume(stack)
    tifffile.imwrite(stack, np.zeros((3, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match="has changed since it was added"):
        catalog.volume(0)


def test_a_volume_that_is_replaced_while_in_use_is_told(catalog, stack):
    """Also for a file of the same size read just before. With the original restored, the volume is read again."""
    catalog.add_volume(stack)
    original = stack.with_name("original.tif")
    shutil.copy2(stack, original)
    assert catalog.volume(0).read(1)[0, 0, 0] == 80
    tifffile.imwrite(stack, np.zeros((3, 8, 10), np.uint8), photometric="minisblack")
    os.utime(stack, (1, 1))
    catalog._open[0]._next = 0.0
    for _ in range(2):
        with pytest.raises(VolumeError, match="has changed since it was added"):
            catalog.volume(0)
    original.replace(stack)
    assert catalog.volume(0).read(1)[0, 0, 0] == 80


def test_a_volume_that_vanishes_while_in_use_is_told(catalog, stack):
    """Instead of the reader's own words about a file it cannot open."""
    catalog.add_volume(stack)
    catalog.volume(0)
    stack.unlink()
    catalog._open[0]._next = 0.0
    with pytest.raises(VolumeError, match="no longer exists"):
        catalog.volume(0)


def test_another_shape_cannot_take_a_volumes_place(catalog, stack, tmp_path):
    """Moving means the same volume at another place."""
    catalog.add_volume(stack)
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((4, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match="choose the same volume"):
        catalog.move_volume(0, other)


def test_other_content_of_the_same_size_cannot_take_a_volumes_place(catalog, stack, tmp_path):
    """Labels would lie on images they were not painted on; the place that was stays."""
    catalog.add_volume(stack)
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((3, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match=r"other\.tif has the size of volume 0 but holds other values; choose the same volume"):
        catalog.move_volume(0, other)
    assert catalog.volume(0).path == stack


def test_a_copy_with_another_time_takes_a_volumes_place(catalog, stack, tmp_path):
    """Copied files get new times, and may be compressed on the way: the values count."""
    catalog.add_volume(stack)
    for name, options in (("copied.tif", {}), ("packed.tif", {"compression": "zlib"})):
        copy = tmp_path / name
        tifffile.imwrite(copy, tifffile.imread(stack), photometric="minisblack", **options)
        os.utime(copy, (1, 1))
        catalog.move_volume(0, copy)
        assert catalog.volume(0).path == copy
        assert catalog.volume(0).read(1)[0, 0, 0] == 80


def test_a_volume_whose_time_alone_is_new_is_taken_at_its_place(catalog, stack):
    """A restored copy of the original counts as changed until a person enters its path again."""
    catalog.add_volume(stack)
    os.utime(stack, (1, 1))
    with pytest.raises(VolumeError, match="If only its modification time changed, enter its path again"):
        catalog.volume(0)
    catalog.move_volume(0, stack)
    assert catalog.volume(0).depth == 3


def test_a_volume_with_a_slice_that_cannot_be_read_can_still_be_moved(catalog, tmp_path):
    """Values never read are accepted by shape; values read once must be readable again."""
    holes = np.zeros((3, 8, 10), np.float32)
    holes[1, 2, 3] = np.nan
    paths = [tmp_path / name for name in ("holes.tif", "whole.tif", "moved.tif")]
    for path, values in zip(paths, (holes, np.nan_to_num(holes), holes), strict=True):
        tifffile.imwrite(path, values, photometric="minisblack")
        catalog.add_volume(path)
    assert [row.content is None for row in catalog.volumes] == [True, False, True]
    catalog.move_volume(0, paths[2])
    with pytest.raises(VolumeError, match="NaN or infinite"):
        catalog.move_volume(1, paths[2])


@pytest.fixture
def earlier(catalog, stack):
    """A catalog whose volume was added by a version that knew no content."""
    catalog.add_volume(stack)
    catalog._records.write("UPDATE volumes SET content = NULL")
    return catalog


def test_a_project_of_an_earlier_version_opens(tmp_path, stack):
    """Its volumes table gets the new column, and its rows read as before."""
    old = Records(tmp_path / "old.sqlite", create=True, migrations=MIGRATIONS[:1])
    row = (0, str(stack), None, fingerprint(stack), "[3, 1, 8, 10]", "uint8", None, "[]")
    old.write("INSERT INTO volumes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    old.close()
    catalog = Catalog(Records(tmp_path / "old.sqlite"))
    assert catalog.row(0).content is None
    assert catalog.volume(0).read(1)[0, 0, 0] == 80


def test_the_content_of_an_earlier_project_s_volume_is_noted_when_it_is_opened(earlier, stack, tmp_path):
    """From then on another volume is recognised as another, also by values read at the old path."""
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((3, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match="holds other values"):
        earlier.move_volume(0, other)
    assert earlier.row(0).content is not None


def test_an_earlier_project_s_volume_that_has_gone_is_taken_by_its_size(earlier, stack, tmp_path):
    """Its values cannot be known any more; those of the new place are."""
    moved = stack.rename(tmp_path / "elsewhere.tif")
    earlier.move_volume(0, moved)
    assert earlier.row(0).content is not None


def test_all_volumes_have_the_same_channels(catalog, stack, tmp_path):
    """One model reads them all."""
    catalog.add_volume(stack)
    other = tmp_path / "two.tif"
    tifffile.imwrite(other, np.zeros((3, 2, 8, 10), np.uint8), imagej=True, metadata={"axes": "ZCYX"})
    with pytest.raises(VolumeError, match="2 channels, the project's first volume has 1"):
        catalog.add_volume(other)


def test_a_region_is_kept_and_filled(catalog, stack):
    """Polygon corners are (y, x); no region means the whole slice."""
    catalog.add_volume(stack)
    assert catalog.region_mask(0) is None
    catalog.set_region(0, [((0, 0), (0, 5), (4, 5), (4, 0))])
    mask = catalog.region_mask(0)
    assert mask[1, 1]
    assert not mask[6, 8]
    assert catalog.region_mask(0) is mask
    catalog.set_region(0, [((4, 0), (4, 5), (9, 5), (9, 0))])
    assert catalog.region_mask(0)[6, 1]
    catalog.set_region(0, [])
    assert catalog.region_mask(0) is None


@pytest.mark.parametrize(
    ("polygon", "words"), [(((0, 0), (1, 1)), "three corners"), (((90, 90), (90, 99), (99, 99)), "covers no pixel")]
)
def test_a_region_without_area_is_refused(catalog, stack, polygon, words):
    """Else nothing could ever be trained."""
    catalog.add_volume(stack)
    with pytest.raises(ProjectError, match=words):
        catalog.set_region(0, [polygon])


@pytest.mark.parametrize("voxel", [(0, 5, 5), (5, -1, 5), (float("nan"), 5, 5), (5, 5)])
def test_a_voxel_size_is_three_positive_numbers(catalog, stack, voxel):
    """Anything else is refused, and the old value stays."""
    catalog.add_volume(stack, voxel_nm=(5, 5, 5))
    with pytest.raises(VolumeError):
        catalog.set_voxel_size(0, voxel)
    assert catalog.row(0).voxel_nm == (5.0, 5.0, 5.0)


def test_no_two_default_colours_look_alike():
    """Twenty colours, each at least 25 apart from every other in CIE Lab, and but for the background none near to grey."""
    rgb = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in PALETTE], np.uint8)
    lab = rgb2lab(rgb[None])[0]
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=2)
    assert len(PALETTE) == 20
    assert apart[np.triu_indices(len(PALETTE), 1)].min() > 25
    assert np.hypot(lab[1:, 1], lab[1:, 2]).min() > 25
    assert [c.color for c in check_classes([f"class {i}" for i in range(20)])] == list(PALETTE)
