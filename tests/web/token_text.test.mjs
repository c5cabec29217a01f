// The running text: which tokens are drawn, and which the keyboard reaches.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const { windowAround, widened, canStay, rovingIndex, WINDOW } = joined(
  ["token_text/token_window.js"],
  ["windowAround", "widened", "canStay", "rovingIndex", "WINDOW"],
);

test("a short text is drawn whole", () => {
  assert.deepEqual(windowAround(null, 12), [0, 12]);
  assert.deepEqual(windowAround(11, 12), [0, 12]);
  assert.deepEqual(windowAround(null, 0), [0, 0]);
});

test("of a long text the part around the selection is drawn, always as much", () => {
  assert.deepEqual(windowAround(null, 20_000), [0, WINDOW]);
  assert.deepEqual(windowAround(10_000, 20_000), [10_000 - WINDOW / 2, 10_000 + WINDOW / 2]);
  assert.deepEqual(windowAround(19_999, 20_000), [20_000 - WINDOW, 20_000]);
});

test("more is drawn on the side that was asked for, up to the end", () => {
  assert.deepEqual(widened({ start: 5000, stop: 8000 }, "before", 9000), [2000, 8000]);
  assert.deepEqual(widened({ start: 5000, stop: 8000 }, "after", 9000), [5000, 9000]);
  assert.deepEqual(widened({ start: 100, stop: 8000 }, "before", 9000), [0, 8000]);
});

test("the same text stays unless the selection is not drawn", () => {
  const before = { tokens: ["a", "b", "c", "d"], start: 1, stop: 3 };
  const same = ["a", "b", "c", "d"];
  assert.equal(canStay(before, same, null), true);
  assert.equal(canStay(before, same, 1), true);
  assert.equal(canStay(before, same, 0), false);
  assert.equal(canStay(before, same, 3), false);
});

test("another text does not stay", () => {
  const before = { tokens: ["a", "b"], start: 0, stop: 2 };
  assert.equal(canStay(before, ["a", "x"], null), false);
  assert.equal(canStay(before, ["a"], null), false);
  assert.equal(canStay(before, ["a", "b", "c"], null), false);
  assert.equal(canStay(undefined, [], null), false);
});

test("the tab order has the token in focus, else the selected, else the first", () => {
  const drawn = { start: 10, stop: 20 };
  assert.equal(rovingIndex(drawn, 12, 15), 12);
  assert.equal(rovingIndex(drawn, null, 15), 15);
  assert.equal(rovingIndex(drawn, null, null), 10);
  assert.equal(rovingIndex(drawn, null, 3), 10);
  assert.equal(rovingIndex(drawn, 20, 15), 10);
});
