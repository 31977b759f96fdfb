/** Moves the view from box to box. */

/** @typedef {import("./editor.js").Editor} Editor */

export class BoxNavigation {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
  }

  /** Take the boxes of the page, and go on after a save. */
  renew() {
    const { navigation, proposalBoxes } = this.editor;
    this.#show(proposalBoxes.set(navigation.data.boxes, navigation.data.base));
  }

  next() {
    const { claims, proposalBoxes } = this.editor;
    claims.cancel();
    this.#show(proposalBoxes.next());
  }

  /** Note a box drawn by hand, which replaces a question about the full slice. */
  drawn() {
    this.editor.claims.cancel();
    this.editor.appearance.showBoxes();
  }

  /** @param {import("./slice/raster.js").Rect | null} rect the box to show */
  #show(rect) {
    const { appearance, view } = this.editor;
    if (rect !== null) view.show(rect);
    appearance.showBoxes();
  }
}
