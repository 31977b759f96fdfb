import assert from "node:assert/strict";
import { test } from "node:test";

import { UNSURE } from "../../../app/editor/slice/raster.js";
import { Hand } from "../../../app/editor/tools/tool_state.js";

test("choosing a class takes up the tool that painted last", () => {
  const hand = new Hand();
  hand.take("lasso");
  hand.take("eraser");
  assert.equal(hand.paints, false);
  hand.choose(2);
  assert.deepEqual([hand.tool, hand.classId], ["lasso", 2]);
  hand.take("pick");
  hand.choose(UNSURE);
  assert.deepEqual([hand.tool, hand.classId], ["lasso", UNSURE]);
});

test("the lock is put on and taken off", () => {
  const hand = new Hand();
  hand.toggleLock(2);
  assert.equal(hand.lock, 2);
  hand.toggleLock(1);
  assert.equal(hand.lock, null);
});

test("what the project does not have is let go", () => {
  const hand = new Hand();
  hand.choose(5);
  hand.lock = 4;
  hand.fit([{ id: 0 }, { id: 1 }, { id: 2 }]);
  assert.deepEqual([hand.classId, hand.lock, hand.background], [1, null, 0]);
  hand.choose(UNSURE);
  hand.fit([{ id: 0 }, { id: 1 }]);
  assert.equal(hand.classId, UNSURE);
});

test("the brush is between 1 and 200 pixels", () => {
  const hand = new Hand();
  hand.resize(0.2);
  assert.equal(hand.size, 1);
  hand.resize(999);
  assert.equal(hand.size, 200);
});
