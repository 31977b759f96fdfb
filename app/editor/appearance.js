/**
 * What the person sees of the state that the editor is in: colours of the mask, boxes, buttons, the ring under the cursor,
 * the status line. It reads the other parts and changes none of them.
 */

import { Probe, statusText } from "./panel/status_line.js";
import { pixelAt } from "./slice/raster.js";
import { snap } from "./tools/brush.js";
import { UNSURE_COLOR } from "./view/palette.js";

/** @typedef {import("./editor.js").Editor} Editor */

const WITHOUT_CLASS = ["eraser", "restore"];

export class Appearance {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    /** Whether the mask is hidden, while a key is held. */
    this.hidden = false;
    this.probe = new Probe(() => this.showStatus());
  }

  /** @param {boolean} hidden */
  hide(hidden) {
    if (this.hidden === hidden) return;
    this.hidden = hidden;
    this.showLook();
  }

  /** How the slice is drawn. */
  showLook() {
    const { hand, preferences, slice, tone, view } = this.editor;
    const { opacity, outline } = preferences;
    const look = { ...tone.look, opacity, outline, hidden: this.hidden, mode: hand.mode };
    if (slice !== null) view.setLook(slice.facts.classes, look);
    this.showChoice();
  }

  showBoxes() {
    const { spots, view } = this.editor;
    view.setBoxes(spots.boxes);
    this.showChoice();
  }

  /** What is chosen, and what can be done. */
  showChoice() {
    const { doubt, hand, painter, panel, preferences, preview, spots, whole } = this.editor;
    const box = whole && spots.region !== null;
    panel.setChoice({
      hand,
      enter: painter?.outlining ? "polygon" : box ? "box" : "strokes",
      pressed: { heat: doubt.shown, preview: preview.on, "look:fill": !preferences.outline, "look:outline": preferences.outline },
      enabled: this.#enabled(),
    });
  }

  /** @returns {Record<string, boolean>} by command */
  #enabled() {
    const { opening, preview, slice, spots, whole } = this.editor;
    const ready = slice !== null;
    return {
      undo: slice?.history.canUndo ?? false,
      redo: slice?.history.canRedo ?? false,
      nextBox: ready && spots.hot.length > 0,
      skipBox: ready && spots.place !== null,
      skipSlice: ready && Boolean(opening.data.proposal),
      heat: ready,
      preview: ready,
      takePreview: preview.drawn,
      save: ready,
      claimSlice: whole,
      copyPrevious: ready && opening.data.z > 0,
      copyNext: ready && opening.data.z < opening.depth - 1,
      interpolate: ready,
    };
  }

  /** The brush under the cursor. */
  showRing() {
    const { hand, root, slice, surface, view } = this.editor;
    const { place, pointers } = surface;
    const seen = place !== null && slice !== null && hand.round && !pointers.space;
    view.setRing(seen ? { ...snap(place, hand.size), size: hand.size, color: this.#ringColor() } : null);
    root.dataset.cursor = pointers.space ? "pan" : hand.round ? "brush" : "cross";
  }

  #ringColor() {
    const { hand, slice } = this.editor;
    if (WITHOUT_CLASS.includes(hand.tool)) return "#ffffff";
    return slice.facts.classes.find((c) => c.id === hand.classId)?.color ?? UNSURE_COLOR;
  }

  showStatus() {
    const { doubt, opening, panel, slice, surface, view } = this.editor;
    if (slice === null) return panel.setStatus("");
    const { place } = surface;
    this.probe.at(slice, pixelAt(slice.raster, place));
    const { scale } = view.camera;
    return panel.setStatus(statusText({ slice, z: opening.data.z, place, scale, doubt: doubt.map, raw: this.probe.raw }));
  }
}
