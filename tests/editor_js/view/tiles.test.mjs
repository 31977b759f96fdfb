import assert from "node:assert/strict";
import { test } from "node:test";

import { Raster } from "../../../app/editor/slice/raster.js";
import { bareTable, buildShown, buildTable, PREVIEWED, STRIPE } from "../../../app/editor/view/palette.js";
import { levelFor, Tiles, union } from "../../../app/editor/view/tiles.js";
import { installCanvases, pixelKey } from "../canvases.mjs";

installCanvases();

const CLASSES = [
  { id: 0, name: "matrix", color: "#808080" },
  { id: 1, name: "pore", color: "#ff0000" },
];
const LOOK = { opacity: 0.5, outline: false, hidden: false, mode: "correct", low: 0, high: 255, gamma: 1, invert: false };

function noisy(width, height) {
  const raster = new Raster(width, height);
  raster.levels.forEach(({ grey }, n) => grey.forEach((_, i) => (grey[i] = (i * 7 + n) % 251)));
  for (let i = 0; i < raster.mask.length; i += 1) {
    const [x, y] = [i % width, Math.floor(i / width)];
    raster.mask[i] = (x - 300) ** 2 + (y - 250) ** 2 < 180 ** 2 ? 1 : y > 550 ? 255 : 0;
    raster.touched[i] = Number(x > 280 && x < 330);
    raster.saved[i] = Number(y < 200);
  }
  return raster;
}

const paletteOf = (look) => ({ table: buildTable(CLASSES, look), bare: bareTable(look), shown: buildShown(look) });

function tilesOf(raster, look) {
  const tiles = new Tiles(raster);
  const { table, bare, shown } = paletteOf(look);
  tiles.setTable(table, bare, look.outline ? shown : null);
  return tiles;
}

const stateOf = (raster, at) => raster.touched[at] | (raster.saved[at] << 1);

/** Compute the pixels of a level in the plainest way. */
function expected(raster, level, look) {
  const { width, height, grey } = raster.levels[level];
  const { table, bare, shown } = paletteOf(look);
  const inside = (i, length) => Math.max(0, Math.min(length - 1, i));
  const known = new Map();
  const keyAt = (x, y) => {
    const [column, row] = [inside(x, width), inside(y, height)];
    const at = pixelKey(column, row);
    if (!known.has(at)) known.set(at, keyOf(raster, level, column, row));
    return known.get(at);
  };
  return (x, y) => {
    const value = grey[y * width + x];
    const colour = table[(keyAt(x, y) << 8) | value];
    const labelled = keyAt(x, y) >> 8;
    const onStripe = [1, 2, 3].includes(labelled) && (keyAt(x, y) & 255) === 0 && (x + y) % 8 < 2;
    if (!look.outline) return onStripe ? table[(labelled << 16) | (STRIPE << 8) | value] : colour;
    const id = shown[keyAt(x, y)];
    const reach = id === 0 || id === 255 ? [1] : [1, 2];
    const around = reach.flatMap((d) => [keyAt(x - d, y), keyAt(x + d, y), keyAt(x, y - d), keyAt(x, y + d)]);
    return around.some((key) => shown[key] !== id) ? colour : bare[value];
  };
}

/** Return the heaviest label of four pixels; without one, the last and the first in turn. */
function keyOf(raster, level, x, y) {
  if (level === 0) {
    const at = y * raster.width + x;
    return raster.previewed(at) ? (PREVIEWED << 8) | raster.preview[at] : (stateOf(raster, at) << 8) | raster.mask[at];
  }
  const { width, height } = raster.levels[level - 1];
  const [right, below] = [Math.min(2 * x + 1, width - 1), Math.min(2 * y + 1, height - 1)];
  const four = [[2 * x, 2 * y], [right, 2 * y], [2 * x, below], [right, below]].map(([i, j]) => keyOf(raster, level - 1, i, j));
  const bare = (key) => key < 256 || key >> 8 === PREVIEWED;
  if (four.every(bare)) return four[level % 2 === 1 ? 3 : 0];
  const weight = (key) => (bare(key) ? 0 : 1 + 10 * ((key >> 8) & 1) + [0, 255, 1].indexOf(key & 255));
  return four.reduce((best, key) => (weight(key) > weight(best) ? key : best));
}

