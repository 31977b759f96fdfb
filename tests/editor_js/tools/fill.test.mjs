import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { flood } from "../../../app/editor/tools/fill.js";
import { atWork, chance, drawn, rows } from "../toys.mjs";

const FILL = { tool: "fill", classId: 5 };

test("a fill paints the region of one class and no corner-to-corner neighbour", () => {
  const raster = drawn("0010", "0100", "1000");
  atWork(raster).drag([[0.5, 0.5]], FILL);
  assert.deepEqual(rows(raster), ["5510", "5100", "1000"]);
});

test("a fill goes around corners, back up, and ends at the slice's edge", () => {
  const raster = drawn("01010", "01010", "00010", "11110", "00000");
  const { drag, actions, told } = atWork(raster);
  drag([[2.5, 0.5]], FILL);
  assert.deepEqual(rows(raster), ["51510", "51510", "55510", "11110", "00000"]);
  assert.equal(actions.length, 1);
  assert.deepEqual(told.painted, [{ x0: 0, y0: 0, x1: 3, y1: 3 }]);
});

test("a fill with the class already there marks it as painted", () => {
  const raster = drawn("11", "01");
  atWork(raster).drag([[0.5, 0.5]], { tool: "fill", classId: 1 });
  assert.deepEqual(rows(raster, raster.touched), ["11", "01"]);
});

test("when scribbling, unlabelled pixels are one region, whatever is predicted there", () => {
  const raster = drawn("0120", "1201", "0120");
  for (const at of [4, 5, 6]) raster.touched[at] = 1;
  raster.saved[7] = 1;
  atWork(raster).drag([[0.5, 0.5]], { ...FILL, mode: "scribble" });
  assert.deepEqual(rows(raster), ["5555", "1201", "0120"]);
});

test("a line painted as unsure bounds a fill of unlabelled pixels", () => {
  const raster = new Raster(3, 3);
  raster.mask.fill(255);
  for (const at of [3, 4, 5]) raster.touched[at] = 1;
  atWork(raster).drag([[1, 0]], FILL);
  assert.deepEqual([...raster.mask], [5, 5, 5, 255, 255, 255, 255, 255, 255]);
});

test("a fill that begins outside the slice does nothing", () => {
  const { drag, actions } = atWork(drawn("00", "00"));
  drag([[-1, 0]], FILL);
  drag([[0, 2]], FILL);
  assert.equal(actions.length, 0);
});

test("the class lock applies to the whole region", () => {
  const raster = drawn("0011", "0011");
  const { drag } = atWork(raster);
  drag([[0, 0]], { ...FILL, lock: 1 });
  assert.deepEqual(rows(raster), ["0011", "0011"]);
  drag([[2, 0]], { ...FILL, lock: 1 });
  assert.deepEqual(rows(raster), ["0055", "0055"]);
});

test("a flood finds exactly the pixels that can be reached, each once, in random mazes", () => {
  const random = chance(11);
  for (let round = 0; round < 200; round += 1) {
    const [width, height] = [1 + random(20), 1 + random(20)];
    const grid = Uint8Array.from({ length: width * height }, () => Number(random(10) < 6));
    const seed = random(width * height);
    const found = new Uint8Array(grid.length);
    const same = (start, end, marks) => {
      for (let at = start; at < end; at += 1) if (grid[at] !== grid[seed]) marks[at - start] = 0;
    };
    flood({ width, height }, seed, same, (start, end) => {
      assert.ok(Math.floor(start / width) === Math.floor((end - 1) / width));
      for (let at = start; at < end; at += 1) found[at] += 1;
    });
    assert.deepEqual(found, reached(grid, width, height, seed));
  }
});

function reached(grid, width, height, seed) {
  const found = new Uint8Array(grid.length);
  const waiting = [seed];
  while (waiting.length > 0) {
    const at = waiting.pop();
    if (found[at] || grid[at] !== grid[seed]) continue;
    found[at] = 1;
    if (at % width > 0) waiting.push(at - 1);
    if (at % width < width - 1) waiting.push(at + 1);
    if (at >= width) waiting.push(at - width);
    if (at < width * (height - 1)) waiting.push(at + width);
  }
  return found;
}
