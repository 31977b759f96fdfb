import assert from "node:assert/strict";
import { test } from "node:test";

import { Superpixels } from "../../../app/editor/slice/superpixels.js";
import { atWork, drawn, rows } from "../toys.mjs";

/** What the server answers about a tile. */
function framed(facts, ids) {
  const head = new TextEncoder().encode(JSON.stringify(facts).padEnd(101));
  const buffer = new ArrayBuffer(4 + head.length + 2 * ids.length);
  const view = new DataView(buffer);
  view.setUint32(0, head.length, true);
  new Uint8Array(buffer, 4).set(head);
  ids.forEach((id, i) => view.setUint16(4 + head.length + 2 * i, id, true));
  return buffer;
}

/** A server of tiles 2 pixels wide and high, that answers when it is let; ids: 0 left, 300 right. */
function server() {
  const asked = [];
  const waiting = [];
  const get = (path) => {
    asked.push(path);
    return new Promise((answer, refuse) => waiting.push({ answer, refuse }));
  };
  const answer = () => {
    const tile = framed({ y0: 0, x0: 0, height: 2, width: 2, count: 2 }, [0, 300, 0, 300]);
    for (const { answer: send } of waiting.splice(0)) send(tile);
    return new Promise((done) => setTimeout(done));
  };
  const refuse = () => {
    for (const { refuse: send } of waiting.splice(0)) send(new Error("no superpixels"));
    return new Promise((done) => setTimeout(done));
  };
  return { asked, get, answer, refuse };
}

/** Superpixels that are there at once: a slice drawn as rows of digits. */
function ready(...lines) {
  const tile = { y0: 0, x0: 0, height: lines.length, width: lines[0].length, ids: Uint16Array.from(lines.join("")) };
  return { at: (x, y) => ({ ...tile, id: tile.ids[y * tile.width + x] }) };
}

const STROKE = { tool: "superpixel", classId: 7 };

test("a tile is requested once, and gives null until it is loaded, then the superpixel", async () => {
  const { get, asked, answer } = server();
  const superpixels = new Superpixels({ get });
  assert.equal(superpixels.at(0, 0), null);
  assert.equal(superpixels.at(1, 1), null);
  superpixels.at(600, 1100);
  assert.deepEqual(asked, ["superpixels?ty=0&tx=0", "superpixels?ty=2&tx=1"]);
  await answer();
  assert.equal(superpixels.at(0, 1).id, 0);
  assert.equal(superpixels.at(1.7, 0.2).id, 300);
  assert.equal((await superpixels.request(1, 0)).id, 300);
  assert.equal(asked.length, 2);
});

test("a failed tile is requested again after a pause, or at once by `request`", async () => {
  let now = 0;
  const { get, asked, refuse } = server();
  const superpixels = new Superpixels({ get }, () => now);
  superpixels.at(0, 0);
  await refuse();
  superpixels.at(0, 0);
  assert.equal(asked.length, 1);
  now = 2500;
  superpixels.at(0, 0);
  assert.equal(asked.length, 2);
  await refuse();
  const wish = superpixels.request(0, 0);
  assert.equal(asked.length, 3);
  refuse();
  await assert.rejects(wish, /no superpixels/);
});

test("the least recently used tiles are dropped", async () => {
  const { get, asked, answer } = server();
  const superpixels = new Superpixels({ get });
  for (let n = 0; n < 48; n += 1) superpixels.at(512 * n, 0);
  await answer();
  superpixels.at(0, 0);
  superpixels.at(512 * 48, 0);
  await answer();
  superpixels.at(0, 0);
  assert.equal(asked.length, 49);
  superpixels.at(512, 0);
  assert.equal(asked.length, 50);
});

test("every superpixel under the path is painted whole, also on a fast drag, and no other", () => {
  const raster = drawn("00000", "00000", "00000");
  const { drag, actions, told } = atWork(raster, ready("11233", "11233", "44433"));
  drag([[0.5, 0.5], [4.5, 0.5]], STROKE);
  assert.deepEqual(rows(raster), ["77777", "77777", "00077"]);
  assert.equal(actions.length, 1);
  assert.deepEqual(told.painted[0], { x0: 0, y0: 0, x1: 2, y1: 2 });
});

test("superpixels respect the class lock, and the right button erases them", () => {
  const raster = drawn("0123", "0123");
  const { drag } = atWork(raster, ready("1111", "2222"));
  drag([[0, 0]], { ...STROKE, lock: 2 });
  drag([[0, 1]], STROKE, { kind: "erase" });
  assert.deepEqual(rows(raster), ["0173", "0000"]);
});

test("a stroke requests missing tiles, and a click on one is painted once it is loaded", async () => {
  const raster = drawn("00", "00");
  const { get, answer } = server();
  const { drag, actions, painter } = atWork(raster, new Superpixels({ get }));
  drag([[1, 1]], STROKE);
  assert.deepEqual([actions.length, painter.busy], [0, true]);
  await answer();
  assert.deepEqual(rows(raster), ["07", "07"]);
  assert.deepEqual([actions.length, painter.busy], [1, false]);
});

test("superpixels loaded during another stroke are painted after it, in the order the server sees", async () => {
  const raster = drawn("00", "00");
  const { get, answer } = server();
  const { drag, actions, painter } = atWork(raster, new Superpixels({ get }));
  drag([[1, 1]], STROKE);
  painter.begin("draw", { x: 1.5, y: 0.5 }, { ...STROKE, tool: "brush", classId: 3, size: 1, lock: null });
  await answer();
  assert.deepEqual(rows(raster), ["03", "00"]);
  painter.end();
  assert.deepEqual(rows(raster), ["07", "07"]);
  assert.deepEqual(actions.map(({ forward }) => [...forward]), [[1, 1, 259], [1, 1, 263, 3, 1, 263]]);
});

test("superpixels that fail to load are reported, and a cancel or another slice discards them", async () => {
  const raster = drawn("00", "00");
  const { get, answer, refuse } = server();
  const { drag, actions, painter, told } = atWork(raster, new Superpixels({ get }));
  drag([[1, 1]], STROKE);
  await refuse();
  assert.deepEqual([told.failed, painter.busy], [["no superpixels"], false]);
  drag([[1, 1]], STROKE);
  painter.cancel();
  assert.equal(painter.busy, false);
  drag([[1, 1]], STROKE);
  painter.slice = null;
  await answer();
  assert.match(told.failed.at(-1), /slice you left/);
  assert.deepEqual([actions.length, rows(raster)], [0, ["00", "00"]]);
});

test("the hovering cursor requests superpixels, within the slice", () => {
  const { get, asked } = server();
  const { painter, told } = atWork(drawn("00", "00"), new Superpixels({ get }));
  painter.hover({ x: 5, y: 0 }, STROKE);
  painter.hover({ x: 1, y: 0 }, { ...STROKE, tool: "brush" });
  assert.equal(asked.length, 0);
  painter.hover({ x: 1, y: 0 }, STROKE);
  assert.equal(asked.length, 1);
  assert.deepEqual(told.patch, [null, null, null]);
});

test("the hovering cursor highlights the pixels that a click would paint", () => {
  const { painter, told } = atWork(drawn("000", "000"), ready("011", "001"));
  painter.hover({ x: 2, y: 0 }, STROKE);
  assert.deepEqual(told.patch.at(-1), [{ y: 0, x0: 1, x1: 3 }, { y: 1, x0: 2, x1: 3 }]);
  painter.hover(null, STROKE);
  assert.equal(told.patch.at(-1), null);
});
