import assert from "node:assert/strict";
import { test } from "node:test";

import { setRows } from "../../../app/editor/slice/grey_pyramid.js";
import { Raster } from "../../../app/editor/slice/raster.js";
import { Camera } from "../../../app/editor/view/camera.js";
import { loadGrey } from "../../../app/editor/view/progressive_loading.js";

const DISPLAY = { channel: 0, second: null, mix: 50, low: null, high: null, cut: 0.5, smooth: false };

/** A server with a slice of rising greys, that notes what it is asked for; `gate` lets answers wait. */
function server(width, height, gate = async () => {}) {
  const truth = new Raster(width, height);
  setRows(truth.levels, 0, 0, Uint8Array.from({ length: width * height }, (_, i) => (i * 31 + (i >> 9)) % 256));
  const asked = [];
  const get = async (path, signal) => {
    signal.throwIfAborted();
    const query = new URLSearchParams(path.split("?")[1]);
    const [level, y0, y1] = ["level", "y0", "y1"].map((name) => Number(query.get(name)));
    asked.push({ level, y0, y1, query });
    await gate(asked.length);
    const { width: w, grey } = truth.levels[level];
    return grey.slice(y0 * w, y1 * w).buffer;
  };
  return { truth, asked, slice: { raster: new Raster(width, height), api: { get } } };
}

function viewOf(width, height, scale, centre = null) {
  const camera = new Camera();
  camera.setView(900, 700);
  camera.setImage(width, height);
  camera.fit();
  if (scale !== null) camera.zoomAt(450, 350, scale);
  if (centre !== null) camera.centre(...centre);
  return { camera };
}

const forever = new AbortController().signal;
const asText = ({ level, y0, y1 }) => `${level}:${y0}-${y1}`;

test("a large slice loads coarsely first, then at screen resolution, then in full", async () => {
  const { truth, asked, slice } = server(3000, 2600);
  const events = [];
  const told = (rect) => events.push(rect.y1 - rect.y0);
  await loadGrey(slice, DISPLAY, viewOf(3000, 2600, null), forever, told, () => events.push("seen"));
  assert.deepEqual(asked.slice(0, 2).map(asText), ["2:0-650", "1:0-1300"]);
  assert.deepEqual(events.slice(0, 3), [2600, 2600, "seen"]);
  truth.levels.forEach(({ grey }, n) => assert.deepEqual(slice.raster.levels[n].grey, grey, `level ${n}`));
  assert.deepEqual(asked.slice(2).map((a) => a.y0).sort((a, b) => a - b), Array.from({ length: 11 }, (_, i) => 256 * i));
});

test("zoomed in, the strips in view load next, then the nearest ones", async () => {
  const { asked, slice } = server(3000, 2600);
  let seenAfter = 0;
  await loadGrey(slice, DISPLAY, viewOf(3000, 2600, 2, [1500, 2000]), forever, () => {}, () => (seenAfter = asked.length));
  assert.equal(asText(asked[0]), "2:0-650");
  assert.deepEqual(new Set(asked.slice(1, 4).map((a) => a.y0)), new Set([1792, 2048, 1536]));
  assert.ok(seenAfter >= 3 && seenAfter <= 6, String(seenAfter));
  assert.equal(asked.at(-1).y0, 0);
});

test("the loading order follows the moving view", async () => {
  const view = viewOf(3000, 2600, 2, [1500, 100]);
  const { asked, slice } = server(3000, 2600, async (count) => {
    if (count === 5) view.camera.centre(1500, 2500);
  });
  await loadGrey(slice, DISPLAY, view, forever, () => {});
  assert.deepEqual(asked.slice(1, 4).map((a) => a.y0), [0, 256, 512]);
  assert.ok(asked[6].y0 >= 2000, asText(asked[6]));
});

test("the coarse level fills everything, so that no part is black", async () => {
  const { slice } = server(3000, 2600);
  slice.raster.levels.forEach(({ grey }) => grey.fill(0));
  let checked = false;
  await loadGrey(slice, DISPLAY, viewOf(3000, 2600, 2), forever, () => {
    const black = ({ grey }) => grey.filter((value) => value === 0).length / grey.length;
    if (!checked) for (const level of slice.raster.levels) assert.ok(black(level) < 0.02);
    checked = true;
  });
  assert.ok(checked);
});

test("a small slice loads at once", async () => {
  const { truth, asked, slice } = server(700, 300);
  let seen = 0;
  await loadGrey(slice, DISPLAY, viewOf(700, 300, null), forever, () => {}, () => (seen += 1));
  assert.deepEqual(asked.map(asText).sort(), ["0:0-256", "0:256-300"]);
  assert.deepEqual(slice.raster.levels[0].grey, truth.levels[0].grey);
  assert.equal(seen, 1);
});

test("a slice that the view does not know yet is loaded as if all of it were in view", async () => {
  const { asked, slice } = server(3000, 2600);
  await loadGrey(slice, DISPLAY, viewOf(50, 60, 64), forever, () => {});
  assert.deepEqual(asked.slice(0, 2).map(asText), ["2:0-650", "1:0-1300"]);
});

test("the request names the display settings", async () => {
  const asks = async (display) => {
    const { asked, slice } = server(10, 10);
    await loadGrey(slice, { ...DISPLAY, ...display }, viewOf(10, 10, null), forever, () => {});
    const query = Object.fromEntries(asked[0].query);
    for (const place of ["level", "y0", "y1"]) delete query[place];
    return query;
  };
  assert.deepEqual(await asks({}), { channel: "0", cut: "0.5" });
  assert.deepEqual(await asks({ channel: 2, cut: 0, smooth: true }), { channel: "2", cut: "0", smooth: "1" });
  assert.deepEqual(await asks({ low: 1.5e-7, high: 2 }), { channel: "0", cut: "0.5", lo: "1.5e-7", hi: "2" });
  assert.deepEqual(await asks({ second: 1, mix: 30 }), { channel: "0", cut: "0.5", second: "1", mix: "30" });
});

test("loading ends when another slice is opened", async () => {
  const stop = new AbortController();
  const { asked, slice } = server(3000, 2600, async (count) => {
    if (count === 4) stop.abort();
  });
  await assert.rejects(loadGrey(slice, DISPLAY, viewOf(3000, 2600, null), stop.signal, () => {}), { name: "AbortError" });
  assert.ok(asked.length <= 7);
});
