import assert from "node:assert/strict";
import { test } from "node:test";

import { ProposalBoxes } from "../../../app/editor/view/proposal_boxes.js";

function proposalBoxes() {
  const made = new ProposalBoxes();
  made.set([[0, 1, 2, 3], [4, 5, 6, 7]], "here");
  return made;
}

test("the boxes are chosen in turn, cyclically", () => {
  const made = proposalBoxes();
  assert.deepEqual([made.next().y0, made.next().y0, made.next().y0], [0, 4, 0]);
});

test("a region claim covers the drawn box, else the chosen one, else nothing", () => {
  const made = proposalBoxes();
  assert.equal(made.region, null);
  made.next();
  assert.deepEqual(made.region, { x0: 1, y0: 0, x1: 3, y1: 2 });
  made.draw({ x0: 8, y0: 8, x1: 9, y1: 9 });
  assert.equal(made.region.x0, 8);
  made.clear();
  assert.equal(made.region, null);
});

test("proposed boxes are drawn, the chosen one with its place in the list", () => {
  const made = proposalBoxes();
  made.next();
  assert.deepEqual(made.boxes.map((b) => [b.kind, b.text]), [["chosen", "unsure 1 of 2"], ["proposed", undefined]]);
});

test("claiming a proposed box leads to the next one, here or on the next slice", () => {
  const made = proposalBoxes();
  made.next();
  made.saved("region");
  assert.equal(made.region, null);
  assert.deepEqual(made.set([[4, 5, 6, 7]], "here"), { x0: 5, y0: 4, x1: 7, y1: 6 });
  assert.equal(made.boxes[0].text, "unsure 1 of 1");
  made.saved("region");
  assert.equal(made.set([], "here"), null);
  assert.equal(made.set([[0, 1, 2, 3]], "here"), null);
});

test("the view stays in place after a full-slice claim or a hand-drawn box", () => {
  for (const kind of ["slice", "region"]) {
    const made = proposalBoxes();
    if (kind === "region") made.draw({ x0: 8, y0: 8, x1: 9, y1: 9 });
    else made.next();
    made.saved(kind);
    assert.equal(made.set([[4, 5, 6, 7]], "here"), null);
    assert.equal(made.region, null);
  }
});

test("saving strokes while boxes are open leads to the next one", () => {
  const made = proposalBoxes();
  made.saved("strokes");
  assert.equal(made.set([[0, 1, 2, 3], [4, 5, 6, 7]], "here").y0, 0);
  made.saved("strokes"); // the first is left open, as they were painted elsewhere
  assert.equal(made.set([[0, 1, 2, 3], [4, 5, 6, 7]], "here").y0, 4);
});

test("putting off a box leads to the one after it", () => {
  const made = new ProposalBoxes();
  made.set([[0, 1, 2, 3], [4, 5, 6, 7], [8, 8, 9, 9]], "here");
  made.next();
  made.leave();
  assert.equal(made.region, null);
  assert.equal(made.set([[4, 5, 6, 7], [8, 8, 9, 9], [0, 1, 2, 3]], "here").y0, 4);
});

test("a choice is restored with its slice, without moving the view", () => {
  const made = proposalBoxes();
  made.next();
  made.next();
  for (const away of [[], [[0, 0, 1, 1]]]) assert.equal(made.set(away, "there"), null);
  assert.equal(made.region, null);
  assert.equal(made.set([], "here"), null); // the page has not said yet which boxes are there
  assert.equal(made.set([[4, 5, 6, 7], [0, 1, 2, 3]], "here"), null);
  assert.deepEqual([made.region.y0, made.boxes[0].text], [4, "unsure 1 of 2"]);
  made.draw({ x0: 8, y0: 8, x1: 9, y1: 9 });
  made.set([], "there");
  made.set([[4, 5, 6, 7]], "here");
  assert.equal(made.region.y0, 8);
  made.clear();
  made.set([[4, 5, 6, 7]], "here");
  assert.equal(made.region, null);
});
