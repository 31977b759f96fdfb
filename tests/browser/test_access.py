"""Who gets in, in a real browser: with the key, over plain HTTP from elsewhere, after a restart; and a foreign page does not."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.project import Project
from core.storage.access_key import access_key
from tests.browser.painting import brush, on_screen, paint, place, until, values
from tests.serving import CHROMIUM_FLAGS, free_port, key_address, let_in, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COMMAND = [sys.executable, "-m", "streamlit", "run", "app/server.py"]


def test_a_browser_without_the_key_is_asked_for_it(chromium: Browser, project: Project, shared_app: tuple[str, Path]) -> None:
    """A wrong key is said to be wrong; the right one opens the page asked for, and is in no address afterwards."""
    url, workspace = shared_app
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{url}/annotate?project={project.name}")
    page.get_by_label("Access key").fill("a guess")
    page.get_by_role("button", name="Open").click()
    page.get_by_text("This is not the key").wait_for()
    page.get_by_label("Access key").fill(access_key(workspace))
    page.keyboard.press("Enter")
    page.wait_for_selector(".editor[data-loaded]")
    assert page.url.startswith(f"{url}/annotate?project={project.name}")
    assert "key=" not in page.url
    page.go_back()
    assert access_key(workspace) not in page.url
    context.close()


def test_the_editor_works_over_plain_http_under_another_name(
    chromium: Browser, project: Project, shared_app: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a page that the browser takes for insecure, strokes are stored as on this machine."""
    monkeypatch.setenv("NO_PROXY", "lab-7.example")
    port, flags = free_port(), [*CHROMIUM_FLAGS, "--host-resolver-rules=MAP lab-7.example 127.0.0.1", "--no-proxy-server"]
    command = [*COMMAND, "--browser.serverAddress", "lab-7.example"]
    browser = chromium.browser_type.launch(executable_path=_path(chromium), args=flags)
    try:
        with serving(command, port=port, workspace=shared_app[1], log=tmp_path / "said.txt"):
            page = browser.new_page()
            page.goto(key_address(f"http://lab-7.example:{port}", shared_app[1]))
            page.wait_for_url(lambda address: "key=" not in address)
            assert not page.evaluate("isSecureContext")
            page.goto(f"http://lab-7.example:{port}/annotate?project={project.name}")
            page.wait_for_selector(".editor[data-loaded]")
            brush(page, 1)
            paint(page, (10, 20), (30, 20))
            assert (values(project, place(page)[1])[20, 12:28] == 1 | 256).all()
    finally:
        browser.close()


def test_strokes_made_while_the_app_was_down_arrive_after_a_restart(browser_page: Page, project: Project, tmp_path: Path) -> None:
    """The key outlives the restart, so the open page reconnects by itself."""
    workspace, port = project.workspace, free_port()
    with serving(COMMAND, port=port, workspace=workspace, log=tmp_path / "before.log") as url:
        let_in(browser_page.context, url, workspace)
        browser_page.goto(f"{url}/annotate?project={project.name}")
        browser_page.wait_for_selector(".editor[data-loaded]")
        brush(browser_page, 1)
        z = place(browser_page)[1]
    browser_page.mouse.move(*on_screen(browser_page, 10, 20))
    browser_page.mouse.down()
    browser_page.mouse.move(*on_screen(browser_page, 30, 20), steps=6)
    browser_page.mouse.up()
    browser_page.wait_for_selector(".chip:not([data-state=saved])")
    assert not values(project, z).any()
    with serving(COMMAND, port=port, workspace=workspace, log=tmp_path / "after.log"):
        until(lambda: np.count_nonzero(values(project, z) == 1 | 256) > 15)
        browser_page.wait_for_selector(".chip[data-state=saved]")


