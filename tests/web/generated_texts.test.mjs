// Generated texts: views of rows, what a card says, and ways through the tokens.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const rowFiles = ["shared/catalogue_text.js", "shared/contrast.js", "generated_texts/text_rows.js"];
const { aboutToken } = joined(["generated_texts/token_card.js"], ["aboutToken"]);
const { placesFrom, optionAfter } = joined(["generated_texts/token_walk.js"], ["placesFrom", "optionAfter"]);
const { firstTokens, lastAloneGrows, paletteOf, drawRow, newRow } = joined(
  rowFiles,
  ["firstTokens", "lastAloneGrows", "paletteOf", "drawRow", "newRow"],
  { document: fakeDocument() },
);

// -- the message
const data = {
  labels: ["·one", "⏎", "<b>"],
  pieces: [[0, 7], [2, 9]],
  facts: [["p 0.6", 1], ["p 0.1 · cut by top_k", 2]],
  words: { marks: ["close draw", "given", "differs", "parts"], not_sent: "not sent", more_tokens: "{count} more" },
  rows: [
    { name: "text 1", ending: "", tokens: [[0, 255, 0b1001, "note", 0, 0, 1, 1], [1, -1, 0, "note 1"]] },
    { name: "text 2", ending: "end", tokens: [[2, 3, 0, "note 2", -1]] },
  ],
};
data.words.locale = "en";
data.prompt = "<i>So far";

test("a token's numbers become its label, marks and alternatives", () => {
  assert.deepEqual(aboutToken(data, 0, 0), {
    label: "·one", note: "note", marks: ["close draw", "parts"], notSent: "",
    options: [
      { label: "·one", id: 7, facts: "p 0.6", chosen: true, cut: false },
      { label: "<b>", id: 9, facts: "p 0.1 · cut by top_k", chosen: false, cut: true },
    ],
  });
});

test("a token without alternatives and one whose alternatives were not sent differ", () => {
  assert.deepEqual([aboutToken(data, 0, 1).notSent, aboutToken(data, 0, 1).options], ["", []]);
  assert.deepEqual([aboutToken(data, 1, 0).notSent, aboutToken(data, 1, 0).options], ["not sent", []]);
});

// -- rows
test("few texts are drawn long, many short, none without a beginning", () => {
  assert.equal(firstTokens(1), 3000);
  assert.equal(firstTokens(50), 60);
  assert.equal(firstTokens(1000), 30);
  assert.equal(firstTokens(0), 3000);
});

test("the end is followed only where the last text alone grows", () => {
  const rows = (...endings) => endings.map((ending) => ({ ending }));
  assert.equal(lastAloneGrows({ running: true, rows: rows("end", "") }), true);
  assert.equal(lastAloneGrows({ running: true, rows: rows("", "") }), false);
  assert.equal(lastAloneGrows({ running: true, rows: rows("", "end") }), false);
  assert.equal(lastAloneGrows({ running: false, rows: rows("end", "") }), false);
});

test("colours that did not change are the same palette; others are a new version of it", () => {
  const first = paletteOf({ dark: false, colours: [[0, 0, 0], [255, 255, 255]] });
  assert.deepEqual(first.inks, ["#ffffff", "#1a1d23"]);
  assert.equal(paletteOf({ dark: false, colours: [[0, 0, 0], [255, 255, 255]] }, first), first);
  assert.equal(paletteOf({ dark: true, colours: [[0, 0, 0], [255, 255, 255]] }, first).version, first.version + 1);
});

function drawnOf(row, limit, before = newRow(0)) {
  drawRow(before, row, { data, palette: { version: 1, colours: data.colours ?? [], inks: [] }, limit });
  return before;
}

test("a row is its tokens' labels behind the prompt, a line end a mark among them", () => {
  const drawn = drawnOf(data.rows[0], 100);
  assert.deepEqual(drawn.spans.map((span) => span.textContent), ["·one", "⏎"]);
  assert.deepEqual(drawn.text.children.map((node) => node.textContent), ["<i>So far", "·one", "⏎", ""]);
  assert.equal(drawn.name.textContent, "text 1");
  assert.deepEqual([drawn.more.hidden, drawn.ending.hidden], [true, true]);
});

