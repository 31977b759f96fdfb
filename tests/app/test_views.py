"""Every page opens, on nothing, on a fresh project and on a trained one, and says what to do next."""

import re
import threading
import time
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from torch import nn

import app
from core.config import Architecture, AugmentConfig, ProposeConfig, TrainConfig
from core.errors import StorageError, UnderpaintError
from core.evaluation.z_average_search import ZAverageChoice
from core.project import Project
from core.project.jobs import ProjectJobs
from core.project.labels import ProjectLabels
from core.project.models import ProjectModels
from core.proposals.ranking import Proposal
from core.storage.drafts import Patch
from tests.conftest import TINY
from tests.predicted import add_round, keep, score

MAIN = Path(app.__file__).parent / "main.py"
PAGES = ("project", "annotate", "rounds", "review", "results")


@pytest.fixture
def open_page(monkeypatch):
    """Open a page of the app on a workspace; no exception may have reached the screen."""

    def opened(workspace, page):
        monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(workspace))
        test = AppTest.from_file(MAIN, default_timeout=60).run()
        if page != "project":
            test.switch_page(f"views/{page}.py").run()
        assert not test.exception
        return test

    return opened


@pytest.fixture(scope="module")
def trained(tmp_path_factory, phantom_files):
    """A workspace whose project has one short round, a scan and proposals."""
    workspace = tmp_path_factory.mktemp("trained")
    project = Project.create(workspace, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    project.propose(ProposeConfig(number=3))
    return workspace


def words(page):
    """Everything a page says in text, as one string."""
    shown = (page.title, page.subheader, page.markdown, page.caption, page.info, page.success, page.warning, page.error)
    elements = (element for kind in shown for element in kind)
    return " ".join(str(element.value) for element in elements)


def markup(page):
    """The HTML of a page, as one string."""
    return " ".join(element.proto.body for element in page.get("html"))


def labels(page):
    """What the buttons of a page say."""
    return [button.label for button in page.button]


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_an_empty_workspace(open_page, tmp_path, page):
    """Where there is no project, every page says that one is needed."""
    said = words(open_page(tmp_path, page))
    assert "No project is open." in said
    assert re.search("Create a project|Open or create a project first", said)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_fresh_project(open_page, phantom_project, page):
    """Before the first round, every page opens and shows no error."""
    opened = open_page(phantom_project.workspace, page)
    assert not opened.error
    assert "toy" in words(opened)


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("project", "Paint some pixels of \\*\\*every class"),
        ("rounds", "Nothing is painted yet"),
        ("review", "There is no model yet"),
        ("results", "There is no model yet"),
    ],
)
def test_a_page_with_nothing_to_show_says_what_to_do(open_page, tmp_path, phantom_files, page, said):
    """On a project without a label, the text names the next step."""
    Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    assert re.search(said, words(open_page(tmp_path, page)))


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("project", "1 round trained"),
        ("annotate", "Correct these next"),
        ("rounds", "measured on the same [0-9,]+ held-back pixels"),
        ("review", "Place 1 of"),
        ("results", "measured on [0-9,]+ pixels held back"),
    ],
)
def test_every_page_opens_on_a_trained_project(open_page, trained, page, said):
    """After a round, every page shows it and says what its numbers were measured on."""
    opened = open_page(trained, page)
    assert not opened.error
    assert re.search(said, words(opened))


def test_a_project_is_made_on_the_page(open_page, tmp_path, phantom_files):
    """Name, path and classes typed into the form become a project, and its page opens."""
    page = open_page(tmp_path, "project")
    page.text_input[0].input("my-sample")
    page.text_area[0].input(f'"{phantom_files.image}"\n')
    page.text_input(key="class_new_1").input("pore")
    page.text_input(key="class_new_2").input("phase")
    _button(page, "Create the project").click().run()
    project = Project.open(tmp_path, "my-sample")
    assert [c.name for c in project.classes] == ["background", "pore", "phase"]
    assert [v.path for v in project.volumes] == [phantom_files.image]
    assert page.title[0].value == "my-sample"


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [("../evil", None, "is not a project name"), ("fine", "/nowhere/v.tif", "/nowhere/v.tif")],
)
def test_a_mistake_in_the_form_is_one_sentence_and_keeps_what_was_typed(open_page, tmp_path, phantom_files, name, path, said):
    """What the engine refuses is shown as one error beside the form, which stays filled in."""
    page = open_page(tmp_path, "project")
    page.text_input[0].input(name)
    page.text_area[0].input(path or str(phantom_files.image))
    page.text_input(key="class_new_1").input("pore")
    _button(page, "Create the project").click().run()
    assert not page.exception
    assert len(page.error) == 1
    assert said in page.error[0].value
    assert page.text_input[0].value == name


def test_classes_are_renamed_and_added_on_the_page(open_page, phantom_project):
    """A new name and a new row end up in the project; no class loses its id."""
    page = open_page(phantom_project.workspace, "project")
    page = _section(page, "Classes")
    _button(page, "Add a class").click().run()
    page.text_input(key="class_toy_1").input("void")
    page.text_input(key="class_toy_3").input("crack")
    _button(page, "Save the classes").click().run()
    assert [(c.id, c.name) for c in phantom_project.classes] == [(0, "matrix"), (1, "void"), (2, "phase"), (3, "crack")]


