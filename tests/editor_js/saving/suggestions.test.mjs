import assert from "node:assert/strict";
import { test } from "node:test";

import { suggestionAction } from "../../../app/editor/saving/suggestions.js";
import { Raster } from "../../../app/editor/slice/raster.js";

function raster(width, mask, touched = [], saved = []) {
  const made = new Raster(width, mask.length / width);
  made.mask.set(mask);
  made.touched.set(touched);
  made.saved = Uint8Array.from({ length: mask.length }, (_, i) => saved[i] ?? 0);
  return made;
}

test("a suggestion changes what is neither painted nor saved, does not count as painted, and can be undone", () => {
  const made = raster(4, [0, 0, 1, 1, 0, 0, 0, 0], [0, 1], [0, 0, 1]);
  const before = [...made.mask];
  const action = suggestionAction(made, Uint32Array.from([4, 2, 2, 255, 2, 0]));
  made.apply(action.forward);
  assert.deepEqual([...made.mask], [2, 0, 1, 2, 0, 0, 0, 0]);
  assert.deepEqual([...made.touched], [0, 1, 0, 0, 0, 0, 0, 0]);
  made.apply(action.inverse);
  assert.deepEqual([...made.mask], before);
  assert.equal(suggestionAction(made, Uint32Array.from([8, 255])), null);
});
