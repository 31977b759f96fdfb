/** What every command does. Keys and buttons name commands, the editor runs them. */

import { UNSURE } from "./slice/raster.js";
import { nextSize } from "./tools/brush.js";
import { TOOLS } from "./tools/tool_state.js";

/** @typedef {import("./editor.js").Editor} Editor */

/**
 * Return the commands by name; `name:value` calls `name` with the value.
 * @param {Editor} editor @returns {Record<string, (value?: string) => any>}
 */
export function commandsOf(editor) {
  const { choices, claims, toolState, navigation, canvasInput, view } = editor;
  const tools = TOOLS.map((tool) => [tool, () => choices.change(() => toolState.chooseTool(tool))]);
  return {
    ...Object.fromEntries(tools),
    flood: () => choices.change(() => toolState.chooseTool("fill")),
    class: (place) => choices.chooseClassAt(Number(place)),
    previousClass: () => choices.stepClass(-1),
    nextClass: () => choices.stepClass(1),
    unsure: () => choices.change(() => toolState.chooseClass(UNSURE)),
    lock: () => choices.change(() => toolState.toggleLock(canvasInput.classUnderCursor)),
    smaller: () => editor.set("size", nextSize(toolState.size, -1)),
    larger: () => editor.set("size", nextSize(toolState.size, 1)),
    mode: (mode) => choices.setMode(mode ?? (toolState.mode === "correct" ? "scribble" : "correct")),

    undo: () => step(editor, "undo"),
    redo: () => step(editor, "redo"),
    claim: () => (claims.asking ? claims.confirm() : editor.run("save")),
    confirm: () => claims.confirm(),
    save: () => editor.painter.close() || claims.claim(),
    claimStrokes: () => claims.strokes(),
    claimSlice: () => claims.fullSlice(),
    skipBox: () => editor.saving.skip("box"),
    skipSlice: () => editor.saving.skip("slice"),
    cancel: () => cancel(editor),

    slice: (z) => navigation.stepTo(Number(z)),
    previousSlice: () => navigation.stepTo(navigation.data.z - 1),
    nextSlice: () => navigation.stepTo(navigation.data.z + 1),
    nextBox: () => editor.boxNavigation.next(),
    copyPrevious: () => suggest(editor, `kind=neighbour&from=${navigation.data.z - 1}`),
    copyNext: () => suggest(editor, `kind=neighbour&from=${navigation.data.z + 1}`),
    interpolate: () => suggest(editor, "kind=interpolation"),
    newPrediction: () => claims.rebase(editor.slice.facts.latest),
    dismiss: () => editor.saving.dismiss(),
    reload: () => navigation.open(),
    retry: () => navigation.open(),

    fit: () => view.fit(),
    oneToOne: () => view.zoom(() => 1),
    zoomIn: () => view.zoom((scale) => scale * 1.4),
    zoomOut: () => view.zoom((scale) => scale / 1.4),
    heat: () => editor.slice && editor.uncertainty.toggle(editor.slice, navigation.signal),
    preview: () => choices.preview(!editor.preview.on),
    takePreview: () => editor.previewControls.adopt(),
    look: (kind) => choices.prefer({ outline: kind === "outline" }),
    sheet: () => editor.keySheet.toggle(),
  };
}

/** Cancel what was begun last: a stroke or polygon, a question, a request to the server, a box. */
function cancel({ appearance, claims, painter, slice, proposalBoxes }) {
  if (painter.busy) return painter.cancel();
  if (claims.asking) return claims.cancel();
  if (claims.busy) return slice?.retrier.giveUp();
  proposalBoxes.clear();
  return appearance.showBoxes();
}

/** @param {Editor} editor @param {"undo" | "redo"} which */
function step({ painter, undoSteps }, which) {
  return painter.busy ? painter.cancel() : undoSteps.step(which);
}

/** @param {Editor} editor @param {string} query */
function suggest({ choices, toolState, navigation, suggestions }, query) {
  if (toolState.mode === "scribble") choices.setMode("correct"); // scribbling would hide the suggestion
  return suggestions.suggest(query, navigation.signal);
}

/**
 * Return what sliders, lists and check boxes set.
 * @param {Editor} editor @returns {Record<string, (value: string | number | boolean) => any>}
 */
export function settingsOf(editor) {
  const { choices, toolState, panel } = editor;
  return {
    size: (value) => {
      toolState.resize(Number(value));
      panel.setSlider("size", toolState.size);
      choices.prefer({ size: toolState.size });
    },
    tolerance: (value) => {
      toolState.tolerance = Number(value);
      panel.setSlider("tolerance", toolState.tolerance);
    },
    opacity: (value) => {
      panel.setSlider("opacity", Number(value));
      choices.prefer({ opacity: Number(value) / 100 });
    },
    lock: (value) =>
      choices.change(() => {
        toolState.lock = value === "" ? null : Number(value);
      }),
    askSlice: (value) => choices.prefer({ askSlice: Boolean(value) }),
    dontAsk: (value) => {
      panel.setCheck("askSlice", !value);
      choices.prefer({ askSlice: !value });
    },
  };
}
