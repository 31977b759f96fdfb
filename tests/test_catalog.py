"""Classes and volumes of a project."""

import numpy as np
import pytest
import tifffile

from core.catalog import Catalog, check_classes
from core.errors import ProjectError, VolumeError
from core.records import LabelClass, Records


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
        (["a", " "], "no class name"),
        (["a", "b\n"[:1] + "\x00"], "no class name"),
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


def test_a_volume_that_has_moved_is_told_and_can_be_found_again(catalog, stack, tmp_path):
    """The sentence says where to give its new place."""
    catalog.add_volume(stack)
    moved = stack.rename(tmp_path / "elsewhere.tif")
    with pytest.raises(VolumeError, match="is not there any more; move it back"):
        catalog.volume(0)
    catalog.move_volume(0, moved)
    assert catalog.volume(0).depth == 3


def test_a_volume_that_has_changed_is_told(catalog, stack):
    """Labels of the old content may not fit the new."""
    catalog.add_volume(stack)
    tifffile.imwrite(stack, np.zeros((3, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match="has changed since it was added"):
        catalog.volume(0)


def test_another_shape_cannot_take_a_volumes_place(catalog, stack, tmp_path):
    """Moving means the same volume at another place."""
    catalog.add_volume(stack)
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, np.zeros((4, 8, 10), np.uint8), photometric="minisblack")
    with pytest.raises(VolumeError, match="choose the same volume"):
        catalog.move_volume(0, other)


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
    """Anything else is refused, and what was there stays."""
    catalog.add_volume(stack, voxel_nm=(5, 5, 5))
    with pytest.raises(VolumeError):
        catalog.set_voxel_size(0, voxel)
    assert catalog.row(0).voxel_nm == (5.0, 5.0, 5.0)
