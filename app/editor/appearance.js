/**
 * Shows the state of the editor: colours of the mask, boxes, buttons, the brush outline, the status line. It reads the other
 * parts and changes none of them.
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

  /** Update the look of the slice. */
  showLook() {
    const { toolState, preferences, slice, imageSection, view } = this.editor;
    const { opacity, outline } = preferences;
    const look = { ...imageSection.look, opacity, outline, hidden: this.hidden, mode: toolState.mode };
    if (slice !== null) view.setLook(slice.facts.classes, look);
    this.showChoice();
  }

  showBoxes() {
    const { proposalBoxes, view } = this.editor;
    view.setBoxes(proposalBoxes.boxes);
    this.showChoice();
  }

  /** Update which controls are pressed and enabled. */
  showChoice() {
    const { uncertainty, toolState, painter, panel, preferences, preview, proposalBoxes, fullSliceAllowed } = this.editor;
    const box = fullSliceAllowed && proposalBoxes.region !== null;
    panel.setChoice({
      toolState,
      enter: painter?.outlining ? "polygon" : box ? "box" : "strokes",
      pressed: {
        heat: uncertainty.shown,
        preview: preview.on,
        "look:fill": !preferences.outline,
        "look:outline": preferences.outline,
      },
      enabled: this.#enabled(),
    });
  }

  /** @returns {Record<string, boolean>} by command */
  #enabled() {
    const { navigation, preview, slice, proposalBoxes, fullSliceAllowed } = this.editor;
    const ready = slice !== null;
    return {
      undo: slice?.history.canUndo ?? false,
      redo: slice?.history.canRedo ?? false,
      nextBox: ready && proposalBoxes.proposed.length > 0,
      skipBox: ready && proposalBoxes.chosenBox !== null,
      skipSlice: ready && Boolean(navigation.data.proposal),
      heat: ready,
      preview: ready,
      takePreview: preview.drawn,
      save: ready,
      claimSlice: fullSliceAllowed,
      copyPrevious: ready && navigation.data.z > 0,
      copyNext: ready && navigation.data.z < navigation.depth - 1,
      interpolate: ready,
    };
  }

  /** Update the brush outline under the cursor. */
  showRing() {
    const { toolState, root, slice, canvasInput, view } = this.editor;
    const { point, gestures } = canvasInput;
    const seen = point !== null && slice !== null && toolState.hasRing && !gestures.space;
    view.setRing(seen ? { ...snap(point, toolState.size), size: toolState.size, color: this.#ringColor() } : null);
    root.dataset.cursor = gestures.space ? "pan" : toolState.hasRing ? "brush" : "cross";
  }

  #ringColor() {
    const { toolState, slice } = this.editor;
    if (WITHOUT_CLASS.includes(toolState.tool)) return "#ffffff";
    return slice.facts.classes.find((c) => c.id === toolState.classId)?.color ?? UNSURE_COLOR;
  }

  showStatus() {
    const { uncertainty, navigation, panel, slice, canvasInput, view } = this.editor;
    if (slice === null) return panel.setStatus("");
    const { point } = canvasInput;
    this.probe.at(slice, pixelAt(slice.raster, point));
    const { scale } = view.camera;
    const { z } = navigation.data;
    return panel.setStatus(statusText({ slice, z, point, scale, uncertainty: uncertainty.map, raw: this.probe.raw }));
  }
}
