import assert from "node:assert/strict";
import { test } from "node:test";

import { DisplaySettings } from "../../../app/editor/view/display_settings.js";

const WINDOWS = { "0": [10, 4000], "0.5": [1000, 2000], "1": [1100, 1900] };
const words = (more = {}) => ({ channel: 0, dtype: "uint16", low: 500, high: 2500, counts: [], windows: WINDOWS, ...more });
const bytes = () => words({ dtype: "uint8", windows: { "0": [0, 255], "0.5": [40, 200], "1": [50, 190] } });

function picture(histogram) {
  const made = new DisplaySettings();
  if (histogram !== undefined) made.setHistogram(histogram);
  return made;
}

const shown = ({ look }) => [look.low, look.high];
const requested = ({ display }) => [display.low, display.high, display.cut];

test("before anything is known, the slice's own window is asked for and shown as it comes", () => {
  assert.deepEqual(picture().display, { channel: 0, second: null, mix: 50, low: null, high: null, cut: 0.5, smooth: false });
  assert.deepEqual(picture().look, { gamma: 1, invert: false, low: 0, high: 255 });
});

test("wide types come through the slice's own window, and the next slice through its own", () => {
  const made = picture(words());
  made.loaded(made.display);
  assert.deepEqual([requested(made), shown(made)], [[null, null, 0.5], [0, 255]]);
  made.setHistogram(words({ windows: { ...WINDOWS, "0.5": [3000, 9000] } }));
  assert.deepEqual([requested(made), shown(made)], [[null, null, 0.5], [0, 255]]);
});

test("8 bits never need the server: every window is a matter of the table", () => {
  const made = picture(bytes());
  const before = made.display;
  made.loaded(before);
  assert.deepEqual(shown(made), [40, 200]);
  made.choose("narrow");
  assert.deepEqual(shown(made), [50, 190]);
  made.move([90, 91]);
  made.applyWindow();
  assert.deepEqual(shown(made), [90, 91]);
  assert.deepEqual(made.display, before);
});

test("while a handle moves, the table shows the window on what is here; let go, the exact one is asked for", () => {
  const made = picture(words());
  const before = made.display;
  made.loaded(before);
  made.move([1250, 1500]);
  assert.deepEqual(made.display, before);
  assert.deepEqual(shown(made), [63.75, 127.5]);
  made.applyWindow();
  assert.deepEqual(requested(made).slice(0, 2), [1250, 1500]);
  assert.deepEqual(shown(made), [63.75, 127.5], "until it has come");
  assert.equal(made.loaded(made.display), true);
  assert.deepEqual(shown(made), [0, 255]);
  assert.equal(made.loaded(made.display), false);
});

test("a window beyond what is here is shown as far as it can be", () => {
  const made = picture(words());
  made.loaded(made.display);
  made.move([0, 3000]);
  assert.deepEqual(shown(made), [-255, 510]);
});

test("presets are percentiles that the server takes from every slice", () => {
  const made = picture(words());
  made.loaded(made.display);
  made.choose("full");
  assert.deepEqual([requested(made), made.window], [[null, null, 0], [10, 4000]]);
  assert.deepEqual(shown(made), [(255 * -990) / 1000, (255 * 3000) / 1000]);
  made.loaded(made.display);
  assert.deepEqual(shown(made), [0, 255]);
});

test("a window set by hand is kept for the next slice", () => {
  const made = picture(words());
  made.move([1200, 1300]);
  made.applyWindow();
  made.loaded(made.display);
  made.setHistogram(words({ windows: { ...WINDOWS, "0.5": [5, 6] } }));
  assert.deepEqual([made.window, requested(made).slice(0, 2), shown(made)], [[1200, 1300], [1200, 1300], [0, 255]]);
});

test("another channel, or a volume of another type, has its own window", () => {
  const made = picture(words());
  made.move([1200, 1300]);
  made.applyWindow();
  made.setChannel(1);
  assert.deepEqual([requested(made), made.window, shown(made)], [[null, null, 0.5], null, [0, 255]]);
  made.setHistogram(words({ channel: 1 }));
  assert.deepEqual(made.window, [1000, 2000]);
  made.move([1200, 1300]);
  made.applyWindow();
  made.setHistogram(bytes());
  assert.equal(made.preset, "auto");
});

test("blending makes even 8 bits a matter of the server", () => {
  const made = picture(bytes());
  made.loaded(made.display);
  made.second = 1;
  assert.deepEqual(requested(made), [null, null, 0.5]);
  assert.deepEqual(shown(made), [40, 200], "until the blend has come");
  made.loaded(made.display);
  assert.deepEqual(shown(made), [0, 255]);
  made.move([60, 100]);
  made.applyWindow();
  assert.deepEqual(requested(made).slice(0, 2), [60, 100]);
  made.setChannel(1);
  assert.equal(made.second, null);
});