def test_a_voxel_size_is_stored_on_the_page(open_page, phantom_project):
    """Three lengths in nm, z first."""
    page = _section(open_page(phantom_project.workspace, "project"), "Volumes")
    for axis, value in enumerate((20.0, 5.0, 4.0)):
        page.number_input(key=f"voxel_toy_0_{axis}").set_value(value)
    page.run()
    page.button(key="save_voxel_0").click().run()
    assert phantom_project.volumes[0].voxel_nm == (20.0, 5.0, 4.0)


def test_a_weight_is_stored_on_the_page(open_page, phantom_project, phantom_files):
    """Where there are several volumes; one alone is not asked about."""
    page = open_page(phantom_project.workspace, "project")
    page.segmented_control[0].set_value("Volumes").run()
    assert "Save the weight" not in labels(page)
    phantom_project.add_volume(phantom_files.image)
    page.run()
    page.number_input(key="weight_toy_1").set_value(0.5).run()
    page.button(key="save_weight_1").click().run()
    assert [row.weight for row in phantom_project.volumes] == [1, 0.5]


def test_looked_at_is_stored_and_is_never_a_label(open_page, trained):
    """The mark on the Review page changes no label."""
    project = Project.open(trained, "toy")
    before = [row.id for row in project.labels.slices()]
    page = open_page(trained, "review")
    page.checkbox(key="looked_at").check().run()
    assert len(project.proposals.looked()) == 1
    page.checkbox(key="looked_at").uncheck().run()
    assert project.proposals.looked() == set()
    assert [row.id for row in project.labels.slices()] == before


def test_the_slider_of_the_review_page_chooses_the_slice(open_page, trained):
    """The picture's caption follows the slider."""
    page = open_page(trained, "review")
    page.slider(key="review_slice").set_value(5).run()
    assert "**Slice 5**" in words(page)


def test_the_hot_places_are_walked_one_by_one(open_page, trained):
    """Next goes to the second place, previous from the first to the last."""
    page = open_page(trained, "review")
    _button(page, "Next").click().run()
    assert "Place 2 of" in words(page)
    _button(page, "Previous").click().run()
    _button(page, "Previous").click().run()
    (place, number) = re.search(r"Place (\d+) of (\d+)", words(page)).groups()
    assert place == number


def test_a_slice_under_review_opens_in_the_editor(open_page, trained):
    """The hand-over keeps the slice: the Annotate page opens on it."""
    page = open_page(trained, "review")
    page.slider(key="review_slice").set_value(7).run()
    _button(page, "Open in the editor").click().run()
    assert not page.exception
    assert page.number_input(key="any_slice").value == 7


def test_a_slice_that_was_not_predicted_is_not_computed_by_the_page(open_page, phantom_project):
    """The page offers a button and stays quick; nothing is predicted until it is pressed."""
    phantom_project.train(TINY)
    page = open_page(phantom_project.workspace, "review")
    assert "Predict this slice" in labels(page)
    assert all(phantom_project.models.cached_prediction(0, z) is None for z in range(12))


def test_no_page_reads_a_raster_in_its_script(open_page, trained, monkeypatch):
    """Slices, predictions and labels are fetched by the browser: the pages open though none of them can be read."""
    rasters = [(Project, "image"), (Project, "region_mask"), (ProjectLabels, "of"), (ProjectModels, "cached_prediction")]
    for owner, name in (*rasters, (ProjectModels, "predict_slice")):
        monkeypatch.setattr(owner, name, lambda *_, name=name: pytest.fail(f"the script called {name}"))
    for name in PAGES:
        opened = open_page(trained, name)
        assert not opened.error
        if name == "project":
            assert not _section(opened, "Working region").exception


def test_the_pictures_under_review_are_the_slice_its_prediction_and_its_confidence(open_page, trained):
    """Each is an image of the slice chosen, with words for those who do not see it; hot places are cut out of it."""
    page = open_page(trained, "review")
    page.slider(key="review_slice").set_value(5).run()
    shown = markup(page)
    for layer, what in (("grey", "image"), ("prediction", "prediction"), ("confidence", "confidence")):
        assert re.search(rf'src="/underpaint/api/toy/0/5/thumbnail.png\?layer={layer}&amp;side=[0-9]+&amp;v=\w+"', shown)
        assert f'alt="Slice 5: {what}"' in shown
    assert len(re.findall(r"box=\d+,\d+,\d+,\d+", shown)) == 3


def test_a_picture_has_another_address_after_a_change(open_page, phantom_project):
    """The browser may keep a picture for good, because a slice predicted anew is asked for under another address."""
    addresses = []
    for confidence in (100, 200):
        add_round(phantom_project)
        keep(phantom_project, 6, np.zeros((160, 160), np.uint8), np.full((160, 160), confidence, np.uint8))
        page = open_page(phantom_project.workspace, "review")
        addresses.append(re.search(r'src="(\S+layer=confidence\S+)"', markup(page)).group(1))
    assert addresses[0] != addresses[1]


