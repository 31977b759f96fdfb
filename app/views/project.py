"""Project: open or create one; edit its classes, its volumes and their working regions."""

from __future__ import annotations

import html
import os
from pathlib import Path

import streamlit as st

from app import session
from app.components import clicks, slice_figures
from app.components.messages import duration, plural, scores_in_words, spoken
from app.components.region_drawing import working_region
from app.components.region_shapes import share
from app.components.status import held_back, scores_note
from app.routes import picture_url
from core.geometry import SliceId
from core.project import Project, list_projects
from core.storage.catalog import HIGHEST_WEIGHT, VolumeRow, palette_color
from core.storage.database import LabelClass
from core.storage.labels import Revision
from core.storage.rounds import RoundRow

_FIRST_CLASSES = ("background", "", "")
_CARD_SIDE = 800
_FIRST_TEXT = """
**From a few painted slices to a segmented volume.** Underpaint learns from what you paint and tells you where it is least
sure, so that you paint as little as possible.

1. **Make a project** here: choose your image volume, and name the classes to find in it.
2. **Annotate**: paint some pixels of every class on three slices.
3. **Train a round**: the model learns in the background, then proposes the slices to correct next.
4. Correct, train again, and stop when **Rounds** and **Review** show that it is good enough. **Results** has the masks.
"""


def show() -> None:
    """Show the page."""
    project: Project | None = None
    with spoken():
        project = session.project()
    if project is None:
        st.title("Underpaint")
        _entrance()
        return
    st.title(project.name)
    sections = ["Overview", "Classes", "Volumes", "Working region", "Open or create another"]
    section = st.segmented_control("Section", sections, default="Overview", required=True, label_visibility="collapsed",
                                   key=f"section_{project.name}")  # fmt: skip
    with spoken():
        _SECTIONS[section or "Overview"](project)


def _entrance() -> None:
    """Show the first screen: an introduction, the existing projects, and a form for a new one."""
    left, right = st.columns([1, 1.25], gap="large")
    with left:
        st.markdown(_FIRST_TEXT)
        _open_list(None)
    with right, st.container(border=True):
        _create()


def _another(project: Project) -> None:
    left, right = st.columns([1, 1.25], gap="large")
    with left:
        _open_list(project.name)
    with right, st.container(border=True):
        _create()


def _open_list(current: str | None) -> None:
    names = [name for name in list_projects(session.workspace()) if name != current]
    st.subheader("Open a project")
    st.caption(f"Projects in the workspace {session.workspace()}" if names else
               f"There is no {'other ' if current else ''}project in the workspace {session.workspace()} yet.")  # fmt: skip
    for name in names:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            with spoken():
                project = Project.open(session.workspace(), name)
                st.markdown(f"**{name}**  \n{_facts(project)}")
            if clicks.button("Open", key=f"open_{name}"):
                session.choose(name)
                st.rerun()


def _facts(project: Project) -> str:
    shapes = "; ".join(_shape(v) for v in project.volumes)
    classes = ", ".join(c.name for c in project.classes)
    return f"{shapes}  \n{classes} · {plural(len(project.labels.slices()), 'painted slice')}"


def _shape(row: VolumeRow) -> str:
    depth, channels, height, width = row.shape
    several = "" if channels == 1 else f", {channels} channels"
    return f"{plural(depth, 'slice')} of {height:,} × {width:,} pixels{several}, {row.dtype}"


def _create() -> None:
    """Show the form for a new project; after an error it keeps its contents."""
    st.subheader("Create a project")
    name = st.text_input("Project name", placeholder="for example: concrete-2026", help="Letters, digits, - and _.")
    paths = st.text_area("Volume", height=80, placeholder="/data/fibsem/stack.tif",
                         help="The full path on this computer: a multi-page TIFF, a folder of numbered images, or a zarr. "
                              "For several volumes write one path per line; they train one model together.")  # fmt: skip
    classes = _class_rows([LabelClass(i, n, palette_color(i)) for i, n in enumerate(_FIRST_CLASSES)], "new")
    with st.expander("Axes and voxel size, if the file does not say"):
        axes = st.text_input("Axis order", placeholder="for example ZYX or ZCYX", help="Leave empty to read it from the file.")
        voxel = _voxel_inputs("new", None)
    if clicks.button("Create the project", type="primary"):
        with spoken():
            _make(name.strip(), _paths(paths), [c for c in classes if c.name], axes, voxel)


