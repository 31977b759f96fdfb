import assert from "node:assert/strict";
import { test } from "node:test";

import { Choices } from "../../app/editor/choices.js";
import { UNSURE } from "../../app/editor/slice/raster.js";
import { ToolState } from "../../app/editor/tools/tool_state.js";

/** Choices in an editor with classes of these ids, and a record of its updates and cancelled operations. */
function choices(ids) {
  const said = [];
  const note = (name) => () => said.push(name);
  const toolState = new ToolState();
  const slice = ids === null ? null : { facts: { classes: ids.map((id) => ({ id })) } };
  const appearance = { showChoice: note("choice"), showRing: note("ring"), showLook: note("look") };
  const editor = { toolState, slice, appearance, painter: { cancel: note("painter") }, claims: { cancel: note("claims") }, preview: { renew: note("preview") },
    preferences: {} };
  return { made: new Choices(editor), toolState, said, editor };
}

test("stepping through the classes follows the list cyclically", () => {
  const { made, toolState } = choices([0, 1, 7, 3]);
  const seen = [1, 1, 1, -1].map((step) => {
    made.stepClass(step);
    return toolState.classId;
  });
  assert.deepEqual(seen, [7, 3, 0, 3]);
  toolState.chooseClass(UNSURE);
  made.stepClass(1);
  assert.equal(toolState.classId, 0);
  toolState.chooseClass(UNSURE);
  made.stepClass(-1);
  assert.equal(toolState.classId, 3);
});

test("a place beyond the list, or without a slice, chooses nothing", () => {
  const { made, toolState, said } = choices([0, 1]);
  made.chooseClassAt(9);
  const none = choices(null);
  none.made.stepClass(1);
  assert.deepEqual([toolState.classId, said, none.toolState.classId, none.said], [1, [], 1, []]);
});

test("changing the tool cancels its operation, choosing the same tool does not", () => {
  const { made, toolState, said } = choices([0, 1]);
  made.change(() => toolState.chooseTool("lasso"));
  assert.deepEqual(said.splice(0), ["painter", "choice", "ring"]);
  made.change(() => toolState.chooseClass(0));
  assert.deepEqual(said, ["choice", "ring"]);
});

test("changing the mode withdraws a question", () => {
  const { made, toolState, said, editor } = choices([0, 1]);
  made.setMode("scribble");
  assert.deepEqual([toolState.mode, editor.preferences.mode, said], ["scribble", "scribble", ["claims", "look", "ring", "preview"]]);
});
