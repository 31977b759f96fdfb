/** What is kept for the last few keys. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { setBounded } from "../../../app/editor/slice/bounded_map.js";

test("beyond the most, the one that was put there the longest ago goes", () => {
  const kept = new Map();
  for (const key of ["a", "b", "a", "c"]) setBounded(kept, key, key.toUpperCase(), 2);
  assert.deepEqual([...kept], [["a", "A"], ["c", "C"]]);
});