test("marks become classes of the token", () => {
  const [first, second] = drawnOf(data.rows[0], 100).spans;
  assert.deepEqual([...first.classes].sort(), ["mark-close", "mark-parted"]);
  assert.deepEqual([...second.classes], []);
});

test("a row drawn with more tokens keeps those that are there", () => {
  const grown = { ...data.rows[0], tokens: [...data.rows[0].tokens, [2, 3, 0, "note"]] };
  const drawn = drawnOf(data.rows[0], 100);
  const before = [...drawn.spans];
  drawnOf(grown, 100, drawn);
  assert.equal(drawn.spans.length, 3);
  assert.ok(before.every((span, step) => span === drawn.spans[step]));
});

test("behind the first token that is another, tokens are drawn anew", () => {
  const other = { ...data.rows[0], tokens: [data.rows[0].tokens[0], [2, 3, 0, "note"]] };
  const drawn = drawnOf(data.rows[0], 100);
  const [first, second] = drawn.spans;
  drawnOf(other, 100, drawn);
  assert.equal(drawn.spans[0], first);
  assert.notEqual(drawn.spans[1], second);
  assert.deepEqual(drawn.text.children.map((node) => node.textContent), ["<i>So far", "·one", "<b>", ""]);
});

test("what is not drawn is counted on the button, as the language writes numbers", () => {
  const many = { name: "", ending: "end", tokens: Array(2001).fill([0, -1, 0, ""]) };
  const drawn = drawnOf(many, 1);
  assert.equal(drawn.more.textContent, "2,000 more");
  assert.deepEqual([drawn.spans.length, drawn.more.hidden, drawn.ending.hidden], [1, false, false]);
});

// -- ways through the tokens
const walk = (...given) => [...placesFrom(...given)].map(String);

test("tokens follow each other through all rows, in both directions", () => {
  assert.deepEqual(walk([2, 0, 3], [0, 0], 1), ["0,1", "2,0", "2,1", "2,2"]);
  assert.deepEqual(walk([2, 0, 3], [2, 1], -1), ["2,0", "0,1", "0,0"]);
  assert.deepEqual(walk([2], [0, 1], 1), []);
  assert.deepEqual(walk([2], [0, 0], -1), []);
});

test("keys move among the card's alternatives and stop at the ends", () => {
  assert.deepEqual(["ArrowUp", "ArrowDown", "Home", "End"].map((key) => optionAfter(key, 1, 3)), [0, 2, 0, 2]);
  assert.equal(optionAfter("ArrowUp", 0, 3), 0);
  assert.equal(optionAfter("ArrowDown", 2, 3), 2);
  assert.equal(optionAfter("ArrowDown", -1, 3), 0);
});

test("other keys, and a card without alternatives, move nothing", () => {
  for (const key of ["a", "Enter", "constructor"]) assert.equal(optionAfter(key, 0, 3), null);
  assert.equal(optionAfter("Home", -1, 0), null);
});

// As much of a document as rows need: parts in a list, each with its classes.
function fakeDocument() {
  class Part {
    constructor(tag) {
      Object.assign(this, { tag, dataset: {}, style: {}, children: [], textContent: "", parent: null });
      this.classes = new Set();
      this.classList = { toggle: (name, on) => (on ? this.classes.add(name) : this.classes.delete(name)) };
    }
    setAttribute() {}
    append(...parts) {
      for (const part of parts) {
        part.parent = this;
        this.children.push(part);
      }
    }
    before(fragment) {
      const at = this.parent.children.indexOf(this);
      for (const part of fragment.children) part.parent = this.parent;
      this.parent.children.splice(at, 0, ...fragment.children);
    }
    get nextSibling() {
      return this.parent.children[this.parent.children.indexOf(this) + 1];
    }
    remove() {
      this.parent.children.splice(this.parent.children.indexOf(this), 1);
    }
  }
  return { createElement: (tag) => new Part(tag), createDocumentFragment: () => new Part("") };
}
