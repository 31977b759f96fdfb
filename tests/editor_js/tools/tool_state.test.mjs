import assert from "node:assert/strict";
import { test } from "node:test";

import { UNSURE } from "../../../app/editor/slice/raster.js";
import { ToolState } from "../../../app/editor/tools/tool_state.js";

test("choosing a class returns to the last tool that painted", () => {
  const toolState = new ToolState();
  toolState.chooseTool("lasso");
  toolState.chooseTool("eraser");
  assert.equal(toolState.paintsClass, false);
  toolState.chooseClass(2);
  assert.deepEqual([toolState.tool, toolState.classId], ["lasso", 2]);
  toolState.chooseTool("pick");
  toolState.chooseClass(UNSURE);
  assert.deepEqual([toolState.tool, toolState.classId], ["lasso", UNSURE]);
});

test("the lock toggles", () => {
  const toolState = new ToolState();
  toolState.toggleLock(2);
  assert.equal(toolState.lock, 2);
  toolState.toggleLock(1);
  assert.equal(toolState.lock, null);
});

test("a class or lock unknown to the project is reset", () => {
  const toolState = new ToolState();
  toolState.chooseClass(5);
  toolState.lock = 4;
  toolState.keepTo([{ id: 0 }, { id: 1 }, { id: 2 }]);
  assert.deepEqual([toolState.classId, toolState.lock, toolState.background], [1, null, 0]);
  toolState.chooseClass(UNSURE);
  toolState.keepTo([{ id: 0 }, { id: 1 }]);
  assert.equal(toolState.classId, UNSURE);
});

test("the brush is between 1 and 200 pixels", () => {
  const toolState = new ToolState();
  toolState.resize(0.2);
  assert.equal(toolState.size, 1);
  toolState.resize(999);
  assert.equal(toolState.size, 200);
});
