/** What the editor does with the preview of a quick first model: shows it, takes it into the mask, uncovers what is to be saved. */

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

  /** Put the preview into the mask, as a suggestion. */
  take() {
    const { atWork, choices, slice, suggestions } = this.editor;
    if (!this.preview.drawn || atWork) return;
    const pairs = toRunLengths(slice.raster.preview);
    choices.setMode("correct");
    suggestions.adopt(slice, pairs);
    this.preview.hide("The preview is in the mask now. Mend it, then save a box or the whole slice; strokes alone do not save it.");
  }

  /** Nobody vouches for pixels that the preview covers. @returns {boolean} whether it did */
  uncover() {
    if (!this.preview.drawn) return false;
    this.preview.hide("The preview is hidden on this slice; V brings it back.");
    this.editor.say("The preview is hidden now, so that you see the mask: that is what would be saved.");
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
