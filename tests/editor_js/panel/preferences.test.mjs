import assert from "node:assert/strict";
import { test } from "node:test";

import { loadPreferences, savePreferences } from "../../../app/editor/panel/preferences.js";

/** Browser storage that holds a text. */
const storage = (text) => ({
  text,
  getItem() {
    return this.text;
  },
  setItem(_key, value) {
    this.text = value;
  },
});

test("saved preferences are loaded again", () => {
  const kept = storage(null);
  const preferences = { ...loadPreferences(kept), mode: "scribble", size: 40, askSlice: false };
  savePreferences(preferences, kept);
  assert.deepEqual(loadPreferences(kept), preferences);
});

test("missing, unreadable and mistyped preferences fall back to the defaults", () => {
  const usual = loadPreferences(storage(null));
  assert.equal(usual.mode, "correct");
  for (const text of ["", "not json", "null", "[]", '{"mode": "other", "size": "big", "opacity": null}']) {
    assert.deepEqual(loadPreferences(storage(text)), usual, text);
  }
  assert.equal(loadPreferences(storage('{"opacity": 7}')).opacity, 1);
});

test("a browser without storage causes no error", () => {
  const broken = {
    getItem() {
      throw new Error("denied");
    },
    setItem() {
      throw new Error("denied");
    },
  };
  assert.equal(loadPreferences(broken).mode, "correct");
  savePreferences(loadPreferences(broken), broken);
});
