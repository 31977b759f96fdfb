import assert from "node:assert/strict";
import { test } from "node:test";

import { smallSize } from "../../../app/editor/view/minimap.js";

test("a slice keeps its proportions in the corner, and is never nothing", () => {
  assert.deepEqual(smallSize(6000, 4000, 120), { width: 120, height: 80 });
  assert.deepEqual(smallSize(10, 20, 120), { width: 60, height: 120 });
  assert.deepEqual(smallSize(6000, 3, 120), { width: 120, height: 1 });
});
