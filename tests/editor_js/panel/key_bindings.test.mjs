import assert from "node:assert/strict";
import { test } from "node:test";

import { BINDINGS, classKey, commandOf, tooltip } from "../../../app/editor/panel/key_bindings.js";

const press = (key, held = {}) => commandOf({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });

test("keys mean what the table says, whatever the case", () => {
  assert.equal(press("b"), "brush");
  assert.equal(press("B", { shiftKey: true }), "brush");
  assert.equal(press("Enter"), "claim");
  assert.equal(press("Enter", { shiftKey: true }), "claimSlice");
  assert.deepEqual([press("j"), press("J", { shiftKey: true })], ["skipBox", "skipSlice"]);
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
  assert.equal(BINDINGS.find((b) => b.command === "unsure").group, "Classes");
});

test("[ and ] work on keyboards that need AltGr for them", () => {
  const graph = { altKey: true, ctrlKey: true, getModifierState: (name) => name === "AltGraph" };
  assert.equal(press("[", graph), "smaller");
  assert.equal(press("]", graph), "larger");
});

test("Shift and a digit choose classes 10 to 18, whatever the keyboard types then", () => {
  const shifted = (key, code) => press(key, { code, shiftKey: true });
  assert.equal(shifted("!", "Digit1"), "class:9");
  assert.equal(shifted("(", "Digit9"), "class:17");
  assert.equal(shifted("1", "Digit1"), "class:9", "where digits are typed with Shift");
  assert.equal(press("&", { code: "Digit1" }), "class:0");
  assert.equal(press("à", { code: "Digit0" }), "fit");
  assert.equal(press("5", { code: "Numpad5" }), "class:4");
  assert.equal(shifted(")", "Digit0"), null);
  assert.equal(shifted("?", "Slash"), "sheet");
});

test("a digit's key that types something else with AltGr or Ctrl chooses no class", () => {
  const graph = { altKey: true, ctrlKey: true, getModifierState: (name) => name === "AltGraph" };
  assert.equal(press("[", { code: "Digit5", ...graph }), "smaller");
  assert.equal(press("1", { code: "Digit1", ctrlKey: true }), null);
});

test("every class up to the eighteenth says its key, and the key chooses it", () => {
  for (let place = 0; place < 18; place += 1) {
    const digit = classKey(place).help.at(-1);
    assert.equal(press(digit, { code: `Digit${digit}`, shiftKey: classKey(place).help.startsWith("Shift") }), `class:${place}`);
  }
  assert.equal(classKey(18), null);
  assert.deepEqual([press("ArrowUp"), press("ArrowDown")], ["previousClass", "nextClass"]);
});
