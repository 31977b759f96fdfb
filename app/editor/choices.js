/** The user's choices: tool, class, mode and look. Each choice is shown at once, and preferences are stored. */

import { savePreferences } from "./panel/preferences.js";

/** @typedef {import("./editor.js").Editor} Editor */

export class Choices {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
  }

  /** @param {() => void} change changes the tool state */
  change(change) {
    const { appearance, toolState, painter } = this.editor;
    const { tool } = toolState;
    change();
    if (toolState.tool !== tool) painter.cancel();
    appearance.showChoice();
    appearance.showRing();
  }

  /** @param {number} place in the list of classes; ignored if there is none */
  chooseClassAt(place) {
    const { toolState, slice } = this.editor;
    const chosen = slice?.facts.classes[place];
    if (chosen !== undefined) this.change(() => toolState.chooseClass(chosen.id));
  }

  /** Choose the next or previous class of the list, cyclically; from "unsure", go to either end. @param {1 | -1} step */
  stepClass(step) {
    const { toolState, slice } = this.editor;
    const count = slice?.facts.classes.length ?? 0;
    const here = slice?.facts.classes.findIndex(({ id }) => id === toolState.classId) ?? -1;
    this.chooseClassAt(here === -1 ? (step > 0 ? 0 : count - 1) : (here + step + count) % count);
  }

  /** @param {"correct" | "scribble"} mode */
  setMode(mode) {
    this.editor.toolState.mode = mode;
    this.editor.claims.cancel();
    this.prefer({ mode });
    this.editor.preview.renew();
  }

  /** @param {boolean} on whether to show the preview */
  preview(on) {
    this.editor.preview.setOn(on);
    this.prefer({ preview: on });
  }

  /** @param {Partial<import("./panel/preferences.js").Preferences>} part */
  prefer(part) {
    const { appearance, preferences } = this.editor;
    Object.assign(preferences, part);
    savePreferences(preferences);
    appearance.showLook();
    appearance.showRing();
  }
}
