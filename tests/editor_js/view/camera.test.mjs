import assert from "node:assert/strict";
import { test } from "node:test";

import { Camera, roundedScale } from "../../../app/editor/view/camera.js";

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

test("a slice that is fitted is fitted anew into a view of another size, one that was moved stays where it is", () => {
  const fitted = camera();
  fitted.setView(450, 350);
  assert.deepEqual(fitted.visible(), { x0: 0, y0: 0, x1: 6000, y1: 4000 });
  const { scale } = fitted;
  fitted.setView(900, 700);
  assert.ok(fitted.scale > 1.9 * scale);
  for (const move of [(c) => c.panBy(5, 0), (c) => c.zoomAt(1, 1, 0.2), (c) => c.centre(100, 100), (c) => c.show({ x0: 0, y0: 0, x1: 9, y1: 9 })]) {
    const moved = camera();
    move(moved);
    const before = moved.scale;
    moved.setView(450, 350);
    assert.equal(moved.scale, before);
  }
});

test("the point under the cursor stays there when zooming, to within a screen pixel", () => {
  const moved = camera();
  const before = moved.toImage(321, 234);
  for (const factor of [1.7, 3, 2.2, 0.4]) {
    moved.zoomAt(321, 234, moved.scale * factor);
    const after = moved.toImage(321, 234);
    assert.ok(Math.abs(after.x - before.x) * moved.scale <= 1, `x after ${factor}`);
    assert.ok(Math.abs(after.y - before.y) * moved.scale <= 1, `y after ${factor}`);
  }
});

test("tiles of 512 pixels begin and end on screen pixels at every scale", () => {
  for (const scale of [0.02, 0.1371, 1, 1.25, 7.7, 64]) {
    assert.equal((roundedScale(scale) * 512) % 1, 0);
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

test("turning the wheel to and fro brings everything back to where it was", () => {
  const moved = camera();
  moved.zoomAt(450, 350, 0.7);
  moved.panBy(0, 0);
  const before = moved.toImage(123, 456);
  for (let turn = 0; turn < 40; turn += 1) moved.zoomBy(123, 456, 1.07);
  for (let turn = 0; turn < 40; turn += 1) moved.zoomBy(123, 456, 1 / 1.07);
  const after = moved.toImage(123, 456);
  assert.ok(Math.abs(after.x - before.x) * moved.scale <= 1 && Math.abs(after.y - before.y) * moved.scale <= 1);
  assert.equal(moved.scale, roundedScale(0.7));
});

test("the slightest turns of the wheel add up, also where one is less than a grain of the scale", () => {
  const moved = camera();
  const before = moved.scale;
  for (let turn = 0; turn < 100; turn += 1) moved.zoomBy(300, 300, 1.002);
  assert.ok(Math.abs(moved.scale / before - 1.002 ** 100) < 0.02);
});

test("an image point can be brought into the middle", () => {
  const moved = camera();
  moved.zoomAt(0, 0, 2);
  moved.centre(4000, 1234);
  const { x, y } = moved.toImage(450, 350);
  assert.ok(Math.abs(x - 4000) <= 0.5 && Math.abs(y - 1234) <= 0.5);
});

test("there and back between image and screen is the same place, for any device pixel ratio", () => {
  for (const ratio of [1, 1.25, 2]) {
    const made = new Camera();
    made.setView(Math.round(901 * ratio), Math.round(703 * ratio));
    made.setImage(6000, 6000);
    for (const scale of [0.02, 0.3, 1, 3.7, 64]) {
      made.zoomAt(200 * ratio, 300 * ratio, scale);
      const { x0, y0 } = made.toScreen({ x0: 4711, y0: 815, x1: 4712, y1: 816 });
      const { x, y } = made.toImage(x0, y0);
      assert.ok(Math.abs(x - 4711) < 1e-6 && Math.abs(y - 815) < 1e-6);
    }
  }
});

test("led to a place at the border, the view is filled with slice, not with emptiness", () => {
  const moved = camera();
  moved.show({ x0: 5900, y0: 0, x1: 6000, y1: 100 }, 0.2);
  const { x0, y0, x1, y1 } = moved.visible();
  assert.deepEqual([y0, x1], [0, 6000]);
  assert.ok((x1 - x0) * moved.scale > 900 - 30);
  assert.ok((y1 - y0) * moved.scale > 700 - 30);
  assert.ok(x0 <= 5900 && y1 >= 100);
});

test("a slice smaller than the view is in its middle, wherever the view is led", () => {
  const moved = camera();
  moved.zoomAt(0, 0, 0.05);
  moved.centre(0, 4000);
  assert.deepEqual([moved.x, moved.y], [Math.round((900 - 6000 * moved.scale) / 2), Math.round((700 - 4000 * moved.scale) / 2)]);
});
