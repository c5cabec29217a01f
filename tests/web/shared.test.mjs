// What several components share: filled-in texts, the card's corner, contrast, the arrow keys.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const { fill, numberText } = joined(["shared/catalogue_text.js"], ["fill", "numberText"]);
const { cardCorner } = joined(["shared/card.js"], ["cardCorner"]);
const { contrast, inkOn, INKS } = joined(["shared/contrast.js"], ["contrast", "inkOn", "INKS"]);
const { nearestInNextLine } = joined(["shared/nearest_line.js"], ["nearestInNextLine"]);
const { beginLife } = joined(["shared/life.js"], ["beginLife"]);

test("facts are filled in once and never interpreted", () => {
  assert.equal(fill("{a} and {b}, {a}", { a: 1, b: "x" }), "1 and x, 1");
  assert.equal(fill("{token}", { token: "{pos} $& $1 <b>", pos: 3 }), "{pos} $& $1 <b>");
});

test("a fact that is not given stays as its name", () => {
  assert.equal(fill("{pos} of {all}", { pos: 0 }), "0 of {all}");
});

test("numbers have the signs of the region, and thousands apart from four digits on", () => {
  assert.equal(numberText(1234567, "en-US"), "1,234,567");
  assert.equal(numberText(1234, "es-ES"), "1.234");
  assert.equal(numberText(0.2, "en-US", 3), "0.200");
  assert.equal(numberText(0.2, "es-ES", 3), "0,200");
  assert.equal(numberText(0.6, "en-US"), "1");
});

const room = { width: 400, height: 300 };
const size = { width: 100, height: 50 };

test("a card stands right of and below its box", () => {
  assert.deepEqual(cardCorner(size, { left: 90, right: 110, top: 90, bottom: 110 }, room), { left: 110, top: 110 });
});

test("where there is no room a card stands left of and above its box", () => {
  const corner = cardCorner(size, { left: 290, right: 310, top: 230, bottom: 260 }, room);
  assert.deepEqual(corner, { left: 190, top: 180 });
});

test("a card larger than the window begins inside it", () => {
  const corner = cardCorner({ width: 900, height: 900 }, { left: 10, right: 20, top: 10, bottom: 20 }, room);
  assert.deepEqual(corner, { left: 4, top: 4 });
});

test("contrast is that of the guidelines, in either order", () => {
  assert.equal(contrast([0, 0, 0], [255, 255, 255]), 21);
  assert.equal(contrast([255, 255, 255], [0, 0, 0]), 21);
  // #767676 on white is the lightest grey that passes 4.5
  assert.ok(Math.abs(contrast([0x76, 0x76, 0x76], [255, 255, 255]) - 4.54) < 0.005);
});

test("on every colour of any kind the ink can be read", () => {
  const channel = (ink, at) => parseInt(ink.slice(at, at + 2), 16);
  for (const inks of Object.values(INKS)) {
    for (let code = 0; code < 4096; code += 7) {
      const colour = [code >> 8, (code >> 4) & 15, code & 15].map((part) => 17 * part);
      const ink = inkOn(colour, inks);
      assert.ok(contrast([channel(ink, 1), channel(ink, 3), channel(ink, 5)], colour) >= 4.5, `${ink} on ${colour}`);
    }
  }
});

test("an ink of the theme is taken before black and white", () => {
  assert.equal(inkOn([255, 255, 255], INKS.light), "#1a1d23");
  assert.equal(inkOn([20, 20, 60], INKS.light), "#ffffff");
  assert.equal(inkOn([255, 255, 255], ["#eeeeee"]), "#000000");
});

const box = (top, left) => ({ top, left });

test("the nearest token of the next line is found, whatever its place in the line", () => {
  const boxes = [box(0, 40), box(1, 60), box(20, 0), box(21, 33), box(20, 70), box(40, 30)];
  assert.equal(nearestInNextLine(box(0, 30), boxes), boxes[3]);
});

test("in the last line there is no next one", () => {
  assert.equal(nearestInNextLine(box(0, 30), [box(0, 40), box(3, 60)]), null);
  assert.equal(nearestInNextLine(box(0, 30), []), null);
});

test("no more lines are measured than are needed", () => {
  let measured = 0;
  const boxes = function* () {
    for (const top of [0, 20, 40, 60]) yield (measured++, box(top, 0));
  };
  nearestInNextLine(box(0, 0), boxes());
  assert.equal(measured, 3);
});

test("a new call of a component ends what the call before it left behind", () => {
  const [place, other] = [{}, {}];
  const [first, elsewhere] = [beginLife(place), beginLife(other)];
  const second = beginLife(place);
  assert.deepEqual([first, elsewhere, second].map((life) => life.signal.aborted), [true, false, false]);
});
