import assert from "node:assert/strict";
import { test } from "node:test";

import { setRows } from "../../../app/editor/slice/grey_pyramid.js";

function levelsOf(width, height, count) {
  const levels = [];
  for (let n = 0; n < count; n += 1) {
    const [w, h] = [Math.ceil(width / 2 ** n), Math.ceil(height / 2 ** n)];
    levels.push({ width: w, height: h, grey: new Uint8Array(w * h) });
  }
  return levels;
}

/** Means of 2 x 2 pixels, rounded half up; a last odd row or column counts twice. The server makes them alike. */
function halved({ width, height, grey }) {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const at = (x, y) => grey[Math.min(height - 1, y) * width + Math.min(width - 1, x)];
  return Uint8Array.from({ length: w * h }, (_, i) => {
    const [x, y] = [2 * (i % w), 2 * Math.floor(i / w)];
    return Math.floor((at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4);
  });
}

test("a coarser pixel is the mean of four, as on the server", () => {
  const levels = levelsOf(3, 3, 2);
  setRows(levels, 0, 0, Uint8Array.of(0, 1, 9, 0, 1, 10, 200, 100, 255));
  assert.deepEqual([...levels[1].grey], [1, 10, 150, 255]);
});

for (const [width, height] of [[1, 1], [64, 64], [301, 517], [130, 1], [257, 258]]) {
  test(`strips in any order make every level, ${width} x ${height}`, () => {
    const levels = levelsOf(width, height, 4);
    const rows = Uint8Array.from({ length: width * height }, (_, i) => (i * 2654435761) >>> 24);
    const tops = Array.from({ length: Math.ceil(height / 64) }, (_, i) => 64 * i).reverse();
    for (const y0 of tops) setRows(levels, 0, y0, rows.subarray(y0 * width, Math.min(height, y0 + 64) * width));
    assert.deepEqual(levels[0].grey, rows);
    for (let n = 1; n < levels.length; n += 1) assert.deepEqual(levels[n].grey, halved(levels[n - 1]), `level ${n}`);
  });
}

test("what is known coarsely fills the finer levels, as far as wanted", () => {
  const levels = levelsOf(5, 3, 3);
  setRows(levels, 1, 0, Uint8Array.of(10, 20, 30, 40, 50, 60), 0);
  assert.deepEqual([...levels[0].grey], [10, 10, 20, 20, 30, 10, 10, 20, 20, 30, 40, 40, 50, 50, 60]);
  assert.deepEqual([...levels[2].grey], [30, 45]);
  const others = levelsOf(5, 3, 3);
  setRows(others, 2, 0, Uint8Array.of(7, 8), 1);
  assert.deepEqual([...others[1].grey], [7, 7, 8, 7, 7, 8]);
  assert.ok(others[0].grey.every((grey) => grey === 0));
});

test("rows of a part leave the others alone", () => {
  const levels = levelsOf(8, 8, 3);
  levels.forEach(({ grey }) => grey.fill(5));
  setRows(levels, 1, 2, Uint8Array.of(9, 9, 9, 9), 0);
  assert.deepEqual([...levels[1].grey], [5, 5, 5, 5, 5, 5, 5, 5, 9, 9, 9, 9, 5, 5, 5, 5]);
  assert.deepEqual([3, 4, 5, 6].map((y) => levels[0].grey[8 * y]), [5, 9, 9, 5]);
  assert.deepEqual([...levels[2].grey], [5, 5, 7, 7]);
});