def test_only_the_tab_in_front_is_made(open_page, trained):
    """The table of scanned slices appears when its tab is chosen."""
    page = open_page(trained, "review")
    assert not page.dataframe
    page.session_state["review_tab"] = "All scanned slices"
    page.run()
    assert page.dataframe
    assert "Place 1 of" not in words(page)


def test_an_exported_zarr_can_be_downloaded(open_page, phantom_project):
    """Beside the folder's place there is a link to all of it as one file."""
    add_round(phantom_project)
    folder = phantom_project.folder / "results" / "c.zarr"
    folder.mkdir(parents=True)
    phantom_project.store.results.enter("confidence", folder, 1, 0, {})
    page = open_page(phantom_project.workspace, "review")
    page.session_state["review_tab"] = "Export confidence"
    page.run()
    assert str(folder) in words(page)
    assert 'href="/underpaint/api/toy/results/c.zarr.zip" download' in markup(page)


@pytest.mark.parametrize(
    ("across", "words_of_it"),
    [
        (
            ZAverageChoice(6, 0.956, 0.892, 117_612),
            "On 117,612 held-back pixels the mean Dice is 0.956 with them and 0.892 without",
        ),
        (ZAverageChoice(0, 0.844, 0.844, 157_323), ""),
        (None, ""),
    ],
)
def test_a_result_says_how_slices_were_averaged(open_page, phantom_project, across, words_of_it):
    """And what that gained; nothing where they were not, nor of a result of an earlier version."""
    add_round(phantom_project)
    out = phantom_project.folder / "results" / "s.tif"
    out.parent.mkdir(parents=True)
    out.touch()
    amounts = {"pore": {"pixels": 5, "fraction": 0.5, "volume_um3": None}}
    facts = {"amounts": amounts} if across is None else {"amounts": amounts, "across": asdict(across)}
    phantom_project.store.results.enter("segmentation", out, 1, 0, facts)
    shown = words(open_page(phantom_project.workspace, "results"))
    assert words_of_it in shown
    assert ("Each slice is the mean" in shown) == bool(words_of_it)


def test_whoever_segments_may_do_without_averaging(open_page, phantom_project, monkeypatch):
    """The box is ticked, and unticked every slice stands by itself."""
    asked = []
    monkeypatch.setattr(ProjectJobs, "start_segment", lambda project, *how: asked.append(how))
    add_round(phantom_project)
    page = open_page(phantom_project.workspace, "results")
    click(page, "Segment all 12 slices with round 1")
    page.checkbox[1].uncheck().run()
    click(page, "Segment all 12 slices with round 1")
    assert page.checkbox[1].label == "Average neighbouring slices"
    assert asked == [(0, None, None), (0, None, 0)]


NOTE = "measured before the working region was changed"


@pytest.mark.parametrize(
    ("page", "section"), [("project", "Overview"), ("project", "Working region"), ("rounds", ""), ("results", "")]
)
def test_a_score_from_before_a_new_region_is_said_to_be_one(open_page, trained, page, section):
    """Where a region cuts held-back pixels off, whoever sees the scores reads that they are older, until it is lifted."""
    project = Project.open(trained, "toy")
    (tile, *_), told = project.store.labels.tiles(0), []
    half = ((0, 0), (0, tile.x0 + 9), (160, tile.x0 + 9), (160, 0))
    try:
        for region in ([half], []):
            project.set_region(0, region)
            opened = open_page(trained, page)
            told.append(NOTE in words(_section(opened, section) if section else opened))
    finally:
        project.set_region(0, [])
    assert told == [True, False]


def test_a_long_count_of_validation_pixels_does_not_hold_the_page(open_page, phantom_project, monkeypatch):
    """It goes on in the background; the page says so, and has the number later."""
    gate, count = threading.Event(), ProjectLabels.validation_summary

    def slow(project):
        gate.wait(30)
        return count(project)

    monkeypatch.setattr(ProjectLabels, "validation_summary", slow)
    page = open_page(phantom_project.workspace, "project")
    assert "Counting what is held back" in words(page)
    gate.set()
    until = time.monotonic() + 20
    while "Counting" in words(page) and time.monotonic() < until:
        page.run()
    assert "are held back for validation and never trained on" in words(page)


def test_a_count_that_fails_late_is_one_sentence(open_page, phantom_project, monkeypatch):
    """The page that is open when it fails says why, and does not go on promising a number."""
    gate = threading.Event()

    def failing(project):
        gate.wait(30)
        raise StorageError("The records are out of reach.")

    monkeypatch.setattr(ProjectLabels, "validation_summary", failing)
    page = open_page(phantom_project.workspace, "project")
    assert not page.error
    gate.set()
    until = time.monotonic() + 20
    while not page.error and time.monotonic() < until:
        page.run()
    assert [error.value for error in page.error] == ["The records are out of reach."]


