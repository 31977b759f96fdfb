import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { View } from "../../../app/editor/view/view.js";
import { installCanvases } from "../canvases.mjs";

installCanvases();
globalThis.ResizeObserver = class {
  observe() {}
};
globalThis.requestAnimationFrame = () => 1;

test("grey values of a slice not shown yet do not redraw the current one", () => {
  const view = new View({}, {}, () => {});
  const [shown, coming] = [new Raster(600, 600), new Raster(600, 600)];
  const rect = { x0: 0, y0: 0, x1: 10, y1: 10 };
  view.greyChanged(coming, rect);
  view.setRaster(shown);
  view.tiles.fresh(0, 0, 0);
  view.stale = null;
  view.greyChanged(coming, rect);
  assert.deepEqual([view.stale, view.tiles.cached(0, 0, 0).dirty], [null, null]);
  view.greyChanged(shown, rect);
  assert.deepEqual(view.stale, rect);
  assert.notEqual(view.tiles.cached(0, 0, 0).dirty, null);
});
