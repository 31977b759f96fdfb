"""The pages in a real browser: they fit the screen, fetch nothing from elsewhere, and clicks do what they say."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import numpy as np
import pytest
import tifffile

from core.config import ProposeConfig
from core.project import Project
from core.proposals.ranking import Proposal
from core.storage.drafts import Patch
from tests.conftest import TINY
from tests.predicted import add_round, keep, score
from tests.serving import free_port, let_in, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

    from tests.conftest import Files

PAGES = {"": "Overview", "annotate": "Correct these next", "rounds": "Round by round", "review": "Hottest places",
         "results": "Segment all"}  # fmt: skip


@pytest.fixture(scope="module")
def trained(shared_app: tuple[str, Path], phantom_files: Files) -> Project:
    """A project of the running app with one short round, a scan and proposals."""
    project = _project(shared_app, phantom_files, "trained")
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    project.train(TINY)
    project.propose(ProposeConfig(number=3))
    return project


def _project(shared_app: tuple[str, Path], files: Files, name: str) -> Project:
    name = f"{name}-{uuid4().hex[:8]}"
    return Project.create(shared_app[1], name, volumes=[files.image], classes=files.classes)


def go(page: Page, shared_app: tuple[str, Path], project: Project, place: str) -> None:
    """Open a page on a project and wait until it says what it is about."""
    page.goto(f"{shared_app[0]}/{place}?project={project.name}")
    page.get_by_text(PAGES[place]).first.wait_for()


def until(true: Callable[[], bool]) -> None:
    """Wait until something has happened on the server."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.1)


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900), (1920, 1080)])
def test_every_page_fits_the_width_and_the_editor_fits_the_screen(
    chromium: Browser, shared_app: tuple[str, Path], trained: Project, size: tuple[int, int]
) -> None:
    """No page scrolls sideways; the Annotate page does not scroll at all and gives the editor most of the screen."""
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]})
    let_in(context, *shared_app)
    page = context.new_page()
    for place in PAGES:
        go(page, shared_app, trained, place)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], place
    go(page, shared_app, trained, "annotate")
    page.wait_for_selector(".editor[data-loaded]")
    main = page.get_by_test_id("stMain")
    assert main.evaluate("e => e.scrollHeight - e.clientHeight") <= 0
    editor = page.locator(".editor").bounding_box()
    assert editor is not None
    assert editor["width"] * editor["height"] > 0.65 * size[0] * size[1]
    assert editor["y"] + editor["height"] <= size[1]
    assert page.locator("aside").evaluate("e => e.scrollHeight - e.clientHeight") <= 0, "all of the panel is seen"
    context.close()


def test_no_page_asks_another_machine(browser_page: Page, shared_app: tuple[str, Path], trained: Project) -> None:
    """Every request goes to the app itself: no fonts, icons or statistics from elsewhere."""
    hosts: set[str | None] = set()
    browser_page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    for place in PAGES:
        go(browser_page, shared_app, trained, place)
        browser_page.wait_for_timeout(500)
    assert hosts - {None} == {"127.0.0.1"}


def test_a_click_on_the_picture_of_a_snapshot_looks_at_it(
    browser_page: Page, shared_app: tuple[str, Path], trained: Project
) -> None:
    """On the picture itself, not only on the words below it."""
    go(browser_page, shared_app, trained, "rounds")
    _look_at_the_first(browser_page, trained)


def test_no_picture_of_a_snapshot_is_seen_before_it_can_be_clicked_on(
    browser_page: Page, shared_app: tuple[str, Path], trained: Project
) -> None:
    """While the code of buttons is on its way, the pictures are hidden; a click on one as soon as it is seen counts."""
    held: list[Route] = []
    browser_page.route(re.compile(r"/static/js/Button\."), lambda route: held.append(route))
    go(browser_page, shared_app, trained, "rounds")
    pictures = browser_page.locator("[class*=st-key-snapshot-] .up-picture")
    until(lambda: pictures.count() == len(trained.models.snapshots(1)))
    assert held, "Streamlit keeps the code of buttons elsewhere"
    assert not any(picture.is_visible() for picture in pictures.all())
    for route in held:
        route.continue_()
    _look_at_the_first(browser_page, trained)