def test_a_moved_volume_is_one_sentence_and_can_be_found_again(open_page, tmp_path, phantom_files):
    """A volume that is gone is said in words, and the page takes its new place."""
    there, away = tmp_path / "v.tif", tmp_path / "elsewhere.tif"
    there.write_bytes(phantom_files.image.read_bytes())
    project = Project.create(tmp_path, "toy", volumes=[there], classes=["a", "b"])
    there.rename(away)
    page = open_page(tmp_path, "project")
    assert "no longer exists" in page.error[0].value
    page = _section(page, "Volumes")
    page.text_input(key="move_0").input(str(away)).run()
    page.button(key="save_move_0").click().run()
    assert project.volumes[0].path == away.resolve()


def test_a_damaged_project_does_not_lock_the_others_out(open_page, phantom_project, phantom_files):
    """Where the records of one project are unreadable, the page says so and the other can be opened."""
    workspace = phantom_project.workspace
    (workspace / "data" / "broken").mkdir()
    (workspace / "data" / "broken" / "project.sqlite").write_bytes(b"no database " * 1000)
    page = open_page(workspace, "project")
    assert any("damaged" in error.value for error in page.error)
    page.button(key="open_toy").click().run()
    assert page.title[0].value == "toy"


def test_a_round_that_was_stopped_can_be_resumed_from_the_page(open_page, phantom_project):
    """A cancelled training is said so, and its button is there; a finished one has none."""
    with pytest.raises(UnderpaintError):
        phantom_project.train(TINY, report=lambda share, said: True)
    page = open_page(phantom_project.workspace, "rounds")
    assert "Training was cancelled" in words(page)
    assert "Resume where it stopped" in labels(page)
    phantom_project.train(TINY, resume=True)
    assert "Resume where it stopped" not in labels(open_page(phantom_project.workspace, "rounds"))


@pytest.mark.parametrize(("page_name", "start"), [("rounds", "Start"), ("annotate", "Train round 2")])
def test_a_stopped_round_is_not_given_up_unasked(open_page, tmp_path, phantom_files, monkeypatch, page_name, start):
    """Also when another job was done since: it can go on, and to begin anew asks first."""
    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    with pytest.raises(UnderpaintError):
        project.train(replace(TINY, seconds=60, epochs=None), report=lambda share, said: project.models.curve()[-1].step > 2)
    with project.store.jobs.here("segment", {}):
        assert project.models.interrupted() is None, "a job is at work"
    stopped = project.models.interrupted()
    assert (stopped.round, stopped.budget) == (2, 60)
    asked = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda self, *args, **more: asked.append(more.get("resume", False)))
    page = open_page(tmp_path, page_name)
    assert "Round 2 was stopped after" in words(page)
    assert "is given up" in words(page)
    assert start not in labels(page)
    click(page, "Resume where it stopped")
    click(page, "Give it up and start")
    assert asked == [True, False]
    assert not page.exception


def test_a_slice_opened_from_the_list_does_not_validate(open_page, trained):
    """Also when it has left the list by the time that it is saved; one that is opened by its number may."""
    project = Project.open(trained, "toy")
    proposals, listed = project.store.proposals, [Proposal(0, 4, 0.5, "unsure", ()), Proposal(0, 6, 0.4, "unsure", ())]
    proposals.replace(1, listed, model_selected=True, settled=False)
    page = open_page(trained, "annotate")
    next(b for b in page.button if b.label.startswith("Slice 6")).click().run()
    proposals.replace(1, [], model_selected=True, settled=False)
    assert not project.labels.may_validate(0, 6)
    assert project.labels.may_validate(0, 1)
    assert not page.exception


