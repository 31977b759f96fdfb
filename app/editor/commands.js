/** What every command does: keys and buttons name them, the editor runs them. */

import { UNSURE } from "./slice/raster.js";
import { nextSize } from "./tools/brush.js";
import { TOOLS } from "./tools/tool_state.js";

/** @typedef {import("./editor.js").Editor} Editor */

/**
 * Commands by name; `name:value` calls `name` with the value.
 * @param {Editor} editor @returns {Record<string, (value?: string) => any>}
 */
export function commandsOf(editor) {
  const { choices, claims, hand, opening, surface, view } = editor;
  const tools = TOOLS.map((tool) => [tool, () => choices.take(() => hand.take(tool))]);
  return {
    ...Object.fromEntries(tools),
    flood: () => choices.take(() => hand.take("fill")),
    class: (place) => choices.takeClass(Number(place)),
    previousClass: () => choices.stepClass(-1),
    nextClass: () => choices.stepClass(1),
    unsure: () => choices.take(() => hand.choose(UNSURE)),
    lock: () => choices.take(() => hand.toggleLock(surface.classUnderCursor)),
    smaller: () => editor.set("size", nextSize(hand.size, -1)),
    larger: () => editor.set("size", nextSize(hand.size, 1)),
    mode: (mode) => choices.setMode(mode ?? (hand.mode === "correct" ? "scribble" : "correct")),

    undo: () => step(editor, "undo"),
    redo: () => step(editor, "redo"),
    claim: () => (claims.asking ? claims.confirm() : editor.run("save")),
    confirm: () => claims.confirm(),
    save: () => editor.painter.close() || claims.claim(),
    claimStrokes: () => claims.strokes(),
    claimSlice: () => claims.wholeSlice(),
    skipBox: () => editor.saving.skip("box"),
    skipSlice: () => editor.saving.skip("slice"),
    cancel: () => cancel(editor),

    slice: (z) => opening.stepTo(Number(z)),
    previousSlice: () => opening.stepTo(opening.data.z - 1),
    nextSlice: () => opening.stepTo(opening.data.z + 1),
    nextBox: () => editor.guide.next(),
    copyPrevious: () => suggest(editor, `kind=neighbour&from=${opening.data.z - 1}`),
    copyNext: () => suggest(editor, `kind=neighbour&from=${opening.data.z + 1}`),
    interpolate: () => suggest(editor, "kind=interpolation"),
    newPrediction: () => claims.rebase(editor.slice.facts.latest),
    dismiss: () => editor.saving.dismiss(),
    reload: () => opening.open(),
    retry: () => opening.open(),

    fit: () => view.fit(),
    oneToOne: () => view.zoom(() => 1),
    zoomIn: () => view.zoom((scale) => scale * 1.4),
    zoomOut: () => view.zoom((scale) => scale / 1.4),
    heat: () => editor.slice && editor.doubt.toggle(editor.slice, opening.signal),
    preview: () => choices.preview(!editor.preview.on),
    takePreview: () => editor.first.take(),
    look: (kind) => choices.prefer({ outline: kind === "outline" }),
    sheet: () => editor.sheet.toggle(),
  };
}

/** Take back what is begun, the latest first: a stroke or polygon, a question, what waits for the server, a box. */
function cancel({ appearance, claims, painter, slice, spots }) {
  if (painter.busy) return painter.cancel();
  if (claims.asking) return claims.cancel();
  if (claims.busy) return slice?.patience.giveUp();
  spots.clear();
  return appearance.showBoxes();
}

/** @param {Editor} editor @param {"undo" | "redo"} which */
function step({ painter, steps }, which) {
  return painter.busy ? painter.cancel() : steps.step(which);
}

/** @param {Editor} editor @param {string} query */
function suggest({ choices, hand, opening, steps }, query) {
  if (hand.mode === "scribble") choices.setMode("correct"); // scribbling would hide it
  return steps.suggest(query, opening.signal);
}

/**
 * What sliders, lists and boxes set.
 * @param {Editor} editor @returns {Record<string, (value: string | number | boolean) => any>}
 */
export function settingsOf(editor) {
  const { choices, hand, panel } = editor;
  return {
    size: (value) => {
      hand.resize(Number(value));
      panel.setSlider("size", hand.size);
      choices.prefer({ size: hand.size });
    },
    tolerance: (value) => {
      hand.tolerance = Number(value);
      panel.setSlider("tolerance", hand.tolerance);
    },
    opacity: (value) => {
      panel.setSlider("opacity", Number(value));
      choices.prefer({ opacity: Number(value) / 100 });
    },
    lock: (value) =>
      choices.take(() => {
        hand.lock = value === "" ? null : Number(value);
      }),
    askSlice: (value) => choices.prefer({ askSlice: Boolean(value) }),
    dontAsk: (value) => {
      panel.setCheck("askSlice", !value);
      choices.prefer({ askSlice: !value });
    },
  };
}
