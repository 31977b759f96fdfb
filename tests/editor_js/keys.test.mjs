import assert from "node:assert/strict";
import { test } from "node:test";

import { BINDINGS, commandOf, tooltip } from "../../app/editor/keys.js";

const press = (key, held = {}) => commandOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("keys mean what the table says, whatever the case", () => {
  assert.equal(press("b"), "brush");
  assert.equal(press("B", { shiftKey: true }), "brush");
  assert.equal(press("Enter"), "claim");
  assert.equal(press("Enter", { shiftKey: true }), "claimSlice");
  assert.equal(press("2"), "class:1");
  assert.equal(press("0"), "fit");
});

test("Ctrl+Z undoes, Ctrl+Shift+Z and Ctrl+Y redo, and other combinations belong to the browser", () => {
  assert.equal(press("z", { ctrlKey: true }), "undo");
  assert.equal(press("Z", { ctrlKey: true, shiftKey: true }), "redo");
  assert.equal(press("y", { metaKey: true }), "redo");
  assert.equal(press("r", { ctrlKey: true }), null);
  assert.equal(press("1", { altKey: true }), null);
  assert.equal(press("c"), null);
});

test("no key has two meanings, and a tooltip names its key", () => {
  const seen = new Set(BINDINGS.map((b) => `${b.key}${b.ctrl ?? ""}${b.shift ?? ""}`));
  assert.equal(seen.size, BINDINGS.length);
  assert.match(tooltip("undo"), /Ctrl\+Z/);
});

test("[ and ] work on keyboards that need AltGr for them", () => {
  const graph = { altKey: true, ctrlKey: true, getModifierState: (name) => name === "AltGraph" };
  assert.equal(press("[", graph), "smaller");
  assert.equal(press("]", graph), "larger");
});