const looks = { areas: LOOK, borders: { ...LOOK, outline: true }, scribbles: { ...LOOK, outline: true, mode: "scribble" } };
for (const [name, look] of Object.entries(looks)) {
  for (const previewed of [false, true]) test(`a tile shows every pixel as the table says: ${name}, preview: ${previewed}`, () => {
    const raster = noisy(1100, 701);
    if (previewed) raster.preview = raster.mask.map((_, at) => [0, 1, 255][Math.floor(at / 90) % 3]);
    const tiles = tilesOf(raster, look);
    for (const [level, tx, ty] of [[0, 0, 0], [0, 1, 1], [0, 2, 1], [1, 0, 0], [2, 0, 0]]) {
      const tile = tiles.fresh(level, tx, ty);
      const wanted = expected(raster, level, look);
      assert.equal(tile.canvas.pixels.size, tile.width * tile.height);
      for (let y = 0; y < tile.height; y += 3) {
        for (let x = 0; x < tile.width; x += 1) {
          const found = tile.canvas.pixels.get(pixelKey(x, y));
          if (found !== wanted(tx * 512 + x, ty * 512 + y)) assert.fail(`${level}/${tx}/${ty} at ${x}, ${y}`);
        }
      }
    }
  });

  test(`updating a part gives the same image as drawing everything: ${name}`, () => {
    const raster = noisy(600, 600);
    const tiles = tilesOf(raster, look);
    for (const level of [0, 1]) for (const [tx, ty] of [[0, 0], [1, 0]]) if (level === 0 || tx === 0) tiles.fresh(level, tx, ty);
    const rect = { x0: 480, y0: 100, x1: 531, y1: 140 };
    for (let y = rect.y0; y < rect.y1; y += 1) raster.mask.fill(1, y * 600 + rect.x0, y * 600 + rect.x1);
    tiles.changed(rect);
    const anew = tilesOf(raster, look);
    for (const [level, tx] of [[0, 0], [0, 1], [1, 0]]) {
      const [updated, whole] = [tiles.fresh(level, tx, 0), anew.fresh(level, tx, 0)];
      const wrong = [...whole.canvas.pixels].filter(([place, pixel]) => updated.canvas.pixels.get(place) !== pixel);
      assert.deepEqual(wrong, [], `${level}/${tx}`);
    }
  });
}

test("only what changed is drawn again, and what is up to date is not drawn at all", () => {
  const raster = noisy(600, 600);
  const tiles = tilesOf(raster, LOOK);
  const [left, right] = [tiles.fresh(0, 0, 0), tiles.fresh(0, 1, 0)];
  assert.deepEqual([left.canvas.puts, right.canvas.puts], [1, 1]);
  tiles.invalidate({ x0: 10, y0: 10, x1: 20, y1: 20 });
  assert.deepEqual([left.dirty, right.dirty], [{ x0: 8, y0: 8, x1: 22, y1: 22 }, null]);
  tiles.fresh(0, 0, 0);
  tiles.fresh(0, 1, 0);
  assert.deepEqual([left.canvas.puts, right.canvas.puts, left.dirty], [2, 1, null]);
});

test("tiles unseen for longest are dropped, never visible ones, and their canvases are reused", () => {
  const tiles = tilesOf(noisy(600, 600), LOOK);
  const made = tiles.fresh(0, 0, 0);
  for (let i = 0; i < 200; i += 1) tiles.tiles.set(`0/${i}/9`, { ...made, canvas: { width: 512, height: 512 } });
  tiles.trim(100);
  assert.equal(tiles.tiles.size, 148);
  assert.equal(tiles.cached(0, 0, 0), undefined);
  assert.notEqual(tiles.cached(0, 199, 9), undefined);
  const canvases = tiles.canvases.length;
  tiles.canvases = [made.canvas];
  tiles.fresh(0, 1, 1);
  assert.deepEqual([canvases, tiles.canvases.length], [53, 0]);
});

test("another slice never shows tiles of the previous one", () => {
  const tiles = tilesOf(noisy(600, 600), LOOK);
  tiles.fresh(0, 0, 0);
  tiles.use(noisy(300, 200));
  assert.equal(tiles.cached(0, 0, 0), undefined);
  const { width, height, dirty } = tiles.fresh(0, 0, 0);
  assert.deepEqual([width, height, dirty], [300, 200, null]);
});

test("a level's pixels are just not larger than the screen's", () => {
  assert.deepEqual([64, 1, 0.6, 0.5, 0.3, 0.25, 0.13, 0.02].map((scale) => levelFor(scale, 6)), [0, 0, 0, 1, 1, 2, 2, 5]);
  assert.equal(levelFor(0.02, 1), 0);
});

test("the union of two rectangles holds both", () => {
  assert.deepEqual(union({ x0: 1, y0: 5, x1: 3, y1: 9 }, { x0: 2, y0: 1, x1: 8, y1: 6 }), { x0: 1, y0: 1, x1: 8, y1: 9 });
});
