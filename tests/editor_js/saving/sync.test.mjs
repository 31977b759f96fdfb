import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeOf } from "../../../app/editor/saving/sync.js";

const slice = (facts = {}, outbox = {}) => ({
  facts: { created: "1", round: 1, latest: 1, revision: null, ...facts },
  outbox: { sequence: 5, unsent: false, ...outbox },
});
const found = (changes = {}) => ({ created: "1", round: 1, sequence: 5, revision: null, caution: null, others: 0, ...changes });
const kind = (...given) => noticeOf(...given)?.kind ?? null;

test("without changes there is no notice", () => {
  assert.equal(kind(slice(), found(), 0), null);
  assert.equal(kind(slice({ round: null, latest: null }), found({ round: null }), 0), null);
});

test("strokes or a save from elsewhere are reported first", () => {
  assert.equal(kind(slice(), found({ sequence: 6, others: 1, round: 2 }), 0), "elsewhere");
  assert.equal(kind(slice(), found({ revision: 3 }), 0), "elsewhere");
});

test("a project made anew is reported although its numbers fit", () => {
  const { kind, text, command } = noticeOf(slice({}, { unsent: true }), found({ created: "2" }), 0);
  assert.deepEqual([kind, command], ["elsewhere", "reload"]);
  assert.match(text, /made anew under its name/);
});

test("unsent strokes of this window are not from elsewhere", () => {
  assert.equal(kind(slice({}, { sequence: 9, unsent: true }), found(), 0), null);
});

test("another window is reported, then a newer prediction unless declined", () => {
  assert.equal(kind(slice(), found({ others: 2, round: 2 }), 0), "others");
  assert.equal(kind(slice(), found({ round: 2 }), 0), "prediction");
  assert.equal(kind(slice({ round: null, latest: null }), found({ round: 1 }), 0), "prediction");
  assert.equal(kind(slice(), found({ round: 2 }), 2), null);
  assert.equal(kind(slice(), found({ round: 3 }), 2), "prediction");
});

test("a worse prediction is offered together with the reasons to distrust it", () => {
  const warning = "it is less accurate than round 1 (mean Dice 0.73, was 0.94, on 38,988 held-back pixels)";
  const { text, command } = noticeOf(slice(), found({ round: 2, caution: warning }), 0);
  assert.equal(text, `Round 2 has a new prediction, but ${warning}. Your strokes stay.`);
  assert.equal(command, "newPrediction");
  assert.equal(noticeOf(slice(), found({ round: 2 }), 0).text, "Round 2 has a new prediction of this slice. Your strokes stay.");
});
