import assert from "node:assert/strict";
import { test } from "node:test";

import { CanvasGeometry } from "../../../app/editor/view/canvas_geometry.js";

/** A canvas on a page: its position in CSS pixels, and its reported size. */
function screenOf({ left = 0, top = 0, width, ratio, exact = true }) {
  let tell = null;
  globalThis.devicePixelRatio = ratio;
  globalThis.ResizeObserver = class {
    constructor(callback) {
      tell = callback;
    }
    observe(_element, options) {
      if (options !== undefined && !exact) throw new TypeError("unknown box");
    }
  };
  const sizes = [];
  let asked = 0;
  const canvas = { getBoundingClientRect: () => ((asked += 1), { left, top }) };
  const screen = new CanvasGeometry(canvas, (...size) => sizes.push(size));
  const box = exact ? [{ inlineSize: Math.round(width * ratio), blockSize: Math.round(width * ratio) }] : undefined;
  tell([{ contentRect: { width, height: width }, devicePixelContentBoxSize: box }]);
  return { screen, sizes, tell, asks: () => asked };
}

for (const ratio of [1, 1.25, 1.5, 2]) {
  for (const left of [0, 56.2, 33.3333]) {
    test(`every device pixel is found under the pointer, at a ratio of ${ratio} and ${left} px into the page`, () => {
      const { screen } = screenOf({ left, top: left, width: 801.6, ratio });
      const first = Math.round(left * ratio);
      for (const pixel of [0, 1, 2, 3, 4, 517, 801]) {
        const found = screen.toDevice({ clientX: (first + pixel) / ratio, clientY: (first + pixel) / ratio });
        assert.deepEqual(found.map(Math.floor), [pixel, pixel]);
      }
    });
  }
}

test("the size comes in device pixels, also where the browser knows CSS pixels only", () => {
  assert.deepEqual(screenOf({ width: 800, ratio: 1.25 }).sizes, [[1000, 1000]]);
  assert.deepEqual(screenOf({ width: 800, ratio: 2, exact: false }).sizes, [[1600, 1600]]);
});

test("a canvas that is not laid out has no size", () => {
  assert.deepEqual(screenOf({ width: 0, ratio: 1 }).sizes, []);
});

test("many events of one frame measure the position once", () => {
  const { screen, asks } = screenOf({ width: 800, ratio: 1 });
  for (let i = 0; i < 50; i += 1) screen.toDevice({ clientX: i, clientY: i });
  assert.equal(asks(), 1);
});
