/** Invariants of the actions of every tool: five hundred random ones on a random slice. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { atWork, chance } from "../toys.mjs";

const [WIDTH, HEIGHT] = [61, 47];
const TOOLS = ["brush", "eraser", "restore", "range", "superpixel", "lasso", "fill", "pick", "box"];

/** A slice with patches of three classes, some unlabelled, some painted, some saved. */
function randomRaster(random) {
  const raster = new Raster(WIDTH, HEIGHT);
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      const at = y * WIDTH + x;
      raster.mask[at] = [0, 1, 2, 255][((x >> 3) + (y >> 2) + Number(random(9) === 0)) % 4];
      raster.touched[at] = Number(random(5) === 0);
      raster.saved[at] = Number(x > 40);
      raster.base[at] = random(8) === 0 ? random(3) : raster.mask[at];
      raster.levels[0].grey[at] = random(256);
    }
  }
  return raster;
}

/** Superpixels of 7 x 5 pixels in tiles of 32, some of them loaded late. */
function randomSuperpixels(random) {
  return {
    at(x, y) {
      if (random(6) === 0) return null;
      const [y0, x0] = [32 * Math.floor(y / 32), 32 * Math.floor(x / 32)];
      const [height, width] = [Math.min(32, HEIGHT - y0), Math.min(32, WIDTH - x0)];
      const idAt = (row, column) => 10 * Math.floor(row / 5) + Math.floor(column / 7);
      const ids = Uint16Array.from({ length: height * width }, (_, i) => idAt(Math.floor(i / width), i % width));
      return { y0, x0, height, width, ids, id: idAt(Math.floor(y) - y0, Math.floor(x) - x0) };
    },
    async request(x, y) {
      for (;;) {
        const found = this.at(x, y);
        if (found !== null) return found;
      }
    },
  };
}

function randomHand(random) {
  return {
    tool: TOOLS[random(TOOLS.length)],
    classId: [0, 1, 2, 255][random(4)],
    size: 1 + random(14),
    mode: ["correct", "scribble"][random(2)],
    background: 0,
    lock: [null, null, 0, 1, 255][random(5)],
    tolerance: random(120),
    reach: random(6),
  };
}

function randomPoint(random) {
  return { x: random(10 * WIDTH + 200) / 10 - 10, y: random(10 * HEIGHT + 200) / 10 - 10 };
}

/** @returns {boolean} whether the gesture was cancelled */
function gesture(painter, random, toolState) {
  const keys = { shiftKey: random(4) === 0, altKey: random(12) === 0 };
  painter.begin(["draw", "draw", "erase"][random(3)], randomPoint(random), toolState, keys);
  for (let moves = random(6); moves > 0; moves -= 1) painter.move(randomPoint(random));
  const cancels = random(8) === 0;
  if (cancels) painter.cancel();
  else painter.end();
  if (random(5) === 0) painter.close();
  return cancels;
}

/** Apply an action as the server does, independently of Raster. */
function applied(server, runs) {
  for (let r = 0; r < runs.length; r += 3) {
    for (let at = runs[r]; at < runs[r] + runs[r + 1]; at += 1) {
      server.mask[at] = runs[r + 2] % 256;
      server.touched[at] = Math.floor(runs[r + 2] / 256);
    }
  }
}

/** Runs rise, do not overlap, stay in the slice, change every pixel they cover and are merged where they can be. */
function checkRuns(runs, server, what) {
  let [end, value] = [0, -1];
  for (let r = 0; r < runs.length; r += 3) {
    assert.ok(runs[r] >= end && runs[r + 1] >= 1, `${what}: runs overlap or fall`);
    assert.ok(runs[r] > end || runs[r + 2] !== value || r === 0, `${what}: neighbours are not merged`);
    end = runs[r] + runs[r + 1];
    value = runs[r + 2];
    assert.ok(end <= WIDTH * HEIGHT && value <= 511, `${what}: a run leaves the slice, or its value the wire`);
    for (let at = runs[r]; at < end; at += 1) {
      assert.notEqual(server.mask[at] + 256 * server.touched[at], value, `${what}: a run changes nothing`);
    }
  }
}

const same = (a, b, what) => {
  assert.deepEqual(a.mask, b.mask, what);
  assert.deepEqual(a.touched, b.touched, what);
};
const copy = ({ mask, touched }) => ({ mask: Uint8Array.from(mask), touched: Uint8Array.from(touched) });

for (const seed of [1, 2, 3]) {
  test(`five hundred actions of random tools: the server has the same pixels, undo and redo lose none (${seed})`, async () => {
    const random = chance(seed);
    const raster = randomRaster(random);
    const [start, server] = [copy(raster), copy(raster)];
    const { painter, actions } = atWork(raster, randomSuperpixels(random));
    const used = new Set();
    let sent = 0;
    while (actions.length < 500) {
      const toolState = randomHand(random);
      gesture(painter, random, toolState);
      await new Promise((done) => setImmediate(done)); // superpixels that were late arrive
      for (; sent < actions.length; sent += 1) {
        used.add(toolState.tool);
        checkRuns(actions[sent].forward, server, `action ${sent} by ${toolState.tool}`);
        const before = copy(server);
        applied(server, actions[sent].forward);
        checkRuns(actions[sent].inverse, server, `inverse of ${sent} by ${toolState.tool}`);
        const undone = copy(server);
        applied(undone, actions[sent].inverse);
        same(undone, before, `inverse of ${sent}`);
      }
      same(raster, server, `after ${toolState.tool}`);
    }
    assert.ok(["brush", "eraser", "restore", "range", "superpixel", "lasso", "fill"].every((tool) => used.has(tool)));
    const finish = copy(raster);
    for (const action of actions.toReversed()) raster.apply(action.inverse);
    same(raster, start, "all undone");
    for (const action of actions) raster.apply(action.forward);
    same(raster, finish, "all redone");
  });
}

test("a cancelled gesture of any tool leaves every pixel and every array as it was", () => {
  const random = chance(17);
  const raster = randomRaster(random);
  const { painter, actions } = atWork(raster, randomSuperpixels(random));
  const before = { ...copy(raster), saved: Uint8Array.from(raster.saved), base: Uint8Array.from(raster.base) };
  for (let round = 0; round < 300; round += 1) {
    const toolState = randomHand(random);
    painter.begin(["draw", "erase"][random(2)], randomPoint(random), toolState);
    for (let moves = random(6); moves > 0; moves -= 1) painter.move(randomPoint(random));
    painter.cancel();
    painter.cancel();
    same(raster, before, `${toolState.tool} was cancelled`);
    assert.equal(painter.busy, false);
  }
  assert.deepEqual([raster.saved, raster.base, actions.length], [before.saved, before.base, 0]);
});