def _look_at_the_first(page: Page, project: Project) -> None:
    """Click on the picture of the first snapshot as soon as it is seen, and wait for what is said about it."""
    snapshots = project.models.snapshots(1)
    assert len(snapshots) > 1
    picture = page.locator(f".st-key-snapshot-1-{snapshots[0].step} .up-picture")
    picture.wait_for()
    picture.click(force=True)  # a button lies over it
    page.locator(f".st-key-snapshot-1-{snapshots[0].step} .chosen").wait_for()
    assert page.get_by_text("– the end").count() == 0
    page.get_by_text("Go back to this snapshot").wait_for()


def test_a_proposal_opens_in_the_editor_and_saving_goes_on_to_the_next(
    browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files
) -> None:
    """Click on the second suggestion, paint, save: it is stored, said, and the first suggestion left is opened."""
    project = _project(shared_app, phantom_files, "walk")
    first, second, *_ = project.proposals()
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(f".editor[data-loaded='0/{first.z}']")
    browser_page.get_by_role("button", name=f"Slice {second.z}", exact=True).click()
    browser_page.wait_for_selector(f".editor[data-loaded='0/{second.z}']")
    browser_page.locator(".overlay").click()
    browser_page.wait_for_selector(".chip[data-state=saved]")
    browser_page.get_by_text("Save strokes").click()
    toast = browser_page.get_by_test_id("stToast").filter(has_text=f"saved on slice {second.z}")
    toast.wait_for()
    browser_page.wait_for_selector(f".editor[data-loaded='0/{first.z}']")
    assert [row.z for row in project.labels.slices()] == [second.z]
    assert browser_page.get_by_role("button", name=f"Slice {second.z}", exact=True).count() == 0


def test_a_rectangle_on_the_canvas_is_the_working_region(
    browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files
) -> None:
    """Dragged over a quarter of the slice and saved, it limits the project to that quarter; clearing lifts it."""
    project = _project(shared_app, phantom_files, "region")
    go(browser_page, shared_app, project, "")
    browser_page.get_by_role("radio", name="Working region").click()
    browser_page.get_by_text("Rectangle", exact=True).click()
    middle = browser_page.locator(".canvas-root canvas").first
    until(lambda: len(set(middle.evaluate("c => [...c.getContext('2d').getImageData(9, 9, 30, 30).data]"))) > 30)
    canvas = browser_page.locator(".canvas-root canvas").last
    canvas.wait_for()
    browser_page.wait_for_timeout(1000)
    box = canvas.bounding_box()
    assert box is not None
    browser_page.mouse.move(box["x"] + 2, box["y"] + 2)
    browser_page.mouse.down()
    browser_page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=8)
    browser_page.mouse.up()
    browser_page.get_by_text(re.compile("covers 2[45] %")).wait_for()
    browser_page.get_by_role("button", name="Save the region").click()
    until(lambda: bool(project.volumes[0].region))
    mask = project.region_mask(0)
    assert mask is not None
    quarter = np.zeros_like(mask)
    quarter[: mask.shape[0] // 2, : mask.shape[1] // 2] = True
    assert (mask == quarter).mean() > 0.97
    browser_page.get_by_text(re.compile("Stored: 2[45] %")).wait_for()
    browser_page.wait_for_timeout(1000)
    browser_page.get_by_role("button", name="Clear the region").click()
    until(lambda: not project.volumes[0].region)


def test_the_pictures_under_review_are_fetched_once(browser_page: Page, shared_app: tuple[str, Path], trained: Project) -> None:
    """All of them arrive, their boxes lie inside them, and another window takes them from the browser's own cache."""
    asked: list[str] = []
    browser_page.on("requestfinished", lambda request: asked.append(request.url) if "thumbnail.png" in request.url else None)
    go(browser_page, shared_app, trained, "review")
    loaded = "all => all.length === 6 && all.every(image => image.complete && image.naturalWidth > 0)"
    until(lambda: browser_page.locator(".up-picture img").evaluate_all(loaded))
    assert len(set(asked)) == 6
    rects = "(picture, of) => of(picture).map(e => e.getBoundingClientRect()).map(r => [r.left, r.top, r.right, r.bottom])"
    places = f"all => all.map(p => ({rects})(p, p => [p, ...p.querySelectorAll('i')]))"  # at one moment: a page may still move
    for (left, top, right, bottom), *inner in browser_page.locator(".up-picture:has(i)").evaluate_all(places):
        for x0, y0, x1, y1 in inner:
            assert left - 1 <= x0 < x1 <= right + 1
            assert top - 1 <= y0 < y1 <= bottom + 1
    assert browser_page.locator(".up-picture i").count() > 2
    page = browser_page.context.new_page()
    go(page, shared_app, trained, "review")
    until(lambda: page.locator(".up-picture img").evaluate_all(loaded))
    sizes = "performance.getEntriesByType('resource').filter(e => e.name.includes('thumbnail.png')).map(e => e.transferSize)"
    assert page.evaluate(sizes) == [0] * 6


def test_a_click_on_the_score_chart_chooses_the_slice(browser_page: Page, shared_app: tuple[str, Path], trained: Project) -> None:
    """The left end of the chart is the first slice, and the picture follows."""
    go(browser_page, shared_app, trained, "review")
    chart = browser_page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first
    chart.wait_for()
    browser_page.wait_for_timeout(1000)
    box = chart.bounding_box()
    assert box is not None
    browser_page.mouse.click(box["x"] + 90, box["y"] + box["height"] / 2)
    browser_page.get_by_text(re.compile(r"^Slice [01]\. Boxes")).wait_for()


def test_proposals_appear_by_themselves_and_the_slice_in_the_editor_stays(
    browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files
) -> None:
    """A round that ends elsewhere is announced within seconds; the slice under the hand is not swapped."""
    project = _project(shared_app, phantom_files, "wait")
    project.labels.import_file(phantom_files.truth, slices=[2, 8])
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded]")
    before = browser_page.locator(".editor").get_attribute("data-loaded")
    project.train(TINY)
    project.propose(ProposeConfig(number=3))
    browser_page.get_by_text("New proposals are ready").wait_for()
    assert browser_page.locator(".editor").get_attribute("data-loaded") == before
    browser_page.get_by_role("button", name="Open the first one").click()
    browser_page.wait_for_selector(f".editor[data-loaded='0/{project.proposals()[0].z}']")
    browser_page.get_by_text("New proposals are ready").wait_for(state="detached")


