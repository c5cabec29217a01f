// The section in view, and the address that names it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const { sectionInView, addressAt, sectionOf } = joined(
  ["page_sections/section_in_view.js"],
  ["sectionInView", "addressAt", "sectionOf"],
);
const tops = [300, 900, 1500].map((top, i) => ({ name: ["prompt", "every", "inside"][i], top }));
const moved = (by) => tops.map(({ name, top }) => ({ name, top: top - by }));
const window900 = { first: "prompt", line: 120, height: 900, ended: false, aimed: null };

test("the section in view is the last that begins above the line", () => {
  assert.equal(sectionInView(moved(800), window900), "every");
  assert.equal(sectionInView(moved(5000), window900), "inside");
});

test("above all sections, and before any stands, it is the first", () => {
  assert.equal(sectionInView(tops, window900), "prompt");
  assert.equal(sectionInView([], window900), "prompt");
  assert.equal(sectionInView(tops.slice(1), window900), "prompt");
});

test("at the end of a page it is the section aimed at, if it is on screen, else the last on screen", () => {
  const ended = { ...window900, ended: true };
  assert.equal(sectionInView(moved(700), ended), "inside");
  assert.equal(sectionInView(moved(700), { ...ended, aimed: "every" }), "every");
  assert.equal(sectionInView(moved(800), { ...ended, aimed: "every" }), "every");
  assert.equal(sectionInView(moved(800), { ...ended, aimed: "prompt" }), "inside");
  assert.equal(sectionInView(moved(2000), ended), "inside");
});

test("an address gets its section, and only that is changed", () => {
  const address = "http://here/next_token?prompt=%3Cb%3E+a&next_token_pos=3";
  assert.equal(addressAt(address, "every"), `${address}&at=every`);
  assert.equal(addressAt(`${address}&at=every`, ""), address);
  assert.equal(sectionOf(`${address}&at=every`), "every");
  assert.equal(sectionOf(address), "");
});
