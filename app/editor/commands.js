/** What every command does: keys and buttons name them, the editor runs them. */

import { TOOLS } from "./hand.js";
import { UNSURE } from "./raster.js";
import { nextSize } from "./tools.js";

/** @typedef {import("./editor.js").Editor} Editor */

/**
 * Commands by name; `name:value` calls `name` with the value.
 * @param {Editor} editor @returns {Record<string, (value?: string) => any>}
 */
export function commandsOf(editor) {
  const { claims, hand, view } = editor;
  const tools = TOOLS.map((tool) => [tool, () => editor.choose(() => hand.take(tool))]);
  return {
    ...Object.fromEntries(tools),
    flood: () => editor.choose(() => hand.take("fill")),
    class: (place) => editor.chooseClass(Number(place)),
    unsure: () => editor.choose(() => hand.choose(UNSURE)),
    lock: () => editor.choose(() => hand.toggleLock(editor.classUnderCursor())),
    smaller: () => editor.set("size", nextSize(hand.size, -1)),
    larger: () => editor.set("size", nextSize(hand.size, 1)),
    mode: (mode) => editor.setMode(mode ?? (hand.mode === "correct" ? "scribble" : "correct")),

    undo: () => editor.step("undo"),
    redo: () => editor.step("redo"),
    claim: () => editor.painter.close() || claims.claim(),
    claimStrokes: () => claims.strokes(),
    claimSlice: () => claims.wholeSlice(),
    cancel: () => editor.cancel(),

    slice: (z) => editor.goTo(Number(z)),
    previousSlice: () => editor.goTo(editor.data.z - 1),
    nextSlice: () => editor.goTo(editor.data.z + 1),
    nextBox: () => editor.nextBox(),
    copyPrevious: () => editor.suggest(`kind=neighbour&from=${editor.data.z - 1}`),
    copyNext: () => editor.suggest(`kind=neighbour&from=${editor.data.z + 1}`),
    interpolate: () => editor.suggest("kind=interpolation"),
    newPrediction: () => claims.rebase(editor.slice.facts.latest),
    dismiss: () => editor.dismiss(),
    reload: () => editor.open(),
    retry: () => editor.open(),

    fit: () => view.fit(),
    oneToOne: () => view.zoom(() => 1),
    zoomIn: () => view.zoom((scale) => scale * 1.4),
    zoomOut: () => view.zoom((scale) => scale / 1.4),
    heat: () => editor.slice && editor.doubt.toggle(editor.slice, editor.slices.signal),
    look: (kind) => editor.prefer({ outline: kind === "outline" }),
    sheet: () => editor.sheet.toggle(),
  };
}

/**
 * What sliders, lists and boxes set.
 * @param {Editor} editor @returns {Record<string, (value: string | number | boolean) => any>}
 */
export function settingsOf(editor) {
  const { hand, panel } = editor;
  return {
    size: (value) => {
      hand.resize(Number(value));
      panel.setSlider("size", hand.size);
      editor.prefer({ size: hand.size });
    },
    tolerance: (value) => {
      hand.tolerance = Number(value);
      panel.setSlider("tolerance", hand.tolerance);
    },
    opacity: (value) => {
      panel.setSlider("opacity", Number(value));
      editor.prefer({ opacity: Number(value) / 100 });
    },
    lock: (value) =>
      editor.choose(() => {
        hand.lock = value === "" ? null : Number(value);
      }),
    askSlice: (value) => editor.prefer({ askSlice: Boolean(value) }),
    dontAsk: (value) => {
      panel.setCheck("askSlice", !value);
      editor.prefer({ askSlice: !value });
    },
  };
}