def test_a_page_that_is_loaded_anew_comes_back_to_its_slice(
    browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files
) -> None:
    """After steps, which are ahead of the page, and after a number; it is opened once, and Back leaves the page."""
    project = _project(shared_app, phantom_files, "reload")
    browser_page.goto(f"{shared_app[0]}/rounds?project={project.name}")
    browser_page.get_by_role("link", name="Annotate").first.click()
    first = project.proposals()[0].z
    browser_page.wait_for_selector(f".editor[data-loaded='0/{first}']")
    browser_page.keyboard.type("...")
    _comes_back(browser_page, project, first + 3)
    browser_page.locator(".st-key-any_slice input").fill("9")
    browser_page.keyboard.press("Enter")
    _comes_back(browser_page, project, 9)
    browser_page.go_back()
    browser_page.wait_for_url("**/rounds*")


def test_a_server_that_is_started_anew_comes_back_to_the_slice(browser_page: Page, tmp_path: Path, phantom_files: Files) -> None:
    """Nobody loads the page anew; steps have made no entries in the browser's history."""
    project = Project.create(tmp_path, "toy", volumes=[phantom_files.image], classes=phantom_files.classes)
    first, port = project.proposals()[0].z, free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app/server.py"]
    with serving(command, port=port, workspace=tmp_path, log=tmp_path / "before.log") as url:
        let_in(browser_page.context, url, tmp_path)
        browser_page.goto(f"{url}/annotate?project=toy")
        browser_page.wait_for_selector(f".editor[data-loaded='0/{first}']")
        entries = browser_page.evaluate("history.length")
        browser_page.keyboard.type("...")
        browser_page.wait_for_selector(f".editor[data-loaded='0/{first + 3}']")
        browser_page.wait_for_timeout(5000)  # longer than the page waits before it takes the slice for settled
        assert browser_page.evaluate("history.length") == entries
    with serving(command, port=port, workspace=tmp_path, log=tmp_path / "after.log"):
        running = browser_page.get_by_text("Not saved yet:")
        project.labels.apply(0, 0, Patch(1, np.array([(0, 1, 1 | 256)], np.uint32)))
        running.wait_for()  # the page has run in the new server
        browser_page.wait_for_timeout(1000)
        assert browser_page.locator(".editor").get_attribute("data-loaded") == f"0/{first + 3}"
        assert browser_page.locator(".st-key-any_slice input").input_value() == str(first + 3)


