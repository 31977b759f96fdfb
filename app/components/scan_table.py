"""The table of scanned slices, to sort, filter and choose from."""

from __future__ import annotations

import streamlit as st

from app import session
from app.components.charts import Row
from core.geometry import SliceId
from core.project import Project
from core.storage.proposals import ScannedSlice


def scanned_table(project: Project, scores: list[ScannedSlice]) -> None:
    """Show the scanned slices with the model's confidence per class, to sort, filter and click on."""
    names = [c.name for c in project.classes]
    one, two, three = st.columns([1.2, 2, 1.4], vertical_alignment="center", gap="large")
    name = one.selectbox("Filter by the confidence of", names, index=min(1, len(names) - 1))
    limit = two.slider("Show slices where that confidence is at most", 50, 100, 100, format="%d %%")
    hide = three.checkbox("Hide what I looked at or painted")
    marks = project.proposals.looked(), {row.slice_id for row in project.labels.slices()}
    table = _filtered([_row(s, names, marks) for s in scores], f"{name}, sure", limit, hide)
    if not table:
        st.caption("No scanned slice fits this filter.")
        return
    percent = {f"{n}, {what}": st.column_config.NumberColumn(format="%.1f %%") for n in names for what in ("sure", "share")}
    slices = [SliceId(row["Volume"], row["Slice"]) for row in table]
    key = f"table_{name}_{limit}_{hide}"
    st.dataframe(table, hide_index=True, height=320, key=key, column_config=percent, selection_mode="single-row",
                 on_select=lambda: _selected(key, slices))  # fmt: skip
    st.caption("Sure: mean probability of the winning class over the pixels predicted as that class, as the model sees it. "
               "Share: of the working region. Select a row to see its slice above; click a heading to sort.")  # fmt: skip


def _filtered(table: list[Row], column: str, limit: int, hide: bool) -> list[Row]:
    """Return the rows at most ``limit`` per cent sure in ``column``, least sure first; all rows at 100."""
    if limit < 100:
        table = [row for row in table if row[column] is not None and row[column] <= limit]
    if hide:
        table = [row for row in table if not (row["Looked at"] or row["Painted"])]
    return sorted(table, key=lambda row: 101.0 if row[column] is None else row[column])


def _selected(key: str, slices: list[SliceId]) -> None:
    event = session.widget(key)
    rows = event["selection"]["rows"] if event else []
    if rows and rows[0] < len(slices):
        session.review(slices[rows[0]])


def _row(scored: ScannedSlice, names: list[str], marks: tuple[set[SliceId], set[SliceId]]) -> Row:
    row: Row = {"Volume": scored.volume, "Slice": scored.z, "Unsure (score)": round(scored.score, 3)}
    for name, sure, share in zip(names, scored.class_confidence, scored.class_fraction, strict=False):
        row[f"{name}, sure"] = None if sure is None else round(100 * sure, 1)
        row[f"{name}, share"] = round(100 * share, 1)
    return {**row, "Looked at": scored.slice_id in marks[0], "Painted": scored.slice_id in marks[1]}
