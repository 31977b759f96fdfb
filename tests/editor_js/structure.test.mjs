/** Which folder of the editor may import which: a new module needs a folder, and an import must point down. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const EDITOR = fileURLToPath(new URL("../../app/editor/", import.meta.url));
const TESTS = fileURLToPath(new URL("./", import.meta.url));

/** Every folder, the lowest first, and the folders below that it may import; "" is the editor itself. */
const ALLOWED = {
  slice: [],
  view: ["slice"],
  tools: ["slice", "view"],
  panel: ["slice", "view", "tools"],
  saving: ["slice", "view", "panel"],
  "": ["slice", "view", "tools", "panel", "saving"],
};
const MOST_MODULES = 15;

/** @returns {string[]} paths below a folder, with `/` on every system */
function filesIn(folder, ending) {
  const found = readdirSync(folder, { recursive: true }).map((path) => String(path).split(sep).join("/"));
  return found.filter((path) => path.endsWith(ending)).sort();
}

const MODULES = filesIn(EDITOR, ".js");

/** @param {string} path @returns {string} the folder of a module */
const folderOf = (path) => path.split("/").slice(0, -1).join("/");

/** Imports of a module, those of its JSDoc types too. @param {string} path @returns {string[]} paths below the editor */
function importsOf(path) {
  const text = readFileSync(join(EDITOR, path), "utf8");
  const names = [...text.matchAll(/(?:from |import\()"([^"]+)"/g)].map((found) => found[1]);
  const local = names.filter((name) => name.startsWith("."));
  return local.map((name) => relative(EDITOR, normalize(join(EDITOR, dirname(path), name))).split(sep).join("/"));
}

test("every module lies in a folder of the table, and no folder outgrows a reader", () => {
  const unplaced = MODULES.filter((path) => !(folderOf(path) in ALLOWED));
  assert.deepEqual(unplaced, []);
  for (const folder of Object.keys(ALLOWED)) {
    const count = MODULES.filter((path) => folderOf(path) === folder).length;
    assert.ok(count > 0 && count <= MOST_MODULES, `${folder || "the editor itself"}: ${count} modules`);
  }
});

test("every import names a module of the editor, and points to its own folder or to one below", () => {
  const wrong = [];
  for (const path of MODULES) {
    const [from, below] = [folderOf(path), ALLOWED[folderOf(path)] ?? []];
    for (const imported of importsOf(path)) {
      if (!MODULES.includes(imported)) wrong.push(`${path}: there is no ${imported}`);
      else if (![from, ...below].includes(folderOf(imported))) wrong.push(`${path} imports ${imported}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("the table itself has one direction", () => {
  const order = Object.keys(ALLOWED);
  for (const [folder, below] of Object.entries(ALLOWED)) {
    for (const other of below) assert.ok(order.indexOf(other) < order.indexOf(folder), `${folder} may import ${other}`);
  }
});

test("every module is reached from editor.js, which the page imports", () => {
  const reached = new Set();
  const waiting = ["editor.js"];
  while (waiting.length > 0) {
    const path = waiting.pop();
    if (reached.has(path)) continue;
    reached.add(path);
    waiting.push(...importsOf(path));
  }
  assert.deepEqual(MODULES.filter((path) => !reached.has(path)), []);
});

test("a test lies where its module lies", () => {
  const without = ["structure.test.mjs", "tools/actions.test.mjs"]; // of all modules, and of all tools
  const modules = new Set(MODULES.map((path) => path.replace(/\.js$/, ".test.mjs")));
  const stray = filesIn(TESTS, ".test.mjs").filter((path) => !modules.has(path) && !without.includes(path));
  assert.deepEqual(stray, []);
});
