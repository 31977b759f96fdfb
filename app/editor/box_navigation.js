/** Leads the person from place to place: the view goes where the boxes say. */

/** @typedef {import("./editor.js").Editor} Editor */

export class BoxNavigation {
  /** @param {Editor} editor */
  constructor(editor) {
    this.editor = editor;
  }

  /** The page has other boxes, or has heard of a save. */
  renew() {
    const { navigation, proposalBoxes } = this.editor;
    this.#show(proposalBoxes.set(navigation.data.boxes, navigation.data.base));
  }

  next() {
    const { claims, proposalBoxes } = this.editor;
    claims.cancel();
    this.#show(proposalBoxes.next());
  }

  /** A box was drawn by hand: whoever was asked about the whole slice means something else. */
  drawn() {
    this.editor.claims.cancel();
    this.editor.appearance.showBoxes();
  }

  /** @param {import("./slice/raster.js").Rect | null} rect the box to look at */
  #show(rect) {
    const { appearance, view } = this.editor;
    if (rect !== null) view.show(rect);
    appearance.showBoxes();
  }
}
