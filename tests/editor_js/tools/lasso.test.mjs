import assert from "node:assert/strict";
import { test } from "node:test";

import { insidePolygon } from "../../../app/editor/tools/lasso.js";
import { atWork, chance, drawn, rows } from "../toys.mjs";

const LASSO = { tool: "lasso", classId: 7 };
const EMPTY = Array(6).fill("000000");

function area(points, width = 6, height = 6) {
  const marks = new Uint8Array(width * height);
  insidePolygon(points.map(([x, y]) => ({ x, y })), { width, height }, (y, x0, x1) => {
    for (let x = x0; x < x1; x += 1) marks[y * width + x] += 1;
  });
  return marks;
}

/** How often a polygon runs around a point. */
function winding(points, x, y) {
  let turns = 0;
  points.forEach(([bx, by], i) => {
    const [ax, ay] = points.at(i - 1);
    const side = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
    if (ay <= y && by > y && side > 0) turns += 1;
    if (ay > y && by <= y && side < 0) turns -= 1;
  });
  return turns;
}

test("a polygon holds the pixels whose centre it runs around, each once, whether it crosses itself or leaves the slice", () => {
  const random = chance(5);
  for (let round = 0; round < 500; round += 1) {
    // coordinates that no pixel's centre shares, so that no centre lies on an edge's end
    const points = Array.from({ length: 3 + random(8) }, () => [random(300) / 10 - 5.013, random(300) / 10 - 5.017]);
    const inside = (x, y) => Number(winding(points, x + 0.5, y + 0.5) !== 0);
    const expected = new Uint8Array(20 * 20).map((_, i) => inside(i % 20, Math.floor(i / 20)));
    assert.deepEqual(area(points, 20, 20), expected, JSON.stringify(points));
  }
});

test("an outline run around twice leaves no hole", () => {
  const square = [[1, 1], [5, 1], [5, 5], [1, 5]];
  assert.deepEqual(area([...square, ...square]), area(square));
  assert.equal(area(square).reduce((a, b) => a + b), 16);
});

test("polygons that share an edge neither overlap nor leave a gap, also where the edge runs through centres", () => {
  const left = area([[0, 0], [2.5, 0], [2.5, 6], [0, 6]]);
  const right = area([[2.5, 0], [6, 0], [6, 6], [2.5, 6]]);
  assert.ok(left.every((n, i) => n + right[i] === 1));
  const upper = area([[0, 0], [6, 0], [6, 6]]);
  const lower = area([[0, 0], [6, 6], [0, 6]]);
  assert.ok(upper.every((n, i) => n + lower[i] === 1));
});

test("a drag is filled on release", () => {
  const raster = drawn(...EMPTY);
  const { drag, actions, told, painter } = atWork(raster);
  drag([[1, 1], [4, 1], [4, 3], [1, 3]], LASSO);
  assert.deepEqual(rows(raster), ["000000", "077700", "077700", "000000", "000000", "000000"]);
  assert.equal(actions.length, 1);
  assert.deepEqual(told.path.at(-2), [[1, 1], [4, 1], [4, 3], [1, 3]]);
  assert.equal(told.path.at(-1), null);
  assert.equal(painter.busy, false);
});

test("clicks are corners, and a click near the first one closes the polygon exactly", () => {
  const raster = drawn(...EMPTY);
  const { drag, actions, told, painter } = atWork(raster);
  for (const corner of [[1, 1], [5, 1], [5, 4], [1, 4]]) drag([corner], LASSO);
  assert.equal(painter.busy, true);
  assert.equal(actions.length, 0);
  painter.hover({ x: 2, y: 2 }, LASSO, {});
  assert.deepEqual(told.path.at(-1), [[1, 1], [5, 1], [5, 4], [1, 4], [2, 2]]);
  drag([[1.5, 1.5]], LASSO);
  assert.deepEqual(rows(raster), ["000000", "077770", "077770", "077770", "000000", "000000"]);
  assert.equal(painter.busy, false);
});

test("closing fills the polygon and discards an outline of two corners", () => {
  const raster = drawn(...EMPTY);
  const { drag, actions, painter, told } = atWork(raster);
  for (const corner of [[0, 0], [3, 0], [0, 3]]) drag([corner], LASSO);
  assert.equal(painter.close(), true);
  assert.deepEqual(rows(raster).slice(0, 3), ["770000", "700000", "000000"]);
  drag([[4, 4]], LASSO);
  drag([[4, 4]], LASSO);
  assert.equal(painter.close(), true);
  assert.equal(painter.close(), false);
  assert.equal(actions.length, 1);
  assert.deepEqual([painter.busy, told.path.at(-1)], [false, null]);
});

test("a drag between clicks is part of the polygon", () => {
  const raster = drawn(...EMPTY);
  const { drag, painter } = atWork(raster);
  drag([[0, 0]], LASSO);
  drag([[4, 0], [4, 2]], LASSO);
  drag([[0, 2]], LASSO);
  assert.equal(painter.busy, true);
  painter.close();
  assert.deepEqual(rows(raster).slice(0, 3), ["777700", "777700", "000000"]);
});

test("cancel undoes the press, then the outline; a click of the other button removes a corner", () => {
  const raster = drawn(...EMPTY);
  const { drag, painter, told, actions } = atWork(raster);
  for (const corner of [[0, 0], [3, 0], [3, 3]]) drag([corner], LASSO);
  painter.begin("draw", { x: 5, y: 5 }, { ...LASSO, lock: null });
  painter.cancel();
  assert.deepEqual(told.path.at(-1), [[0, 0], [3, 0], [3, 3]]);
  drag([[5, 5]], LASSO, { kind: "erase" });
  assert.deepEqual(told.path.at(-1), [[0, 0], [3, 0]]);
  painter.cancel();
  assert.deepEqual([told.path.at(-1), painter.busy, actions.length], [null, false, 0]);
});

test("changing the tool discards an unfinished polygon", () => {
  const raster = drawn(...EMPTY);
  const { drag, told } = atWork(raster);
  drag([[0, 0]], LASSO);
  drag([[4.5, 4.5]], { classId: 1 });
  assert.ok(told.path.includes(null));
  assert.deepEqual(rows(raster)[4], "000010");
});

test("the right button erases with the lasso", () => {
  const raster = drawn("222", "222", "222");
  atWork(raster).drag([[1, 0], [3, 0], [3, 2], [1, 2]], LASSO, { kind: "erase" });
  assert.deepEqual(rows(raster), ["200", "200", "222"]);
});
