"""Measure the instant first model: how soon a preview follows a stroke, what it gets right, and against what it was chosen.

    python benchmarks/forest.py --quick
    python benchmarks/forest.py --seeds 3 --json > results.json
    python benchmarks/forest.py --only choice --volumes ~/volumes

Everything runs in this process through the front door, but for ``choice``, which compares learners on the same pixels.
Where the machine is busy, processor seconds over the number of threads say more than wall seconds; both are given.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from report import Goal, Section
from sections import Setting, run

from core.annotator import Effort
from core.config import UNLABELLED, AnnotatorConfig, TrainConfig
from core.evaluation.metrics import confusion, dice, mean_dice
from core.geometry import Box
from core.models.features import SliceFeatures, threads
from core.models.forest import MOST, Forest, Sample, take_sample
from core.models.normalisation import measure
from core.project import Project
from core.storage.drafts import Patch
from core.storage.labels import Claim
from core.storage.rle import stroke_runs
from core.volumes.phantom import CLASS_NAMES, PhantomConfig, phantom_slices

VNC = ("intracellular", "membrane", "mitochondria", "synapse", "glia")
PAINTED, SCORED = (5, 11, 18), (2, 8, 14)
FAST_ENOUGH = 2.0  # seconds from a stroke to its preview on 1024 x 1024
BRUSH = 3  # pixels: radius of the strokes that are simulated


@dataclass
class Clock:
    """Seconds by the wall and of the processor, set when a measurement ends."""

    wall: float = 0.0
    processor: float = 0.0


@contextmanager
def measured() -> Iterator[Clock]:
    """Time what happens inside."""
    clock, wall, processor = Clock(), time.perf_counter(), time.process_time()
    yield clock
    clock.wall, clock.processor = time.perf_counter() - wall, time.process_time() - processor


def strokes(truth: NDArray[np.uint8], number: int, seed: int) -> tuple[NDArray[np.bool_], Effort]:
    """Straight strokes of a brush, a class at a time in turn, cut off where the class ends; and what they cost a person."""
    rng, painted, here, travel = np.random.default_rng(seed), np.zeros(truth.shape, bool), np.array(truth.shape) / 2, 0.0
    places = [np.argwhere(truth == one) for one in np.unique(truth)]
    for turn in range(number):
        spots = places[turn % len(places)]
        start = spots[rng.integers(len(spots))]
        travel += float(np.hypot(*(start - here)))
        here = _draw_stroke(truth, painted, start, rng.uniform(0, 2 * np.pi))
    return painted, Effort(1, int(painted.sum()), number, travel)


def _draw_stroke(truth: NDArray[np.uint8], painted: NDArray[np.bool_], start: NDArray, angle: float) -> NDArray:
    """Paint along a line of at most 60 pixels while its middle stays in the class; returns the end."""
    step, here, wanted = np.array([np.sin(angle), np.cos(angle)]), start.astype(float), truth[tuple(start)]
    for _ in range(60):
        y, x = np.rint(here).astype(int)
        if not (0 <= y < truth.shape[0] and 0 <= x < truth.shape[1]) or truth[y, x] != wanted:
            break
        box = Box(y, x, y + 1, x + 1).grown(BRUSH, truth.shape).slices
        rows, columns = np.ogrid[box]
        disc = (rows - y) ** 2 + (columns - x) ** 2 <= BRUSH**2
        painted[box] |= disc & (truth[box] == wanted)
        here = here + step
    return here


def start_project(setting: Setting, name: str) -> tuple[Project, NDArray[np.uint8]]:
    """A project on ``vnc`` or on a generated volume, and its truth ``(Z, Y, X)``."""
    if name == "vnc":
        image, truth = setting.volumes / "vnc" / "image.tif", setting.volumes / "vnc" / "labels.tif"
        if not image.exists():
            raise SystemExit(f"{image} is not there; give the folder of the volumes with --volumes DIR.")
        return Project.create(setting.scratch, name, volumes=[image], classes=VNC), tifffile.imread(truth)
    side, depth = (int(name.split("-")[1]), 20) if name != "phantom-6000" else (6000, 6)
    image = setting.scratch / f"{name}.tif"
    pairs = list(phantom_slices(PhantomConfig(depth=depth, height=min(side, 1024), width=min(side, 1024))))
    repeats = -(-side // 1024)
    stack, labels = (np.stack([np.tile(pair[i], (repeats, repeats))[:side, :side] for pair in pairs]) for i in (0, 1))
    tifffile.imwrite(image, stack, photometric="minisblack", metadata={"axes": "ZYX"})
    return Project.create(setting.scratch, name, volumes=[image], classes=CLASS_NAMES), labels


def paint(project: Project, z: int, mask: NDArray[np.uint8], where: NDArray[np.bool_]) -> None:
    """Paint on a slice without saving, as the editor does."""
    number = project.labels.sync_state(0, z).sequence + 1
    project.labels.apply(0, z, Patch(number, stroke_runs(mask, where.astype(np.uint8), where)))


def latency(setting: Setting) -> Section:
    """From a stroke to its preview, with nothing saved and with three whole slices saved."""
    names = ["phantom-1024", "vnc"] + ([] if setting.quick else ["phantom-6000"])
    rows: list[tuple[Any, ...]] = []
    with measured() as importing:
        import sklearn.ensemble  # noqa: F401
    rows.append(("-", "import scikit-learn, once", importing.wall, importing.processor / threads()))
    for name in names:
        project, truth = start_project(setting, name)
        rows += [(name, *row) for row in _strokes_followed(project, truth, 2)]
        if name == "vnc":
            for z in PAINTED:
                project.labels.submit_mask(0, z, truth[z], Claim.slice())
            rows += [(f"{name}, 3 slices saved", *row) for row in _strokes_followed(project, truth, 14)]
    asked = [row for row in rows if row[0] in ("phantom-1024", "vnc") and row[1].startswith(("first", "second", "third"))]
    goals = tuple(Goal(f"{name}: {what}, wall <= {FAST_ENOUGH:g} s", wall, wall <= FAST_ENOUGH) for name, what, wall, _ in asked)
    sentence = (
        f"seconds from a stored stroke to the preview of 1024 x 1024 pixels, {threads()} threads; processor seconds are "
        "divided by the threads"
    )
    return Section("latency", sentence, ("volume", "what", "wall s", "processor s / threads"), tuple(rows), goals)


def _strokes_followed(project: Project, truth: NDArray[np.uint8], z: int) -> Iterator[tuple[str, float, float]]:
    """Open a slice, paint on it thrice, look at a preview after each."""
    box = Box(0, 0, 1024, 1024)
    with measured() as clock:
        project.labels.prepare_preview(0, z, box)
    yield "prepare when opened", clock.wall, clock.processor / threads()
    for number, name in enumerate(("first stroke", "second stroke", "third stroke")):
        where, _ = strokes(truth[z][:1024, :1024], 15, seed=number)
        whole = np.zeros(truth[z].shape, bool)
        whole[:1024, :1024] = where
        paint(project, z, truth[z], whole)
        with measured() as clock:
            preview = project.labels.preview(0, z, box)
        assert preview.mask is not None, preview.sentence
        yield name, clock.wall, clock.processor / threads()
    with measured() as clock:
        project.labels.preview(0, z, box)
    yield "the same again, no stroke", clock.wall, clock.processor / threads()


def quality(setting: Setting) -> Section:
    """Dice on slices nobody painted, from whole slices and from ever more strokes."""
    project, truth = start_project(setting, "vnc")
    image = [project.image(0, z) for z in range(len(truth))]
    features = {z: SliceFeatures(image[z]) for z in (*PAINTED, *SCORED)}
    rows = []
    for amount in (None, 15, 60, 240):
        for seed in range(setting.seeds):
            labels, effort = painted(truth, amount, seed)
            samples = [take_sample(features[z], labels[z], seed=seed) for z in PAINTED]
            forest = Forest.fit(samples, len(VNC), seed=seed)
            scores = scored(lambda z, forest=forest: forest.labels(features[z], Box(0, 0, 1024, 1024))[0], truth)
            pixels = sum(int((labels[z] != UNLABELLED).sum()) for z in PAINTED)
            seconds = None if amount is None else effort.seconds(AnnotatorConfig())
            what = "whole slices" if amount is None else f"{amount} strokes a slice"
            rows.append((what, seed, pixels, seconds, *scores[1:], mean_dice(scores)))
    sentence = f"Dice on vnc slices {SCORED}, painted {PAINTED}; seconds of the simulated annotator"
    columns = ("painted", "seed", "pixels", "annotation s", *VNC[1:], "mean")
    return Section("quality", sentence, columns, tuple(rows))


def painted(truth: NDArray[np.uint8], amount: int | None, seed: int) -> tuple[dict[int, NDArray[np.uint8]], Effort]:
    """Labels of the painted slices, 255 elsewhere; whole slices if no number of strokes is given."""
    labels, total = {}, Effort()
    for z in PAINTED:
        if amount is None:
            labels[z] = truth[z]
            continue
        where, effort = strokes(truth[z], amount, seed=100 * seed + z)
        labels[z], total = np.where(where, truth[z], UNLABELLED).astype(np.uint8), total + effort
    return labels, total


def scored(predict: Callable[[int], NDArray[np.uint8]], truth: NDArray[np.uint8]) -> tuple[float | None, ...]:
    """Dice per class over all scored slices together."""
    return dice(sum((confusion(predict(z), truth[z], len(VNC)) for z in SCORED), np.zeros((len(VNC),) * 2, np.int64)))


class ByScikitImage:
    """``multiscale_basic_features`` of a slice, behind the same two names as :class:`SliceFeatures`."""

    def __init__(self, image: NDArray[Any]) -> None:
        from skimage.feature import multiscale_basic_features

        self.shape = image.shape[1:]
        grey = measure(image).apply(image)[0]
        self._all = multiscale_basic_features(grey, sigma_min=1, sigma_max=16, workers=threads())

    def at(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float32]:
        """As :meth:`SliceFeatures.at`."""
        return np.asarray(self._all[rows, columns], np.float32)


def learners() -> Iterator[tuple[str, Any]]:
    """What was tried, all on the same pixels."""
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier

    shared = {"max_depth": 20, "min_samples_leaf": 2, "random_state": 0, "n_jobs": threads()}
    for trees in (12, 24, 48):
        yield f"extremely randomised, {trees} trees, half the features", ExtraTreesClassifier(trees, max_features=0.5, **shared)
    yield "extremely randomised, 24 trees, root of the features", ExtraTreesClassifier(24, **shared)
    yield "random forest, 24 trees, root of the features", RandomForestClassifier(24, **shared)
    yield (
        "histogram gradient boosting, 50 rounds",
        HistGradientBoostingClassifier(max_iter=50, learning_rate=0.15, early_stopping=False, random_state=0),
    )


def choice(setting: Setting) -> Section:
    """Feature sets and learners on the same pixels of whole slices; every pixel of the scored slices is predicted."""
    project, truth = start_project(setting, "vnc")
    rows = []
    for name, kind in (("pyramid (used)", SliceFeatures), ("scikit-image basic", ByScikitImage)):
        with measured() as making:
            made = {z: kind(project.image(0, z)) for z in (*PAINTED, *SCORED)}
            for features in made.values():
                if isinstance(features, SliceFeatures):
                    features.prepare(Box(0, 0, 1024, 1024))
        samples = [take_sample(made[z], truth[z], seed=z) for z in PAINTED]
        x, y = np.concatenate([s.features for s in samples]), np.concatenate([s.classes for s in samples])
        kept = np.random.default_rng(0).permutation(len(y))[:MOST]
        for what, model in learners():
            with measured() as fitting:
                model.fit(x[kept], y[kept])
            with measured() as predicting:
                scores = scored(lambda z, made=made, model=model: _every_pixel(made[z], model), truth)
            per_slice = (making.processor / threads() / 6, fitting.processor / threads())
            rows.append((name, what, *per_slice, 3 * 1.048576 / (predicting.processor / threads()), mean_dice(scores)))
            print(rows[-1], file=sys.stderr, flush=True)
    rows.append(("pyramid (used)", "as shipped: every second pixel first, roots as weights", *_shipped(project, truth)))
    columns = ("features", "learner", "features, s", "fit, s", "megapixels/s", "mean Dice")
    sentence = (
        f"vnc painted {PAINTED} whole, at most {MOST:,} pixels learnt, scored on {SCORED}; processor seconds are divided "
        f"by {threads()} threads"
    )
    return Section("choice", sentence, columns, tuple(rows))


def _every_pixel(features: Any, model: Any) -> NDArray[np.uint8]:
    """Predict every pixel, some rows at a time."""
    result = np.empty(features.shape, np.uint8)
    for first in range(0, features.shape[0], 64):
        rows, columns = np.indices((64, features.shape[1])).reshape(2, -1)
        result[first : first + 64] = model.predict(features.at(rows + first, columns)).reshape(64, -1)
    return result


def _shipped(project: Project, truth: NDArray[np.uint8]) -> tuple[float | None, ...]:
    with measured() as making:
        made = {z: SliceFeatures(project.image(0, z)) for z in (*PAINTED, *SCORED)}
        for features in made.values():
            features.prepare(Box(0, 0, 1024, 1024))
    samples: list[Sample] = [take_sample(made[z], truth[z], seed=z) for z in PAINTED]
    with measured() as fitting:
        forest = Forest.fit(samples, len(VNC))
    with measured() as predicting:
        scores = scored(lambda z: forest.labels(made[z], Box(0, 0, 1024, 1024))[0], truth)
    rate = 3 * 1.048576 / (predicting.processor / threads())
    return making.processor / threads() / 6, fitting.processor / threads(), rate, mean_dice(scores)


def against_network(setting: Setting) -> Section:
    """Forest and network on the same strokes, where nothing is held back and the amount of labels has to decide."""
    rows = []
    for amount in (15, 240) if setting.quick else (15, 60, 240, 960):
        for seed in range(setting.seeds):
            folder = setting.scratch / f"{amount}-{seed}"
            folder.mkdir()
            project, truth = start_project(Setting(setting.quick, 1, setting.volumes, folder), "vnc")
            labels, _ = painted(truth, amount, seed)
            for z in PAINTED:
                project.labels.submit_mask(0, z, labels[z], Claim.strokes())
            drawn = {z: project.labels.preview(0, z, anyway=True).mask for z in SCORED}
            forest = mean_dice(scored(lambda z, drawn=drawn: drawn[z], truth))
            seconds = 10.0 if setting.quick else 60.0
            project.train(TrainConfig(seconds=seconds, seed=seed))
            network = mean_dice(scored(lambda z, project=project: project.models.predict_slice(0, z).mask, truth))
            pixels = sum(int((label != UNLABELLED).sum()) for label in labels.values())
            rows.append((f"{amount} strokes a slice", seed, pixels, seconds, project.models.curve(1)[-1].step, forest, network))
            print(rows[-1], file=sys.stderr, flush=True)
    sentence = f"mean Dice on vnc slices {SCORED} from the same strokes on {PAINTED}"
    return Section(
        "against-network", sentence, ("painted", "seed", "pixels", "training s", "steps", "forest", "network"), tuple(rows)
    )


SECTIONS: dict[str, Callable[[Setting], Section]] = {
    "latency": latency,  # first: it measures an import
    "quality": quality,
    "choice": choice,
    "against-network": against_network,
}


if __name__ == "__main__":
    run(__doc__, "without slices of 6000 x 6000, short trainings", SECTIONS)