def test_settings_that_do_not_go_together_wait(open_page, trained, monkeypatch):
    """A patch too small for many levels is said to be so, and no round starts; mended, it does."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    page = open_page(trained, "rounds")
    next(one for one in page.selectbox if one.label == "Patch, pixels").set_value(96).run()
    field(page, "Depth: levels below the first").set_value(5).run()
    assert "with depth 5 allowed are multiples of 64" in words(page)
    assert next(b for b in page.button if b.label == "Start").disabled
    field(page, "Depth: levels below the first").set_value(4).run()
    click(page, "Start")
    assert [(config.depth, config.patch) for config in started] == [(4, 96)]


def test_a_network_that_is_not_installed_waits(open_page, trained, monkeypatch):
    """Instead of a job that fails."""
    monkeypatch.setattr("app.components.network_form.find_spec", lambda name: None)
    page = open_page(trained, "rounds")
    next(one for one in page.selectbox if one.label == "Network").set_value(Architecture.MONAI_UNET).run()
    assert "MONAI is not installed" in words(page)
    assert next(b for b in page.button if b.label == "Start").disabled


def test_patches_are_shown_as_large_as_they_will_be(open_page, trained, monkeypatch):
    """Streaks, shadows and bends go by the size of a patch."""
    sides = []
    engine = ProjectModels.augmentation_examples
    monkeypatch.setattr(
        ProjectModels, "augmentation_examples", lambda *args, **more: sides.append(more["side"]) or engine(*args, **more)
    )
    page = open_page(trained, "rounds")
    next(one for one in page.selectbox if one.label == "Patch, pixels").set_value(128).run()
    _shown(page)
    assert sides[-1] == 128


def test_the_results_page_shows_every_score_and_what_it_was_measured_on(open_page, tmp_path, phantom_files):
    """Of the newest round on held-back pixels, and of a scoring against a truth."""
    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    held = project.models.rounds()[0].validation_pixels
    page = open_page(tmp_path, "results")
    assert f"Measured on {held:,} pixels held back from training." in words(page)
    assert list(page.dataframe[0].value["Class"]) == list(phantom_files.classes)
    assert "Boundary F" not in page.dataframe[0].value
    assert "true \\ predicted" in markup(page)
    page.text_input[0].set_value(str(phantom_files.truth)).run()
    click(page, "Score")
    while project.jobs.current().active:
        time.sleep(0.2)
    page = open_page(tmp_path, "results")
    assert "measured on 256,000 pixels of 10 slices without a label" in words(page)
    assert "Boundary F" in page.dataframe[1].value


def test_a_round_starts_with_what_was_chosen(open_page, trained, monkeypatch):
    """More choices are settings of the training; they hold on the page Annotate too, and an empty field is the usual loss."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append((train, more)))
    page = open_page(trained, "rounds")
    page.multiselect[0].set_value(["focal", "dice"]).run()
    click(page, "Start")
    page.switch_page("views/annotate.py").run().switch_page("views/rounds.py").run()
    assert page.multiselect[0].value == ["focal", "dice"]
    page.multiselect[0].set_value([]).run()
    field(page, "Epochs").set_value(12.5).run()
    field(page, "Validations without a lower loss").set_value(4).run()
    page.checkbox[0].check().run()
    next(one for one in page.selectbox if one.label == "Patch, pixels").set_value(384).run()
    field(page, "Batch").set_value(2).run()
    field(page, "Peak learning rate").set_value(0.02).run()
    click(page, "Start")
    assert [more["tensorboard"] for _, more in started] == [False, True]
    later = TrainConfig(epochs=12.5, patience=4, patch=384, batch=2, learning_rate=0.02)
    assert [config for config, _ in started] == [TrainConfig(loss="focal+dice"), later]
    click(page.switch_page("views/annotate.py").run().switch_page("views/rounds.py").run(), "Start")
    assert started[-1][0] == later
    assert not page.exception


def test_a_field_of_the_form_may_be_changed_twice_on_end(open_page, trained, monkeypatch):
    """Each time it begins with what was chosen before, and takes the next change all the same."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    page = open_page(trained, "rounds")
    for value in (5, 6):
        field(page, "Batch").set_value(value).run()
    for value in (5.0, 6.0):
        field(page, "Epochs").set_value(value).run()
    for value in (1, 2):
        field(page, "Neighbouring slices on each side").set_value(value).run()
    for value in (10, 20):
        field(page, "Seconds of training").set_value(value).run()
    for value in (0.06, 0.07 + 1e-16):
        field(page, "Peak learning rate").set_value(value).run()
    for name in (Architecture.MONAI_UNET, Architecture.MONAI_DYN_UNET):
        next(one for one in page.selectbox if one.label == "Network").set_value(name).run()
    for names in (["focal"], ["focal", "dice"]):
        page.multiselect[0].set_value(names).run()
    click(page, "Start")
    chosen = {"batch": 6, "epochs": 6.0, "neighbours": 2, "seconds": 20.0, "learning_rate": 0.07}
    assert started == [TrainConfig(architecture=Architecture.MONAI_DYN_UNET.value, loss="focal+dice", **chosen)]
    assert not page.exception


def test_a_number_that_is_not_allowed_is_said_to_be_so_and_starts_nothing(open_page, trained, monkeypatch):
    """The button waits until it is mended; what was chosen before is still there."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    page = open_page(trained, "rounds")
    field(page, "Batch").set_value(8).run()
    for label, value, said in (
        ("Seconds of training", -5, "Seconds of training: -5 is not allowed; give 5 to 86,400."),
        ("Batch", 999999, "Batch: 999,999 is not allowed; give 1 to 256."),
        ("Epochs", -4.0, "Epochs: -4.0 is not allowed; give 0.01 or more."),
        ("Slice to watch", 9999, "Slice to watch: 9,999 is not allowed; give 0 to 11."),
        ("Slices to propose afterwards", 0, "Slices to propose afterwards: 0 is not allowed; give 1 to 50."),
    ):
        before = field(page, label).value
        field(page, label).set_value(value).run()
        assert [error.value for error in page.error] == [said]
        assert _button(page, "Start").disabled
        assert "Correct the marked values above, then start." in words(page)
        field(page, label).set_value(before).run()
        assert not page.error
    click(page, "Start")
    assert started == [TrainConfig(batch=8)]