def _make(name: str, volumes: list[Path], classes: list[LabelClass], axes: str, voxel: tuple[float, float, float] | None) -> None:
    numbered = [LabelClass(i, c.name, c.color) for i, c in enumerate(classes)]
    order = axes.strip().upper() or None
    Project.create(session.workspace(), name, volumes=volumes, classes=numbered, axes=order, voxel_nm=voxel)
    session.choose(name)
    session.say(f"The project {name} is ready. Paint the first slices on the Annotate page.")
    st.rerun()


def _paths(text: str) -> list[Path]:
    return [Path(os.path.expanduser(line.strip().strip("\"'"))) for line in text.splitlines() if line.strip()]


def _class_rows(classes: list[LabelClass], key: str) -> list[LabelClass]:
    """Ask for colour and name per class, with a button to add one; return the current values."""
    st.markdown("**Classes** <small>· the first is the background: all pixels of no other class</small>", unsafe_allow_html=True)
    number = max(session.count(f"classes_{key}", len(classes)), len(classes))
    made = []
    for i in range(number):
        known = classes[i] if i < len(classes) else LabelClass(i, "", palette_color(i))
        left, right = st.columns([1, 8], vertical_alignment="center", gap="small")
        color = left.color_picker(f"Colour of class {i}", known.color, key=f"color_{key}_{i}", label_visibility="collapsed")
        name = right.text_input(f"Name of class {i}", known.name, key=f"class_{key}_{i}", label_visibility="collapsed",
                                placeholder=f"class {i}, for example {('background', 'pore', 'phase')[min(i, 2)]}")  # fmt: skip
        made.append(LabelClass(i, name.strip(), color))
    st.button("Add a class", key=f"add_{key}", icon=":material/add:", type="tertiary", on_click=session.set_count,
              args=(f"classes_{key}", number + 1))  # fmt: skip
    return made