def _comes_back(page: Page, project: Project, z: int) -> None:
    """Load the page anew on this slice."""
    page.wait_for_selector(f".editor[data-loaded='0/{z}']")
    page.wait_for_url(f"**/annotate?project={project.name}&volume=0&slice={z}")
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if request.url.endswith("/slice") else None)
    page.reload()
    page.wait_for_selector(f".editor[data-loaded='0/{z}']")
    page.wait_for_timeout(2500)  # longer than the page waits between two looks at the project
    assert opened == [f"{urlsplit(page.url).scheme}://{urlsplit(page.url).netloc}/underpaint/api/{project.name}/0/{z}/slice"]


def test_after_quick_steps_all_agree_on_the_slice(browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files) -> None:
    """However many keys come while the page runs, it is the same editor, and page and address agree with it on the slice."""
    project = _project(shared_app, phantom_files, "steps")
    first = project.proposals()[0].z
    pages = [browser_page, browser_page.context.new_page(), browser_page.context.new_page()]
    for page, apart in zip(pages, (30, 80, 150), strict=True):
        page.goto(f"{shared_app[0]}/annotate?project={project.name}&slice={first}")
        page.wait_for_selector(f".editor[data-loaded='0/{first}']")
        page.locator(".editor").evaluate("editor => { editor.dataset.seen = 'yes'; }")
        page.keyboard.type("." * 6, delay=apart)
    browser_page.wait_for_timeout(7000)  # longer than the editor waits for a page that is behind
    for page in pages:
        z = page.locator(".st-key-any_slice input").input_value()
        assert page.locator(".editor").get_attribute("data-loaded") == f"0/{z}"
        assert f"slice={z}" in page.url
        assert first < int(z) <= first + 6
        assert page.locator(".editor").get_attribute("data-seen") == "yes"  # Streamlit moves it now and then


def test_a_worse_round_is_announced_with_a_warning(
    browser_page: Page, shared_app: tuple[str, Path], phantom_files: Files
) -> None:
    """Sidebar and editor say that it is less accurate, with both numbers, and offer its proposals and prediction all the same."""
    project = _project(shared_app, phantom_files, "worse")
    blank = np.zeros((160, 160), np.uint8)
    keep(project, 6, blank, blank)
    browser_page.goto(f"{shared_app[0]}/annotate?project={project.name}")
    browser_page.wait_for_selector(".editor[data-loaded='0/6']")
    add_round(project)
    project.store.proposals.replace(2, [Proposal(0, 4, 0.5, "unsure", ())], model_selected=True)
    score(project, (0.9, 0.9, 0.98), (0.9, 0.7, 0.76))
    clause = "it is less accurate than round 1 (mean Dice without the first class 0.73, was 0.94, on 38,988 held-back pixels)"
    sidebar = browser_page.get_by_test_id("stSidebar")
    sidebar.get_by_text(f"Round 2 is trained, but {clause}. New proposals are ready.").wait_for()
    sidebar.get_by_role("button", name="Open the first one").wait_for()
    notice = browser_page.locator(".notice")
    notice.get_by_text(f"Round 2 has a new prediction, but {clause}. Your strokes stay.").wait_for()
    notice.get_by_role("button", name="Use it").wait_for()


def test_everything_is_segmented_and_downloaded(
    browser_page: Page, shared_app: tuple[str, Path], trained: Project, tmp_path: Path
) -> None:
    """The button starts a job, the shares appear when it ends, and the file is the stack of class ids."""
    go(browser_page, shared_app, trained, "results")
    browser_page.get_by_role("button", name=re.compile("Segment all")).click()
    link = browser_page.get_by_text(re.compile("^Download .*segmentation.*tif"))
    link.wait_for(timeout=120_000)
    with browser_page.expect_download() as download:
        link.click()
    download.value.save_as(tmp_path / "masks.tif")
    masks = tifffile.imread(tmp_path / "masks.tif")
    assert masks.shape == (12, 160, 160)
    assert masks.max() < 3
    shares = browser_page.get_by_text("share of the volume").or_(browser_page.get_by_test_id("stDataFrame"))
    shares.filter(visible=True).first.wait_for()  # the scores have a table of their own, which is folded away
