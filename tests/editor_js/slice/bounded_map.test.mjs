/** A map with room for the newest entries only. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { setBounded } from "../../../app/editor/slice/bounded_map.js";

test("beyond its limit, the map drops the oldest entry", () => {
  const kept = new Map();
  for (const key of ["a", "b", "a", "c"]) setBounded(kept, key, key.toUpperCase(), 2);
  assert.deepEqual([...kept], [["a", "A"], ["c", "C"]]);
});
