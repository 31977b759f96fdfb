"""Fields of a form made from a configuration: one line in ``core.config`` is a new field with its label, limits and help."""

from __future__ import annotations

from dataclasses import dataclass

from streamlit.testing.v1 import AppTest

from core.config import Checked, option


@dataclass(frozen=True)
class Toy(Checked):
    """One setting of each kind of field."""

    gap: int = option(4, "Slices between two.", at_least=1, at_most=9, label="Gap")
    limit: float | None = option(None, "Seconds at most.", at_least=0, label="Limit", step=0.5, format="%g")
    share: float = option(50.0, "In per cent.", at_least=0, at_most=100, label="Share", step=5, on_page=(10, 90))
    order: str = option("up", "The order of slices.", choices=("up", "down"), label="Order")
    dry: bool = option(False, "Do nothing.", label="Dry run")
    depth: int = option(3, "Not on the page.")


def page() -> None:
    """A form with one field placed by hand and the rest as they come."""
    import streamlit as st

    from app.components.form_fields import Form
    from tests.app.test_form_fields import Toy

    form = Form()
    asked = {"dry": form.setting("dry", Toy())}
    asked |= form.rest(Toy(), asked)
    st.text(f"{asked} {form.allowed}")


def test_each_setting_with_a_label_is_a_field() -> None:
    """With its value and help, and a widget by its kind; one without a label is not asked for."""
    shown = AppTest.from_function(page).run()
    assert not shown.exception
    numbers = [(one.label, one.value, one.help, one.step) for one in shown.number_input]
    assert numbers == [
        ("Gap", 4, "Slices between two.", 1),
        ("Limit", None, "Seconds at most.", 0.5),
        ("Share", 50, "In per cent.", 5),
    ]
    assert [(one.label, one.value, one.options) for one in shown.selectbox] == [("Order", "up", ["up", "down"])]
    assert [(one.label, one.value) for one in shown.checkbox] == [("Dry run", False)]
    assert shown.text[0].value == "{'dry': False, 'gap': 4, 'limit': None, 'share': 50, 'order': 'up'} True"


def test_a_value_that_is_not_allowed_is_said_to_be_so() -> None:
    """With the limits of the setting, or those of the page where they are narrower."""
    shown = AppTest.from_function(page).run()
    for name, value, said in (
        ("gap", 10, "Gap: 10 is not allowed; give 1 to 9."),
        ("limit", -1.0, "Limit: -1.0 is not allowed; give 0 or more."),
        ("share", 95, "Share: 95 is not allowed; give 10 to 90."),
    ):
        field = shown.number_input(key=f"train_{name}")
        before = field.value
        field.set_value(value).run()
        assert [error.value for error in shown.error] == [said]
        assert shown.text[0].value.endswith("False")
        shown.number_input(key=f"train_{name}").set_value(before).run()
        assert not shown.error