def test_what_was_chosen_for_one_project_is_not_chosen_for_another(open_page, phantom_project, phantom_files):
    """Nor how patches are changed; and where something was chosen, the page Annotate says so beside its button."""
    page = open_page(phantom_project.workspace, "rounds")
    field(page, "Peak learning rate").set_value(1.0).run()
    page.switch_page("views/annotate.py").run()
    assert "with what you chose on the Rounds page (learning rate 1.0), then" in words(page)
    page.session_state["augmentation"] = {"curtain": 3.0}
    assert "(learning rate 1.0, curtain 3.0)" in words(page.run())
    Project.create(phantom_project.workspace, "fresh", volumes=[phantom_files.image], classes=phantom_files.classes)
    _section(page.switch_page("views/project.py").run(), "Open or create another")
    page.button(key="open_fresh").click().run()
    assert page.session_state["project"] == "fresh"
    page.switch_page("views/rounds.py").run()
    assert "choices" not in page.session_state or page.session_state["choices"] == {}
    assert "augmentation" not in page.session_state


def field(page, label):
    """The number field of this name."""
    return next(one for one in page.number_input if one.label == label)


def click(page, label):
    """Press the button that says this."""
    next(button for button in page.button if button.label == label).click().run()


def test_nothing_is_made_of_what_the_model_will_be_shown_until_it_is_opened(open_page, phantom_project, monkeypatch):
    """The Rounds page opens without a patch; opening the drawer makes nine pictures."""
    made = []
    engine = ProjectModels.augmentation_examples
    monkeypatch.setattr(
        ProjectModels, "augmentation_examples", lambda *args, **options: made.append(options) or engine(*args, **options)
    )
    page = open_page(phantom_project.workspace, "rounds")
    assert not made
    opened = _shown(page)
    assert len(made) == 1
    assert len(opened.get("image")) == 9


def test_strengths_chosen_on_the_page_are_those_of_the_next_round(open_page, phantom_project, monkeypatch):
    """A slider moved in the drawer reaches the plan of the round, also from another page; the defaults come back."""
    plans = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda self, train, propose, **more: plans.append(train.augment))
    page = _shown(open_page(phantom_project.workspace, "rounds"))
    for label, strength in (("Curtain streaks", 2.0), ("Shadow", 0.0)):
        next(s for s in page.slider if s.label == label).set_value(strength)
        _shown(page)
    next(b for b in page.button if b.label == "Start").click().run()
    page.switch_page("views/annotate.py").run()
    next(b for b in page.button if b.label == "Train round 1").click().run()
    assert plans == [AugmentConfig(curtain=2, shadow=0)] * 2
    page.switch_page("views/rounds.py").run()
    _shown(page)
    next(b for b in page.button if b.label == "Back to the defaults").click()
    _shown(page)
    next(b for b in page.button if b.label == "Start").click().run()
    assert plans[2:] == [AugmentConfig()]
    assert not page.exception


def test_one_kind_is_shown_alone(open_page, phantom_project, monkeypatch):
    """On every patch, with its own strength; what will be trained does not change."""
    shown = []
    engine = ProjectModels.augmentation_examples
    monkeypatch.setattr(
        ProjectModels, "augmentation_examples", lambda s, v, z, c, **options: shown.append(c) or engine(s, v, z, c, **options)
    )
    page = _shown(open_page(phantom_project.workspace, "rounds"))
    next(b for b in page.selectbox if b.label == "Show").set_value("shadow")
    _shown(page)
    off = dict.fromkeys(AugmentConfig.kinds(), 0.0) | {"shadow": AugmentConfig.shadow}
    assert shown == [AugmentConfig(), AugmentConfig(**off, share=1.0)]


def _shown(page):
    """The Rounds page run with the drawer of what the model will be shown open, which AppTest forgets after each run."""
    page.session_state["what_is_shown"] = True
    return page.run()


def test_a_round_trains_the_network_that_was_chosen(open_page, trained, monkeypatch):
    """It stays chosen on the page Annotate; a network in 3D has a neighbour at least, and no more than its levels can join."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    page = open_page(trained, "rounds")

    def choose(name, label, value):
        next(box for box in getattr(page, name) if box.label == label).set_value(value).run()

    choose("selectbox", "Network", Architecture.UNET_3D)
    _button(page, "Start").click().run()
    _button(page.switch_page("views/annotate.py").run(), "Train round 2").click().run()
    assert started == [TrainConfig(architecture="unet-3d", neighbours=1)] * 2
    page.switch_page("views/rounds.py").run()
    choose("selectbox", "Network", Architecture.UNET)
    choose("number_input", "Neighbouring slices on each side", 3)
    choose("selectbox", "Network", Architecture.UNET_3D)
    _button(page, "Start").click().run()
    assert started[2:] == [TrainConfig(architecture="unet-3d", neighbours=2)]
    assert not page.exception


def test_several_gpus_are_offered_where_there_are_several(open_page, trained, monkeypatch):
    """Nothing is asked where there is one, or none."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    monkeypatch.setattr("app.components.network_form._gpus", lambda: 1)
    assert "GPUs" not in [one.label for one in open_page(trained, "rounds").number_input]
    monkeypatch.setattr("app.components.network_form._gpus", lambda: 4)
    page = open_page(trained, "rounds")
    next(one for one in page.number_input if one.label == "GPUs").set_value(3).run()
    _button(page, "Start").click().run()
    assert started == [TrainConfig(devices=3)]
    assert not page.exception


