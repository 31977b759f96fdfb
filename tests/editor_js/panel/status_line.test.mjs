/** The status line names what is shown: the prediction, or the preview over it. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { statusText } from "../../../app/editor/panel/status_line.js";
import { Raster } from "../../../app/editor/slice/raster.js";

function line(preview) {
  const raster = new Raster(4, 3);
  raster.preview = preview;
  const facts = { origin: "prediction", round: 5, depth: 9, classes: [{ id: 0, name: "matrix" }] };
  return statusText({ slice: { raster, facts }, z: 2, point: null, scale: 1, uncertainty: null, raw: null });
}

test("a prediction is named by its round", () => {
  assert.ok(line(null).endsWith("   prediction of round 5"));
});

test("a preview over a prediction is named as such", () => {
  assert.ok(line(new Uint8Array(12)).endsWith("   preview of the quick first model over prediction of round 5"));
});
