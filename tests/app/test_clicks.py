"""A click is answered once, also where the page is drawn again before it comes to the button."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from app import session


def page() -> None:
    """Two buttons below a fragment that may ask for another run first, as when a job has just ended."""
    import streamlit as st

    from app import session
    from app.components import clicks

    if st.session_state.pop("job has ended", False):
        st.rerun()
    if "leave" in st.session_state:
        session.choose(st.session_state.pop("leave"))
    answered = st.session_state.setdefault("answered", [])
    if st.button("Streamlit's"):
        answered.append("Streamlit's")
    if not st.session_state.get("gone") and clicks.button("Ours", key="ours"):
        answered.append("Ours")


def opened() -> AppTest:
    """The page, drawn once."""
    return AppTest.from_function(page).run()


def answered(test: AppTest) -> list[str]:
    """The buttons that have done what they are for."""
    return list(test.session_state["answered"])


def test_a_click_is_answered_once() -> None:
    """Not again when the page is drawn again for another reason."""
    test = opened()
    test.button[1].click().run()
    assert answered(test) == ["Ours"]
    assert answered(test.run()) == ["Ours"]


def test_a_click_survives_a_run_that_ends_before_its_button() -> None:
    """Where Streamlit's own button loses it."""
    test = opened()
    for button in test.button:
        test.session_state["job has ended"] = True
        button.click().run()
    assert answered(test) == ["Ours"]


def test_an_old_click_is_not_answered_by_a_button_that_appears_later() -> None:
    """Nobody remembers it."""
    test = opened()
    test.session_state["gone"] = True
    test.button[1].click().run()
    test.session_state["clicks"]["ours"] -= session._CLICK_SECONDS
    test.session_state["gone"] = False
    assert answered(test.run()) == []


def test_a_click_is_not_answered_in_another_project() -> None:
    """Opening one forgets the clicks waiting in the one before."""
    test = opened()
    test.session_state["gone"] = True
    test.button[1].click().run()
    assert "clicks" in test.session_state
    test.session_state["leave"] = "another"
    test.session_state["gone"] = False
    assert answered(test.run()) == []