def test_a_round_begins_with_what_was_chosen(open_page, phantom_project, trained, monkeypatch):
    """From the second round on; the first has nothing to begin with."""
    started = []
    monkeypatch.setattr(ProjectJobs, "start_round", lambda project, train, propose, **more: started.append(train))
    assert "Begin with" not in [box.label for box in open_page(phantom_project.workspace, "rounds").selectbox]
    page = open_page(trained, "rounds")
    for label in ("half of them, half random", "random weights", "last round's weights"):
        next(box for box in page.selectbox if box.label == "Begin with").select(label).run()
        _button(page, "Start").click().run()
    assert [train.initial_weights for train in started] == ["shrink-perturb", "random", "previous"]
    assert started[2] == TrainConfig()
    assert not page.exception


def test_a_network_of_ones_own_is_shown_as_what_it_is(open_page, phantom_project):
    """Every page opens on a round that the app cannot predict with, and the rounds page says why."""
    phantom_project.train(TINY, network=nn.Sequential(nn.Conv2d(1, len(phantom_project.classes), 1)))
    for name in PAGES:
        page = open_page(phantom_project.workspace, name)
        assert not page.exception
        assert not page.error
        if name == "rounds":
            assert list(page.dataframe[0].value["Network"]) == ["own"]
            assert "Network of your own: round 1. It is available in Python only" in words(page)


FIRST = "Paint two or three of these first, some of every class"


@pytest.fixture
def headline(open_page):
    """The Annotate page's headline, while the job with these arguments is at work, if a kind is named."""

    def read(project, kind="", arguments=None):
        with project.store.jobs.here(kind, arguments or {}) if kind else nullcontext():
            page = open_page(project.workspace, "annotate")
        (said,) = [m.value.strip("*") for m in page.markdown if m.value.startswith("**") and m.value != "**toy**"]
        return said

    return read


def test_the_headline_of_the_first_slices_knows_labels_and_a_running_round(headline, tmp_path, phantom_files):
    """Nobody is asked to paint first what is painted already, nor to train while training goes on."""
    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    assert headline(project) == FIRST
    project.labels.import_file(phantom_files.truth, slices=[2])
    assert headline(project) == "Paint more of these, or train round 1"
    assert headline(project, "round", {"plan": {"round": 1}}) == "Round 1 is training; paint more of these meanwhile"


def test_the_headline_says_that_the_model_still_looks(headline, phantom_project):
    """Until the job has ended, what is listed is the first that was found; the next round's training changes nothing."""
    round_ = {"plan": {"round": 1}}
    add_round(phantom_project)
    assert headline(phantom_project, "round", round_) == "New proposals are on their way"
    phantom_project.store.proposals.replace(1, [Proposal(0, 6, 0.5, "unsure", ())], model_selected=True)
    assert headline(phantom_project, "round", round_) == "First proposals; still scanning"
    assert headline(phantom_project, "scan") == "First proposals; still scanning"
    assert headline(phantom_project, "segment") == "Correct these next"
    assert headline(phantom_project, "round", {"plan": {"round": 2}}) == "Correct these next"
    assert headline(phantom_project) == "Correct these next"


def stroke(project, *slices):
    """Paint one pixel on each of these slices and save none of them."""
    for z in slices:
        number = project.labels.sync_state(0, z).sequence + 1
        project.labels.apply(0, z, Patch(number, np.array([(0, 1, 1 | 256)], np.uint32)))


def test_slices_with_strokes_that_are_not_saved_are_listed_and_can_be_opened(open_page, phantom_project):
    """All but the open one; a click opens one, and the one that was left is listed then."""
    open_ = phantom_project.proposals()[0].z
    stroke(phantom_project, open_)
    page = open_page(phantom_project.workspace, "annotate")
    assert "Not saved yet" not in words(page)
    stroke(phantom_project, 7, 11)
    page.run()
    assert "Not saved yet:" in words(page)
    assert [label for label in labels(page) if label.startswith("slice")] == ["slice 7", "slice 11"]
    _button(page, "slice 11").click().run()
    assert page.number_input(key="any_slice").value == 11
    assert {label for label in labels(page) if label.startswith("slice")} == {f"slice {open_}", "slice 7"}


def test_a_long_list_of_unsaved_slices_is_cut(open_page, phantom_project):
    """Six have a button, the others are counted."""
    page = open_page(phantom_project.workspace, "annotate")
    stroke(phantom_project, *(z for z in range(12) if z != page.number_input(key="any_slice").value))
    page.run()
    assert len([label for label in labels(page) if label.startswith("slice")]) == 6
    assert "and 5 more" in words(page)