def _voxel_inputs(key: str, known: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
    """Ask for three lengths in nm; return None while any is 0."""
    values = []
    for i, (column, axis) in enumerate(zip(st.columns(3), ("z (slice distance)", "y", "x"), strict=True)):
        start = 0.0 if known is None else known[i]
        values.append(column.number_input(f"Voxel {axis}, nm", 0.0, value=start, step=1.0, key=f"voxel_{key}_{i}", format="%g",
                                          help="0 = unknown"))  # fmt: skip
    return (values[0], values[1], values[2]) if all(v > 0 for v in values) else None


def _overview(project: Project) -> None:
    """Show the project's state and the next step."""
    st.html(slice_figures.CSS)
    painted, rounds = project.labels.slices(), project.models.rounds()
    left, right = st.columns([1.5, 1], gap="large")
    with left:
        with st.container(border=True):
            _next_step(project, len(painted), len(rounds))
        _numbers(project, painted, rounds)
        st.subheader("Classes")
        st.html(_chips(project))
        st.subheader("Held back for validation")
        held_back(project)
    with right:
        for row in project.volumes:
            _volume_card(project, row)


def _numbers(project: Project, painted: list[Revision], rounds: list[RoundRow]) -> None:
    """Show the project in four numbers, each with its basis."""
    one, two, three = st.columns(3)
    one.metric("Painted slices", len(painted), border=True)
    two.metric("Active painting", duration(project.labels.active_seconds()), border=True,
               help="Pauses of more than 30 s without input are left out.")  # fmt: skip
    three.metric("Rounds trained", len(rounds), border=True)
    if rounds and rounds[-1].validation_pixels:
        newest = rounds[-1]
        st.markdown(f"Validation Dice of round {newest.round}: **{scores_in_words(newest.validation_dice)}**, measured on "
                    f"{plural(newest.validation_pixels, 'held-back pixel')}. {scores_note(project, newest)}")  # fmt: skip


def _next_step(project: Project, painted: int, rounds: int) -> None:
    job = project.jobs.current()
    if job is not None and job.active and job.kind == "round":
        text = f"A round is in training on {plural(painted, 'painted slice')}; its proposals appear automatically."
        page, label = "rounds", "Watch its curve"
    elif not painted:
        text = "Paint some pixels of **every class** on three slices; the Annotate page suggests which."
        page, label = "annotate", "Paint the first slices"
    elif not rounds:
        text = f"{plural(painted, 'slice')} painted. Paint a few more, or train the first round on these."
        page, label = "rounds", "Train the first round"
    else:
        text = (
            f"{plural(painted, 'slice')} painted, {plural(rounds, 'round')} trained. Correct what the model is least sure about."
        )
        page, label = "annotate", "Correct the next slice"
    st.markdown(f"**What to do next.** {text}")
    st.page_link(session.PAGES[page], label=label, icon=":material/arrow_forward:")


def _chips(project: Project) -> str:
    chip = ('<span style="display:inline-flex;align-items:center;gap:.4em;margin-right:1.2em">'
            '<span style="width:1em;height:1em;border-radius:3px;background:{}"></span>{}</span>')  # fmt: skip
    return "".join(chip.format(c.color, html.escape(c.name)) for c in project.classes)


def _volume_card(project: Project, row: VolumeRow) -> None:
    """Show the middle slice of a volume, and its facts."""
    z = row.depth // 2
    with st.container(border=True):
        st.markdown(f"**Volume {row.index}: {row.path.name}**")
        with spoken():
            project.volume(row.index)  # raises an error if its files have moved
            url = picture_url(project, SliceId(row.index, z), layer="grey", side=_CARD_SIDE)
            st.html(slice_figures.picture(url, f"Slice {z} of {row.path.name}", row.slice_shape, tallest="60vh"))
        voxel = "voxel size unknown" if row.voxel_nm is None else f"voxel {_nm(row.voxel_nm)} (z, y, x)"
        covered = f"{100 * share(row.region, row.slice_shape):.0f} % of the slice" if row.region else "whole slice"
        st.caption(f"Slice {z} of {_shape(row)}; {voxel}; working region: {covered}.")


def _nm(voxel: tuple[float, float, float]) -> str:
    return " × ".join(f"{v:g}" for v in voxel) + " nm"


def _classes(project: Project) -> None:
    st.caption("Rename or recolour a class, or add one. A class cannot be removed, because labels and models name it.")
    with st.container(width=560):
        rows = _class_rows(list(project.classes), project.name)
        if clicks.button("Save the classes", type="primary"):
            named = [c for c in rows if c.name or c.id < len(project.classes)]
            project.set_classes([LabelClass(i, c.name, c.color) for i, c in enumerate(named)])
            session.set_count(f"classes_{project.name}", len(project.classes))
            session.say("The classes are saved.")
            st.rerun()


def _volumes(project: Project) -> None:
    for row in project.volumes:
        with st.container(border=True, width=720):
            st.markdown(f"**Volume {row.index}** · {_shape(row)}  \n`{row.path}`")
            _voxel_size(project, row)
            _weight(project, row)
            _new_place(project, row)
    _add_volume(project)


def _voxel_size(project: Project, row: VolumeRow) -> None:
    voxel = _voxel_inputs(f"{project.name}_{row.index}", row.voxel_nm)
    changed = voxel is not None and voxel != row.voxel_nm
    if clicks.button("Save the voxel size", key=f"save_voxel_{row.index}", disabled=not changed):
        project.set_voxel_size(row.index, voxel)
        session.say(f"The voxel size of volume {row.index} is saved; segment again for volumes in µm³.")
        st.rerun()


def _weight(project: Project, row: VolumeRow) -> None:
    """Ask for the weight of a volume in training beside others; a single volume has no such setting."""
    if len(project.volumes) == 1 and row.weight:
        return
    chosen = st.number_input("Weight in training", 0.0, HIGHEST_WEIGHT, row.weight, step=0.5, format="%g",
                             key=f"weight_{project.name}_{row.index}",
                             help="How often its labelled pixels are trained on: 1 is the default, 2 twice as often, 0 leaves "
                                  "the volume out of training. It applies from the next round on.")  # fmt: skip
    if clicks.button("Save the weight", key=f"save_weight_{row.index}", disabled=chosen == row.weight):
        project.set_weight(row.index, chosen)
        session.say(f"Volume {row.index} has the weight {chosen:g} from the next round on.")
        st.rerun()


def _new_place(project: Project, row: VolumeRow) -> None:
    with st.expander("The files have moved", expanded=not row.path.exists()):
        path = st.text_input("New path of the same files", key=f"move_{row.index}", placeholder=str(row.path))
        if clicks.button("Use the new path", key=f"save_move_{row.index}", disabled=not path.strip()):
            project.move_volume(row.index, _paths(path)[0])
            session.say(f"Volume {row.index} is read from its new path.")
            st.rerun()


def _add_volume(project: Project) -> None:
    with st.container(border=True, width=720):
        st.markdown("**Add a volume**  \nIts slices are proposed and painted beside the others; all train one model.")
        path = st.text_input("Path of the volume", placeholder="/data/fibsem/second.tif")
        axes = st.text_input("Axis order", placeholder="only if the file does not say, for example ZYX")
        if clicks.button("Add", disabled=not path.strip()):
            project.add_volume(_paths(path)[0], axes=axes.strip().upper() or None)
            session.say("The volume is added.")
            st.rerun()


_SECTIONS = {
    "Overview": _overview,
    "Classes": _classes,
    "Volumes": _volumes,
    "Working region": working_region,
    "Open or create another": _another,
}

show()
