"""Labels: cumulative revisions, permanent roles, validation made by itself."""

import numpy as np
import pytest

from core.config import ValidationConfig
from core.errors import LabelError
from core.geometry import Box, SliceId
from core.storage.database import Records
from core.storage.labels import Claim, LabelStore, Role, Work, choose_tile

SHAPE = (256, 256)


@pytest.fixture
def store(tmp_path):
    """An empty label store."""
    return LabelStore(Records(tmp_path / "project.sqlite", create=True))


def everything(value=0):
    """A mask of one class with a square of another, and a raster that claims all of it."""
    mask = np.full(SHAPE, value, np.uint8)
    mask[40:60, 40:60] = 1
    return mask, np.ones(SHAPE, bool)


def some(box):
    """A raster that claims a box."""
    claimed = np.zeros(SHAPE, bool)
    claimed[box.slices] = True
    return claimed


def test_a_claim_overlays_what_was_claimed_before(store):
    """A revision is cumulative: the new pixels on top of the old, 255 elsewhere."""
    ones, twos = np.full(SHAPE, 1, np.uint8), np.full(SHAPE, 2, np.uint8)
    store.claim(SliceId(0, 5), ones, some(Box(0, 0, 2, 2)), Claim.strokes())
    store.claim(SliceId(0, 5), twos, some(Box(1, 1, 3, 3)), Claim.strokes())
    assert store.label(SliceId(0, 5), SHAPE)[:4, :4].tolist() == [
        [1, 1, 255, 255],
        [1, 2, 2, 255],
        [255, 2, 2, 255],
        [255, 255, 255, 255],
    ]


