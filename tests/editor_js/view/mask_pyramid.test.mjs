import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { MaskPyramid } from "../../../app/editor/view/mask_pyramid.js";
import { chance } from "../toys.mjs";

const SIDE = 2100;
const [TOUCHED, SAVED] = [1 << 8, 2 << 8];

/** All keys of a level. */
function keys(coarse, n) {
  const { width, height } = coarse.raster.levels[n];
  return coarse.keys(n, { x0: 0, y0: 0, x1: width, y1: height });
}

/** Draw a line of one pixel, down and to the right. @param {Raster} raster @param {"touched" | "saved"} marks */
function line(raster, marks, id = 1) {
  for (let y = 0; y < raster.height; y += 1) {
    const at = y * raster.width + Math.floor(0.7 * y);
    raster.mask[at] = id;
    raster[marks][at] = 1;
  }
}

for (const [marks, state] of [["touched", TOUCHED], ["saved", SAVED]]) {
  test(`a ${marks} line of one pixel is whole at every level, and hardly wider than a pixel of it`, () => {
    const raster = new Raster(SIDE, SIDE);
    line(raster, marks);
    const coarse = new MaskPyramid(raster);
    for (let n = 1; n < raster.levels.length; n += 1) {
      const { width, height } = raster.levels[n];
      const found = keys(coarse, n);
      for (let y = 0; y < height; y += 1) {
        const seen = found.subarray(y * width, (y + 1) * width).reduce((count, key) => count + (key === (state | 1)), 0);
        assert.ok(seen >= 1 && seen <= 2, `level ${n}, row ${y}: ${seen}`);
      }
    }
  });
}

test("a label of background is seen in a predicted area, and a class in labelled background", () => {
  const raster = new Raster(512, 512);
  raster.mask.fill(1);
  line(raster, "touched", 0);
  assert.equal(keys(new MaskPyramid(raster), 1)[0], TOUCHED);
  raster.mask.fill(0);
  raster.touched.fill(0);
  raster.saved.fill(1);
  line(raster, "saved", 2);
  assert.equal(keys(new MaskPyramid(raster), 1)[0], SAVED | 2);
});

test("of two labelled classes the rarer is seen, whichever its number; what is painted before what is saved", () => {
  for (const [common, rare] of [[1, 2], [2, 1]]) {
    const raster = new Raster(512, 512);
    raster.mask.fill(common);
    raster.saved.fill(1);
    line(raster, "saved", rare);
    const coarse = new MaskPyramid(raster);
    assert.equal(keys(coarse, 1)[0], SAVED | rare);
    raster.mask[1] = 255;
    raster.touched[1] = 1;
    coarse.changed({ x0: 1, y0: 0, x1: 2, y1: 1 });
    assert.equal(keys(coarse, 1)[0], TOUCHED | SAVED | 255);
  }
});

test("predicted speckle looks as dense zoomed out as it is", () => {
  const raster = new Raster(1024, 1024);
  const random = chance(5);
  raster.mask.forEach((_, at) => (raster.mask[at] = Number(random(10) === 0)));
  const coarse = new MaskPyramid(raster);
  for (const n of [1, 2]) {
    const found = keys(coarse, n);
    const share = found.reduce((count, key) => count + key, 0) / found.length;
    assert.ok(Math.abs(share - 0.1) < 0.01, `level ${n}: ${share}`);
  }
});

test("a change is seen at every level, and only what it lies in is made anew", () => {
  const raster = new Raster(SIDE, 1000);
  const coarse = new MaskPyramid(raster);
  const last = raster.levels.length - 1;
  keys(coarse, last);
  const rect = { x0: 1999, y0: 700, x1: 2000, y1: 701 };
  raster.mask[700 * SIDE + 1999] = 3;
  raster.touched[700 * SIDE + 1999] = 1;
  coarse.changed(rect);
  assert.deepEqual(coarse.levels.map(({ stale }) => stale.reduce((a, b) => a + b)), Array(last).fill(1));
  for (let n = 1; n <= last; n += 1) {
    const found = keys(coarse, n);
    assert.equal(found[(700 >> n) * raster.levels[n].width + (1999 >> n)], TOUCHED | 3, `level ${n}`);
    assert.equal(found.reduce((count, key) => count + (key !== 0), 0), 1);
  }
});

test("what is out of view is not made", () => {
  const coarse = new MaskPyramid(new Raster(SIDE, SIDE));
  coarse.keys(2, { x0: 0, y0: 0, x1: 60, y1: 60 });
  assert.equal(coarse.levels[0].stale.reduce((a, b) => a + b), 17 * 17 - 4);
});