@pytest.mark.parametrize(
    ("address", "opened"),
    [
        ({"slice": "7"}, 7),
        ({"project": "toy", "volume": "0", "slice": "7"}, 7),
        ({"slice": "12"}, None),
        ({"slice": "-1"}, None),
        ({"slice": "seven"}, None),
        ({"volume": "1", "slice": "7"}, None),
        ({"project": "gone", "slice": "7"}, None),
    ],
)
def test_a_window_opens_on_the_slice_in_the_address(monkeypatch, phantom_project, address, opened):
    """What is no slice of the open project is passed over: then the page chooses."""
    monkeypatch.setenv("UNDERPAINT_WORKSPACE", str(phantom_project.workspace))
    page = AppTest.from_file(MAIN, default_timeout=60).run()
    for name, value in address.items():
        page.query_params[name] = value
    page.switch_page("views/annotate.py").run()
    assert not page.exception
    chosen = phantom_project.proposals()[0].z
    assert page.number_input(key="any_slice").value == (chosen if opened is None else opened)
    page.number_input(key="any_slice").set_value(4).run()
    assert page.number_input(key="any_slice").value == 4


WORSE = (
    "Round 2 is trained, but it is less accurate than round 1 (mean Dice without the first class 0.70, was 0.90, on 38,988 "
    "held-back pixels)."
)


@pytest.fixture
def two_rounds(phantom_project):
    """A project whose second round is to be scored, with a proposal of it."""
    add_round(phantom_project)
    add_round(phantom_project)
    phantom_project.store.proposals.replace(2, [Proposal(0, 6, 0.5, "unsure", ())], model_selected=True)
    return phantom_project


@pytest.mark.parametrize("name", ["rounds", "annotate", "review", "results"])
@pytest.mark.parametrize(("second", "told"), [((0.9, 0.7, 0.7), True), ((0.9, 0.9, 0.9), False)])
def test_a_round_that_is_worse_is_said_to_be_so_wherever_its_prediction_is_offered(open_page, two_rounds, second, told, name):
    """In words what the numbers show; a round that is no worse has no warning."""
    score(two_rounds, (0.9, 0.9, 0.9), second)
    page = open_page(two_rounds.workspace, name)
    assert (WORSE in words(page)) == bool(page.warning) == told


def test_the_table_of_rounds_names_the_settings_that_were_changed(open_page, phantom_project):
    """Of each round, so that it can be told why one is worse; and a round that was gone back to ended by no rule."""
    phantom_project.train(replace(TINY, learning_rate=0.5, augment=AugmentConfig(curtain=3)))
    phantom_project.train(TINY)
    phantom_project.models.restore(1)
    table = open_page(phantom_project.workspace, "rounds").dataframe[0].value
    usual = ", ".join(f"{name} {value}" for name, value in phantom_project.models.rounds()[1].changed.items())
    assert "learning rate 0.5" in table["Changed settings"][2]
    assert "curtain 3" in table["Changed settings"][2]
    assert "curtain" not in usual
    assert list(table["Ended because"]) == ["–", *["its epochs were done"] * 2]


def test_strokes_that_a_round_does_not_learn_from_are_named_beside_its_button(open_page, phantom_project):
    """A stroke is kept at once and is no label yet; Annotate lists the other slices anyway."""
    for name in ("rounds", "annotate"):
        assert "are not saved" not in words(open_page(phantom_project.workspace, name))
    stroke(phantom_project, 3, 5)
    said = "Strokes on slice 3, slice 5 are not saved, so a round does not learn from them."
    assert said in words(open_page(phantom_project.workspace, "rounds"))
    page = open_page(phantom_project.workspace, "annotate")
    assert "are not saved" not in words(page)
    page.session_state["editing"] = (0, 5)
    assert "The strokes on this slice are not saved yet, so a round does not learn from them." in words(page.run())


def test_a_job_that_trained_a_worse_round_says_so(open_page, two_rounds):
    """The sidebar of every page keeps the warning that the job ended with."""
    score(two_rounds, (0.9, 0.9, 0.9), (0.9, 0.7, 0.7))
    with two_rounds.store.jobs.here("round", {}) as handle:
        handle.result = {"round": 2, "seconds": 1.0, "caution": two_rounds.models.regression_warning()}
    page = open_page(two_rounds.workspace, "results")
    assert [expander.label for expander in page.sidebar.expander] == [":orange[Training and scanning ended with a warning]"]
    assert WORSE in words(page)


def test_a_segmentation_that_failed_says_why(open_page, phantom_project):
    """The reason of a failed job stands on the page that started it."""
    phantom_project.train(TINY)
    with pytest.raises(UnderpaintError), phantom_project.store.jobs.here("segment", {}):
        raise StorageError("The disk is full; free some space.")
    page = open_page(phantom_project.workspace, "results")
    assert [error.value for error in page.error] == ["Segmenting everything failed: The disk is full; free some space."]


def _button(page, label):
    return next(button for button in page.button if button.label == label)


def _section(page, name):
    page.segmented_control[0].set_value(name)
    return page.run()
