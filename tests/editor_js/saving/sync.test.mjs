import assert from "node:assert/strict";
import { test } from "node:test";

import { noticeOf } from "../../../app/editor/saving/sync.js";

const slice = (facts = {}, outbox = {}) => ({
  facts: { round: 1, latest: 1, revision: null, ...facts },
  outbox: { sequence: 5, unsent: false, ...outbox },
});
const found = (news = {}) => ({ round: 1, sequence: 5, revision: null, caution: null, others: 0, ...news });
const kind = (...given) => noticeOf(...given)?.kind ?? null;

test("no news is no notice", () => {
  assert.equal(kind(slice(), found(), 0), null);
  assert.equal(kind(slice({ round: null, latest: null }), found({ round: null }), 0), null);
});

test("strokes or a save from elsewhere are told first", () => {
  assert.equal(kind(slice(), found({ sequence: 6, others: 1, round: 2 }), 0), "elsewhere");
  assert.equal(kind(slice(), found({ revision: 3 }), 0), "elsewhere");
});

test("own strokes that the server does not have yet are not from elsewhere", () => {
  assert.equal(kind(slice({}, { sequence: 9, unsent: true }), found(), 0), null);
});

test("another window is told, then a newer prediction, unless it was declined", () => {
  assert.equal(kind(slice(), found({ others: 2, round: 2 }), 0), "others");
  assert.equal(kind(slice(), found({ round: 2 }), 0), "prediction");
  assert.equal(kind(slice({ round: null, latest: null }), found({ round: 1 }), 0), "prediction");
  assert.equal(kind(slice(), found({ round: 2 }), 2), null);
  assert.equal(kind(slice(), found({ round: 3 }), 2), "prediction");
});

test("a prediction that is worse is offered with what speaks against it", () => {
  const caution = "it is less accurate than round 1 (mean Dice 0.73, was 0.94, on 38,988 held-back pixels)";
  const { text, command } = noticeOf(slice(), found({ round: 2, caution }), 0);
  assert.equal(text, `Round 2 has a new prediction, but ${caution}. Your strokes stay.`);
  assert.equal(command, "newPrediction");
  assert.equal(noticeOf(slice(), found({ round: 2 }), 0).text, "Round 2 has a new prediction of this slice. Your strokes stay.");
});
