import assert from "node:assert/strict";
import { test } from "node:test";

import { Camera, grained } from "../../app/editor/camera.js";

function camera() {
  const made = new Camera();
  made.setView(900, 700);
  made.setImage(6000, 4000);
  made.fit();
  return made;
}

test("fit shows the whole slice", () => {
  const { x0, y0, x1, y1 } = camera().visible();
  assert.deepEqual([x0, y0, x1, y1], [0, 0, 6000, 4000]);
});

test("the point under the cursor stays there when zooming, to within a screen pixel", () => {
  const moved = camera();
  for (const factor of [1.7, 3, 2.2, 0.4]) {
    const before = moved.toImage(321, 234);
    moved.zoomAt(321, 234, moved.scale * factor);
    const after = moved.toImage(321, 234);
    assert.ok(Math.abs(after.x - before.x) * moved.scale <= 1, `x after ${factor}`);
    assert.ok(Math.abs(after.y - before.y) * moved.scale <= 1, `y after ${factor}`);
  }
});

test("tiles of 512 pixels begin and end on screen pixels at every scale", () => {
  for (const scale of [0.02, 0.1371, 1, 1.25, 7.7, 64]) {
    assert.equal((grained(scale) * 512) % 1, 0);
  }
});

test("the zoom stays between 2 % and 6400 %, and the slice cannot be lost from view", () => {
  const moved = camera();
  moved.zoomAt(10, 10, 1000);
  assert.equal(moved.scale, 64);
  moved.zoomAt(10, 10, 0);
  assert.ok(moved.scale >= 0.019);
  moved.panBy(1e6, -1e6);
  const { x0, y0, x1, y1 } = moved.visible();
  assert.ok(x1 > x0 && y1 > y0);
});
