"""Choose the augmentation of the next round and see its effect on patches before training."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import session
from app.api.pictures import overlay
from app.components import training_form
from app.components.form_fields import label, limits
from app.components.messages import slice_name
from core.config import AugmentConfig, help_text, setting
from core.project import Project

_PATCHES = 8
_GREYS = (-3.5, 3.5)
"""Grey values shown black and white, in standard deviations of the slice: equal for all patches, to compare them."""
_ALL = "all"


def what_is_shown(project: Project) -> None:
    """Show the settings and example patches of the next round's augmentation; make no patch while the drawer is shut."""
    drawer = st.expander("What the model will be shown", key="what_is_shown", on_change="rerun", icon=":material/grid_view:")
    with drawer:
        if drawer.open:
            st.fragment(_drawer)(project)


def _drawer(project: Project) -> None:
    st.markdown(
        "In training, every painted patch is changed at random, to prepare the model for other slices. Turn up the artefacts "
        "of your instrument, and turn off those it never produces. The next round trains with these settings."
    )
    left, right = st.columns([1, 2.2], gap="large")
    with left:
        config = _strengths()
        session.set_augmentation(config)
        st.button("Back to the defaults", on_click=_reset, disabled=config == AugmentConfig(), icon=":material/restart_alt:")
    with right:
        _patches(project, config)


def _reset() -> None:
    session.set_augmentation(None)
    session.set_count("augmentation", session.count("augmentation") + 1)  # new keys reset the sliders


def _strengths() -> AugmentConfig:
    """Ask for the strength of each kind, the direction of the streaks and the share of patches."""
    now, version = session.augmentation(), session.count("augmentation")
    chosen: dict[str, float] = {}
    columns = st.columns(2)
    for number, kind in enumerate(AugmentConfig.kinds()):
        least, most = limits(AugmentConfig, kind)
        chosen[kind] = columns[number % 2].slider(
            label(AugmentConfig, kind),
            float(least),
            float(most),
            float(getattr(now, kind)),
            float(setting(AugmentConfig, kind, "step")),
            key=f"augment_{kind}_{version}",
            help=help_text(AugmentConfig, kind) + " 0 is off, 1 is usual.",
        )
    along = st.segmented_control(
        label(AugmentConfig, "curtain_along"),
        setting(AugmentConfig, "curtain_along", "choices"),
        default=now.curtain_along,
        required=True,
        key=f"augment_along_{version}",
        help=help_text(AugmentConfig, "curtain_along"),
    )
    least, most = limits(AugmentConfig, "share")
    share = st.slider(
        label(AugmentConfig, "share"),
        round(100 * least),
        round(100 * most),
        round(100 * now.share),
        round(100 * setting(AugmentConfig, "share", "step")),
        format="%d %%",
        key=f"augment_share_{version}",
        help=help_text(AugmentConfig, "share"),
    )
    return AugmentConfig(**chosen, curtain_along=along, share=share / 100)


def _patches(project: Project, config: AugmentConfig) -> None:
    """Ask for a slice and the kinds to show, then show patches."""
    labelled = [r.slice_id for r in project.labels.slices()]
    several = len(project.volumes)
    one, two, three = st.columns([1.2, 1.4, 0.8], vertical_alignment="bottom")
    slice_id = one.selectbox("Patch from", labelled, format_func=lambda p: slice_name(p, several), key="augment_place")
    kinds = [kind for kind in AugmentConfig.kinds() if getattr(config, kind) > 0]
    only = two.selectbox("Show", [_ALL, *kinds], format_func=_shown_name, key="augment_only")
    seed = session.count("augment_seed")
    three.button("Others", on_click=session.set_count, args=("augment_seed", seed + 1), icon=":material/casino:", width="stretch")
    tinted = st.toggle("Show labels", True, key="augment_labels")
    if slice_id is None:
        st.caption("Paint and save a slice first to see its patches here.")
        return
    shown = config if only == _ALL else config.alone(only)
    made = project.models.augmentation_examples(*slice_id, shown, side=training_form.chosen().patch, number=_PATCHES, seed=seed)
    colors = {n: c.color for n, c in enumerate(project.classes)} if tinted else {}
    pictures = [overlay(_grey(image[0]), label, colors) for image, label in zip(made.images, made.labels, strict=True)]
    columns = st.columns(3)
    for number, picture in enumerate(pictures):
        name = "Unchanged" if number == 0 else f"Changed, {number}"
        columns[number % 3].image(
            picture, caption=name, width="stretch", alt=f"{name}: a patch of {slice_name(slice_id, several)}"
        )


def _shown_name(kind: str) -> str:
    return "All changes, as in training" if kind == _ALL else f"Only {label(AugmentConfig, kind).lower()}"


def _grey(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Convert normalised greys ``(S, S)`` to uint8."""
    low, high = _GREYS
    return np.asarray(np.clip((image - low) * (255 / (high - low)), 0, 255), np.uint8)
