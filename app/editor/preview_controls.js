/** Shows the preview of the quick first model, adopts it into the mask, and hides it before a save. */

import { toRunLengths } from "./saving/suggestions.js";
import { Preview } from "./view/preview.js";

/** @typedef {import("./editor.js").Editor} Editor */

export class PreviewControls {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.preview = new Preview(editor.preferences.preview, {
      nothingElse: () => editor.toolState.mode === "scribble" || editor.slice?.round === 0,
      inView: () => editor.view.camera.visible(),
      changed: (rect) => this.#changed(rect),
      hint: (sentence) => editor.panel.setPreviewHint(sentence),
    });
  }

  /** Adopt the preview into the mask, as a suggestion. */
  adopt() {
    const { atWork, choices, slice, suggestions } = this.editor;
    if (!this.preview.drawn || atWork) return;
    const pairs = toRunLengths(slice.raster.preview);
    choices.setMode("correct");
    suggestions.adopt(slice, pairs);
    const next = "Correct it, then save a box or the whole slice; saving strokes leaves it out.";
    this.preview.hide(`The preview is in the mask now. ${next}`);
  }

  /** Hide the preview, so that no one claims pixels that it covers. @returns {boolean} whether it was shown */
  uncover() {
    if (!this.preview.drawn) return false;
    this.preview.hide("The preview is hidden on this slice; V brings it back.");
    this.editor.say("The preview is hidden now. You see the mask as it would be saved.");
    return true;
  }

  /** @param {import("./slice/raster.js").Rect} rect */
  #changed(rect) {
    const { appearance, view } = this.editor;
    view.changed(rect);
    appearance.showChoice();
    appearance.showStatus();
  }
}
