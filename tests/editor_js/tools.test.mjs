import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../app/editor/raster.js";
import { boxBetween, nextSize, snap, Stroke, sweptDisc } from "../../app/editor/tools.js";

function covered(a, b, radius, side) {
  const pixels = new Set();
  sweptDisc(a, b, radius, (y, x0, x1) => {
    for (let x = x0; x < x1; x += 1) pixels.add(y * side + x);
  });
  return pixels;
}

function distance(px, py, a, b) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t = length === 0 ? 0 : Math.max(0, Math.min(1, ((px - a.x) * dx + (py - a.y) * dy) / length));
  return Math.hypot(px - a.x - t * dx, py - a.y - t * dy);
}

test("a swept disc covers exactly the pixels whose centre is within the radius of the way", () => {
  const side = 60;
  let seed = 7;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 400; round += 1) {
    const point = () => ({ x: 20 + Math.round(random() * 40) / 2, y: 20 + Math.round(random() * 40) / 2 });
    const [a, b, radius] = [point(), point(), 0.5 * (1 + Math.floor(random() * 20))];
    const pixels = covered(a, b, radius, side);
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        const away = distance(x + 0.5, y + 0.5, a, b) - radius;
        if (Math.abs(away) > 1e-6) assert.equal(pixels.has(y * side + x), away < 0, JSON.stringify({ a, b, radius, x, y }));
      }
    }
  }
});

test("a brush of one pixel paints the pixel under the cursor", () => {
  const raster = new Raster(5, 5);
  new Stroke(raster, 1 | 256, 1).to({ x: 2.99, y: 3.01 });
  assert.deepEqual([...raster.mask].flatMap((c, i) => (c ? [i] : [])), [3 * 5 + 2]);
});

test("a brush of two pixels paints four around the nearest corner", () => {
  const raster = new Raster(6, 6);
  new Stroke(raster, 1 | 256, 2).to({ x: 2.6, y: 3.4 });
  assert.deepEqual([...raster.mask].flatMap((c, i) => (c ? [i] : [])), [2 * 6 + 2, 2 * 6 + 3, 3 * 6 + 2, 3 * 6 + 3]);
});

test("a fast stroke has no gaps and no class but its own", () => {
  const raster = new Raster(100, 100);
  const stroke = new Stroke(raster, 2 | 256, 1);
  stroke.to({ x: 3, y: 5 });
  stroke.to({ x: 95, y: 60 });
  for (let x = 3; x <= 95; x += 1) {
    assert.ok(Array.from({ length: 100 }, (_, y) => raster.mask[y * 100 + x]).includes(2), `column ${x}`);
  }
  assert.deepEqual(new Set(raster.mask), new Set([0, 2]));
});

test("a stroke over the edge paints only what lies in the slice", () => {
  const raster = new Raster(8, 8);
  const stroke = new Stroke(raster, 1 | 256, 5);
  stroke.to({ x: -2, y: 4 });
  stroke.to({ x: 20, y: 4 });
  const action = stroke.finish();
  assert.ok(action.forward.length > 0);
  assert.ok(raster.mask.subarray(0, 16).every((c) => c === 0));
  assert.ok(raster.mask.subarray(32, 40).every((c) => c === 1));
});

test("a stroke that changes nothing is no action", () => {
  const raster = new Raster(8, 8);
  const stroke = new Stroke(raster, 1 | 256, 5);
  stroke.to({ x: -20, y: -20 });
  assert.equal(stroke.finish(), null);
});

test("odd brushes sit on pixel centres and even ones on corners", () => {
  assert.deepEqual(snap({ x: 3.2, y: 4.9 }, 3), { x: 3.5, y: 4.5 });
  assert.deepEqual(snap({ x: 3.2, y: 4.9 }, 4), { x: 3, y: 5 });
});

test("a box is cut to the slice, and a click is no box", () => {
  assert.deepEqual(boxBetween({ x: 9.5, y: -3 }, { x: 2.2, y: 4.1 }, 8, 8), { x0: 2, y0: 0, x1: 8, y1: 5 });
  assert.equal(boxBetween({ x: 3.1, y: 3.1 }, { x: 3.2, y: 3.2 }, 8, 8), null);
});

test("the brush grows and shrinks by about a fifth, from 1 to 200 pixels", () => {
  assert.deepEqual([nextSize(1, 1), nextSize(15, 1), nextSize(15, -1), nextSize(1, -1), nextSize(199, 1)], [2, 18, 12, 1, 200]);
});
