import assert from "node:assert/strict";
import { test } from "node:test";

import { barHeights, placeOf, valueAt, valueText } from "../../../app/editor/panel/histogram.js";

const BYTES = { channel: 0, dtype: "uint8", low: 0, high: 256, counts: [], windows: {} };
const WORDS = { ...BYTES, dtype: "uint16", low: 900, high: 1412 };
const FLOATS = { ...BYTES, dtype: "float32", low: -1e-4, high: 3e-4 };

test("a value and its position on the histogram convert into each other", () => {
  for (const histogram of [BYTES, WORDS, FLOATS]) {
    for (const place of [0, 0.25, 0.5, 0.75]) {
      const back = placeOf(histogram, valueAt(histogram, place));
      assert.ok(Math.abs(back - place) < 0.005, `${histogram.dtype} ${place}`);
    }
  }
});

test("values are whole where the data are, and stay within a byte", () => {
  assert.equal(valueAt(BYTES, 1), 255);
  assert.equal(valueAt(WORDS, 0.3333), 1071);
  assert.ok(!Number.isInteger(valueAt(FLOATS, 0.3333)));
});

test("a value outside lies at the edge", () => {
  assert.deepEqual([placeOf(WORDS, 0), placeOf(WORDS, 65535)], [0, 1]);
});

test("values are formatted in few digits", () => {
  assert.deepEqual([65535, 0.000123456, -2.71299, 0.1 + 0.2].map(valueText), ["65535", "0.0001235", "-2.713", "0.3"]);
});

test("bars are square roots of the counts, and one bin does not dwarf the others", () => {
  assert.deepEqual(barHeights([0, 25, 100]), [0, 0.5, 1]);
  assert.deepEqual(barHeights([1e6, 25, 100]), [1, 0.5, 1]);
  assert.deepEqual(barHeights([0, 0, 0]), [0, 0, 0]);
  assert.deepEqual(barHeights([9]), [1]);
});