def test_undo_points_back_step_by_step(store):
    """The revision before is the label again, down to no label at all."""
    first = store.claim(SliceId(0, 5), np.full(SHAPE, 1, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    store.claim(SliceId(0, 5), np.full(SHAPE, 2, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    assert store.undo(SliceId(0, 5)).id == first.id
    assert store.label(SliceId(0, 5), SHAPE)[0, 0] == 1
    assert store.undo(SliceId(0, 5)) is None
    assert (store.label(SliceId(0, 5), SHAPE) == 255).all()
    with pytest.raises(LabelError, match="nothing to undo"):
        store.undo(SliceId(0, 5))


def test_a_revision_is_laid_over_a_mask(store):
    """Class ids where claimed, 255 where claimed as undecidable, the mask everywhere else."""
    mask = np.full(SHAPE, 1, np.uint8)
    mask[0, 1] = 255
    first = store.claim(SliceId(0, 5), mask, some(Box(0, 0, 1, 2)), Claim.strokes())
    store.claim(SliceId(0, 5), np.full(SHAPE, 2, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    seen = np.full(SHAPE, 7, np.uint8)
    store.lay_over(seen, first)
    assert seen[:2, :3].tolist() == [[1, 255, 7], [7, 7, 7]]


def test_only_the_revision_that_was_meant_is_taken_back(store):
    """An undo of an older revision raises and changes nothing."""
    first = store.claim(SliceId(0, 5), np.full(SHAPE, 1, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    second = store.claim(SliceId(0, 5), np.full(SHAPE, 2, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    with pytest.raises(LabelError, match="a newer saved label than the one to undo"):
        store.undo(SliceId(0, 5), revision=first.id)
    assert store.head(SliceId(0, 5)) == second
    assert store.undo(SliceId(0, 5), revision=second.id) == first


def test_what_belongs_to_an_undo_happens_with_it_or_not_at_all(store):
    """It sees the previous label as the newest; if it fails, the undo fails too."""
    first = store.claim(SliceId(0, 5), np.full(SHAPE, 1, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    second = store.claim(SliceId(0, 5), np.full(SHAPE, 2, np.uint8), some(Box(0, 0, 2, 2)), Claim.strokes())
    seen = []

    def look(_db):
        seen.append(store.head(SliceId(0, 5)))
        raise LabelError("no")

    with pytest.raises(LabelError, match="no"):
        store.undo(SliceId(0, 5), also=look)
    assert seen == [first]
    assert store.head(SliceId(0, 5)) == second


def test_a_whole_slice_makes_validation_by_itself(store):
    """About the wanted share is held back, with a margin around it that is neither trained on nor scored."""
    revision = store.claim(SliceId(0, 5), *everything(), Claim.slice())
    roles = store.roles(SliceId(0, 5), SHAPE)
    share = (roles == Role.VALIDATION).mean()
    assert 0.03 < share < 0.08
    assert revision.validation_pixels == (roles == Role.VALIDATION).sum()
    (tile,) = store.tiles(0)
    near = np.zeros(SHAPE, bool)
    near[tile.grown(32, SHAPE).slices] = True
    assert (near == (roles != Role.TRAIN)).all()


def test_the_tile_is_a_column_through_all_slices(store):
    """A neighbouring slice, a near copy, is held back at the same place."""
    store.claim(SliceId(0, 5), *everything(), Claim.slice())
    store.claim(SliceId(0, 6), *everything(), Claim.slice())
    assert (store.roles(SliceId(0, 5), SHAPE) == store.roles(SliceId(0, 6), SHAPE)).all()


def test_strokes_never_validate_but_a_later_slice_claim_may(store):
    """Strokes in the tile are held back; once the whole slice is claimed, they validate."""
    store.claim(SliceId(0, 5), *everything(), Claim.slice())
    (tile,) = store.tiles(0)
    mask, _ = everything()
    store.claim(SliceId(0, 9), mask, some(tile), Claim.strokes())
    assert set(np.unique(store.roles(SliceId(0, 9), SHAPE)[tile.slices])) == {Role.HELD}
    store.claim(SliceId(0, 9), *everything(), Claim.slice())
    assert set(np.unique(store.roles(SliceId(0, 9), SHAPE)[tile.slices])) == {Role.VALIDATION}


def test_a_model_selected_slice_never_validates(store):
    """Model-selected slices are harder than most: the tile is held back but not scored."""
    store.claim(SliceId(0, 5), *everything(), Claim.slice())
    store.claim(SliceId(0, 9), *everything(), Claim.slice(), hold_back=False)
    (tile,) = store.tiles(0)
    assert set(np.unique(store.roles(SliceId(0, 9), SHAPE)[tile.slices])) == {Role.HELD}


def test_what_was_trained_on_never_validates(store):
    """Strokes first: the tile is placed clear of them, on every slice of the volume."""
    mask, _ = everything()
    store.claim(SliceId(0, 5), mask, some(Box(0, 0, 256, 128)), Claim.strokes())
    store.claim(SliceId(0, 40), *everything(), Claim.slice())
    (tile,) = store.tiles(0)
    assert tile.grown(32, SHAPE).x0 >= 128


def test_no_tile_where_everything_is_trained_on(store):
    """Then nothing validates; training pixels never do."""
    mask, claimed = everything()
    store.claim(SliceId(0, 5), mask, claimed, Claim.strokes())
    store.claim(SliceId(0, 6), mask, claimed, Claim.slice())
    assert store.tiles(0) == []
    assert (store.roles(SliceId(0, 6), SHAPE) == Role.TRAIN).all()


def test_roles_survive_undo(store):
    """A role stays after an undo of its label."""
    store.claim(SliceId(0, 5), *everything(), Claim.slice())
    before = store.roles(SliceId(0, 5), SHAPE)
    store.undo(SliceId(0, 5))
    assert (store.roles(SliceId(0, 5), SHAPE) == before).all()


def test_a_trained_slice_is_refused_as_validation(store):
    """The message counts the pixels and names their role."""
    store.claim(SliceId(0, 5), *everything(), Claim.strokes())
    with pytest.raises(LabelError, match=r"65536 pixels whose role is already train; a role is permanent"):
        store.claim(SliceId(0, 5), *everything(), Claim.slice(), role=Role.VALIDATION)


def test_an_audit_slice_has_that_role_everywhere(store):
    """No tile is cut out of it."""
    store.claim(SliceId(0, 5), *everything(), Claim.slice(), role=Role.AUDIT)
    assert (store.roles(SliceId(0, 5), SHAPE) == Role.AUDIT).all()
    assert store.tiles(0) == []


def test_a_part_shows_one_role_only(store):
    """Training and validation pixels never overlap."""
    revision = store.claim(SliceId(0, 5), *everything(), Claim.slice())
    train = store.part(revision, SHAPE, Role.TRAIN) != 255
    validation = store.part(revision, SHAPE, Role.VALIDATION) != 255
    assert train.any()
    assert validation.any()
    assert not (train & validation).any()


def test_nothing_claimed_is_told(store):
    """Saving without a stroke raises, with advice."""
    with pytest.raises(LabelError, match="Nothing is painted yet"):
        store.claim(SliceId(0, 5), np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, bool), Claim.strokes())


def test_a_revision_keeps_how_it_came_about(store):
    """Seconds, changed pixels, the round and the claim are recorded."""
    work = Work(active_seconds=12.5, changed_pixels=3, round=2)
    revision = store.claim(SliceId(0, 5), *everything(), Claim.region(Box(0, 0, 9, 9)), work=work)
    assert (revision.active_seconds, revision.changed_pixels, revision.round) == (12.5, 3, 2)
    assert revision.claim == "region"


def test_the_claims_say_which_pixels():
    """Strokes: the touched; a region: the box as well; a slice: all."""
    touched = np.zeros((3, 4), np.uint8)
    touched[2, 3] = 1
    assert Claim.strokes().pixels(touched).sum() == 1
    assert Claim.region(Box(0, 0, 2, 2)).pixels(touched).sum() == 5
    assert Claim.slice().pixels(touched).all()
    with pytest.raises(LabelError, match="leaves the slice"):
        Claim.region(Box(0, 0, 9, 9)).pixels(touched)


def test_the_tile_is_rich_in_classes():
    """It is placed on the rare class, so that this class can be measured."""
    label = np.zeros(SHAPE, np.uint8)
    label[200:230, 10:40] = 1
    tile = choose_tile(label, trained=np.zeros(SHAPE, bool), side=48, margin=16, seed=3)
    assert (label[tile.slices] == 1).sum() >= 20


def test_a_tile_never_takes_most_of_the_labels():
    """A small box keeps at least half of its pixels for training, or has no tile at all."""
    label = np.full(SHAPE, 255, np.uint8)
    label[:60, :60] = 0
    assert choose_tile(label, trained=np.zeros(SHAPE, bool), side=32, margin=32, seed=0) is None
    assert ValidationConfig().margin == 48
