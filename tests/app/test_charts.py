"""Charts of the pages."""

from app.components.charts import bars, curve_rows, lines, round_rows, scores_along_z, shares
from core.storage.rounds import CurvePoint, RoundRow

ROUND = RoundRow(2, 0.5, {"pore": 0.9, "phase": None}, 100, (1,), 3, 60.0, 0.0, 30.0, "c", (1,), "unet", None)


def test_a_curve_leaves_out_what_was_not_measured():
    """A point without validation adds a training loss only, and a class that is absent adds nothing."""
    points = [CurvePoint(1.0, 5, 0.7, None, None), CurvePoint(2.0, 9, 0.6, 0.8, (0.9, None))]
    losses, dice = curve_rows(points, ["pore", "phase"])
    assert losses == [
        {"seconds": 1.0, "measure": "training", "value": 0.7},
        {"seconds": 2.0, "measure": "training", "value": 0.6},
        {"seconds": 2.0, "measure": "validation", "value": 0.8},
    ]
    assert dice == [{"seconds": 2.0, "measure": "pore", "value": 0.9}]


def test_rounds_leave_out_what_was_not_measured():
    """A class without a score has no point on the chart, neither at 0 nor at 1."""
    losses, dice = round_rows([ROUND])
    assert losses == [{"round": 2, "measure": "validation", "value": 0.5}]
    assert dice == [{"round": 2, "measure": "pore", "value": 0.9}]


def test_lines_keep_the_classes_colours():
    """The legend's colours are the ones the editor paints with."""
    losses, _ = round_rows([ROUND])
    spec = lines(losses, x="round", y_title="loss", colors={"validation": "#0072b2", "b": "#000000"})
    scale = spec.to_dict()["encoding"]["color"]["scale"]
    assert scale == {"domain": ["validation", "b"], "range": ["#0072b2", "#000000"]}


def test_the_score_chart_can_be_clicked():
    """Its selection is called pick and holds z."""
    rows = [{"z": 0, "score": 0.1, "labelled": False}, {"z": 4, "score": 0.3, "labelled": True}]
    spec = scores_along_z(rows, chosen=4, depth=8).to_dict()
    (pick,) = spec["params"]
    assert (pick["name"], pick["select"]["fields"]) == ("pick", ["z"])


def test_nothing_painted_is_an_empty_bar_not_a_broken_axis():
    """The axis goes to 1 at least."""
    spec = bars([{"round": 1, "minutes": 0.0}], x="round", x_title="round", y="minutes", y_title="minutes").to_dict()
    assert spec["encoding"]["y"]["scale"]["domainMax"] == 1.0


def test_shares_are_drawn_in_the_order_of_the_classes():
    """The axis goes from nothing to the whole."""
    spec = shares([{"class": "b", "fraction": 0.2}, {"class": "a", "fraction": 0.8}], {"a": "#111111"}).to_dict()
    encoding = spec["layer"][0]["encoding"]
    assert encoding["y"]["sort"] == ["b", "a"]
    assert encoding["x"]["scale"]["domain"] == [0, 1]