def test_strokes_made_while_the_disk_was_away_arrive_when_it_is_back(opened: Page, project: Project) -> None:
    """The page stays on the project and says what is the matter; nothing queued is thrown away."""
    brush(opened, 1)
    z, away = place(opened)[1], project.folder.with_name(f"{project.name}.away")
    project.folder.rename(away)
    try:
        opened.mouse.move(*on_screen(opened, 10, 20))
        opened.mouse.down()
        opened.mouse.move(*on_screen(opened, 30, 20), steps=6)
        opened.mouse.up()
        opened.wait_for_selector(".chip[data-state=retrying]")
        opened.wait_for_timeout(5000)  # longer than the page waits between two looks at the project
        opened.get_by_text("out of reach").first.wait_for()
    finally:
        away.rename(project.folder)
    until(lambda: np.count_nonzero(values(project, z) == 1 | 256) > 15)
    opened.wait_for_selector(".chip[data-state=saved]")


def test_strokes_of_a_deleted_project_do_not_reach_a_new_one_of_its_name(opened: Page, project: Project, tmp_path: Path) -> None:
    """The stroke waits while there is none; then the page says that it was dropped, and shows the new project as it is."""
    brush(opened, 1)
    z = place(opened)[1]
    paint(opened, (10, 10))
    project.store.records.close()
    shutil.rmtree(project.folder)
    opened.mouse.click(*on_screen(opened, 30, 20))
    opened.wait_for_selector(".chip[data-state=retrying]")
    anew = Project.create(project.workspace, project.name, volumes=[tmp_path / "toy.tif"], classes=["matrix", "pore", "phase"])
    opened.get_by_text("made anew after this page had opened it").first.wait_for()
    assert (anew.labels.editing(0, z).sequence, anew.labels.slices()) == (0, [])
    opened.wait_for_selector(".editor[data-loaded]")
    paint(opened, (40, 40))
    assert np.count_nonzero(values(anew, z)) == 1


ATTACK = """
async (target) => {
  const socket = new Promise((done) => {
    const made = new WebSocket(target.replace("http", "ws") + "/_stcore/stream", ["streamlit"]);
    made.onopen = () => done("open");
    made.onerror = () => done("refused");
  });
  const read = fetch(target + "/underpaint/api/none/0/0/slice", { credentials: "include" }).then(() => "read", () => "refused");
  const picture = new Promise((done) => {
    const made = document.body.appendChild(new Image());
    made.onload = () => done("shown");
    made.onerror = () => done("refused");
    made.src = `${target}/favicon.png?${Math.random()}`; // not from the cache
  });
  const frame = await new Promise((done) => {
    const made = document.body.appendChild(document.createElement("iframe"));
    made.onload = () => done(made);
    made.src = target;
  });
  return { socket: await socket, read: await read, picture: await picture, frames: frame.contentWindow.length };
}
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[str]:
    """The address of a page that is not the app's, on another port of this machine."""
    (tmp_path / "index.html").write_text("<!doctype html><title>elsewhere</title><body>")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def test_a_foreign_page_in_the_same_browser_reaches_nothing(
    browser_page: Page, shared_app: tuple[str, Path], foreign: str
) -> None:
    """The browser has the key; a page of another port, to which it sends the same cookies, still gets nothing."""
    target = shared_app[0].replace("127.0.0.1", "localhost")
    browser_page.goto(key_address(target, shared_app[1]))
    browser_page.wait_for_url(lambda address: "key=" not in address)
    browser_page.goto(foreign)
    refused: list[int] = []
    browser_page.on("response", lambda answer: refused.append(answer.status) if answer.url.startswith(target) else None)
    found = browser_page.evaluate(ATTACK, target)
    assert (found["socket"], found["read"], found["picture"]) == ("refused", "refused", "refused")
    assert set(refused) == {403}
    assert browser_page.frame_locator("iframe").get_by_text("own page").count() <= 1, "the refusal, if anything"


def _path(chromium: Browser) -> str:
    from tests.serving import chromium_path

    found = chromium_path()
    assert found is not None
    return found
