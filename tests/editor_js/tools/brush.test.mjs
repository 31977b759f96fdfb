import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { nextSize, snap, Stroke, sweptDisc } from "../../../app/editor/tools/brush.js";
import { chance, rule } from "../toys.mjs";

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

/** The pixels of class 1 after strokes of a size through the points. */
function painted(size, points, side = 12) {
  const raster = new Raster(side, side);
  const stroke = new Stroke(raster, rule(1 | 256), size);
  for (const [x, y] of points) stroke.to({ x, y });
  return [...raster.mask].flatMap((c, i) => (c ? [i] : []));
}

test("a swept disc covers exactly the pixels with centres within its radius of the path", () => {
  const side = 60;
  const random = chance(7);
  for (let round = 0; round < 400; round += 1) {
    const point = () => ({ x: 20 + random(41) / 2, y: 20 + random(41) / 2 });
    const [a, b, radius] = [point(), point(), 0.5 * (1 + random(20))];
    const pixels = covered(a, b, radius, side);
    for (let y = 0; y < side; y += 1) {
      for (let x = 0; x < side; x += 1) {
        const away = distance(x + 0.5, y + 0.5, a, b) - radius;
        if (Math.abs(away) < 1e-6 || pixels.has(y * side + x) === away < 0) continue;
        assert.fail(JSON.stringify({ a, b, radius, x, y }));
      }
    }
  }
});

test("the pixel under the cursor is painted, at sizes 1 to 5 and wherever in the pixel the cursor is", () => {
  const random = chance(3);
  for (let round = 0; round < 500; round += 1) {
    const [x, y] = [random(1200) / 100, random(1200) / 100];
    for (let size = 1; size <= 5; size += 1) {
      const pixels = painted(size, [[x, y]]);
      assert.ok(pixels.includes(Math.floor(y) * 12 + Math.floor(x)), JSON.stringify({ x, y, size }));
      if (size === 1) assert.equal(pixels.length, 1);
    }
  }
});

test("discs of sizes 1 to 5 have their shape, and none is antialiased", () => {
  const areas = [1, 2, 3, 4, 5].map((size) => painted(size, [[6.3, 6.3]]).length);
  assert.deepEqual(areas, [1, 4, 9, 12, 21]);
  const two = painted(2, [[2.6, 3.4]]);
  assert.deepEqual(two, [2 * 12 + 2, 2 * 12 + 3, 3 * 12 + 2, 3 * 12 + 3]);
});

test("a fast stroke has no gaps and no class but its own", () => {
  const raster = new Raster(100, 100);
  const stroke = new Stroke(raster, rule(2 | 256), 1);
  stroke.to({ x: 3, y: 5 });
  stroke.to({ x: 95, y: 60 });
  for (let x = 3; x <= 95; x += 1) {
    assert.ok(Array.from({ length: 100 }, (_, y) => raster.mask[y * 100 + x]).includes(2), `column ${x}`);
  }
  assert.deepEqual(new Set(raster.mask), new Set([0, 2]));
});

test("a stroke over the edge paints only what lies in the slice", () => {
  const raster = new Raster(8, 8);
  const stroke = new Stroke(raster, rule(1 | 256), 5);
  stroke.to({ x: -2, y: 4 });
  stroke.to({ x: 20, y: 4 });
  assert.ok(stroke.action().forward.length > 0);
  assert.ok(raster.mask.subarray(0, 16).every((c) => c === 0));
  assert.ok(raster.mask.subarray(32, 40).every((c) => c === 1));
});

test("a stroke that changes nothing is no action", () => {
  const stroke = new Stroke(new Raster(8, 8), rule(1 | 256), 5);
  stroke.to({ x: -20, y: -20 });
  assert.equal(stroke.action(), null);
});

test("an ordinary stroke is sent in less than ten kilobytes, however many moves it had", () => {
  const raster = new Raster(2048, 2048);
  const stroke = new Stroke(raster, rule(1 | 256), 15);
  for (let t = 0; t <= 600; t += 1) stroke.to({ x: 400 + t, y: 1000 + 150 * Math.sin(t / 70) });
  assert.ok(4 * stroke.action().forward.length < 10000);
});

test("a cursor that stays where it was costs nothing and changes nothing", () => {
  const stroke = new Stroke(new Raster(8, 8), rule(1 | 256), 3);
  assert.notEqual(stroke.to({ x: 4.2, y: 4.2 }), null);
  assert.equal(stroke.to({ x: 4.8, y: 4.6 }), null);
});

test("odd brushes sit on pixel centres and even ones on corners", () => {
  assert.deepEqual(snap({ x: 3.2, y: 4.9 }, 3), { x: 3.5, y: 4.5 });
  assert.deepEqual(snap({ x: 3.2, y: 4.9 }, 4), { x: 3, y: 5 });
});

test("the brush grows and shrinks by about a fifth, from 1 to 200 pixels", () => {
  assert.deepEqual([nextSize(1, 1), nextSize(15, 1), nextSize(15, -1), nextSize(1, -1), nextSize(199, 1)], [2, 18, 12, 1, 200]);
});
