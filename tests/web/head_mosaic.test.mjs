// The mosaic: its message, its layout, hit-testing, keyboard moves, and what is said of a tile.
import assert from "node:assert/strict";
import { test } from "node:test";
import { joined } from "./joined.mjs";

const { readMessage, layoutOf, tileAt, tileAfter } = joined(
  ["head_mosaic/mosaic_layout.js"],
  ["readMessage", "layoutOf", "tileAt", "tileAfter"],
);
const { spansOf, fillTile } = joined(
  ["head_mosaic/mosaic_layout.js", "head_mosaic/mosaic_picture.js"],
  ["spansOf", "fillTile"],
);
const { linesAt, tileName } = joined(["shared/catalogue_text.js", "head_mosaic/mosaic_words.js"], ["linesAt", "tileName"]);

const { rampOf } = joined(["head_mosaic/mosaic_picture.js"], ["rampOf"]);
const { distanceTo } = joined(["head_mosaic/mosaic_reveal.js"], ["distanceTo"]);

function picture({ flow = "grid", layers = 3, heads = 4, side = 8, missing = [], ...more } = {}) {
  const all = Array.from({ length: layers * heads }, (_, i) => [Math.floor(i / heads), i % heads]);
  const order = all.filter(([layer]) => !missing.includes(layer));
  return { flow, layers, heads, side, missing, order, captions: order.map(() => ""), block: 1, ...more };
}

// -- message
function message(header, tiles) {
  const encoded = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(4 + encoded.length + 768 + tiles.length);
  new DataView(bytes.buffer).setUint32(0, encoded.length, true);
  bytes.set(encoded, 4);
  bytes.set([9, 8, 7], 4 + encoded.length + 3 * 255); // the last colour
  bytes.set(tiles, 4 + encoded.length + 768);
  return bytes;
}

test("a message is read whatever lies in front of it in memory", () => {
  const bytes = message({ name: "ñ 日本", side: 2 }, [1, 2, 3, 4]);
  const shifted = new Uint8Array(bytes.length + 5);
  shifted.set(bytes, 5);
  for (const given of [bytes, bytes.buffer, shifted.subarray(5)]) {
    const read = readMessage(given);
    assert.equal(read.name, "ñ 日本");
    assert.deepEqual([...read.tiles], [1, 2, 3, 4]);
    assert.equal(read.colours[255], 0xff070809); // alpha, blue, green, red: the order of a canvas in memory
    assert.equal(read.colours[0], 0xff000000);
  }
});

// -- layout
for (const ratio of [1, 1.25, 2]) {
  for (const [layers, heads, side] of [[30, 9, 64], [2, 2, 5], [80, 64, 64], [1, 1, 1]]) {
    test(`tiles of ${layers} x ${heads} heads do not overlap and lie inside, at ${ratio} pixels`, () => {
      for (const flow of ["grid", "ordered"]) {
        const shown = picture({ flow, layers, heads, side });
        const layout = layoutOf(shown, 1000, ratio);
        assert.equal(layout.places.length, layers * heads);
        assert.equal(new Set(layout.places.map(({ x, y }) => `${x} ${y}`)).size, layers * heads);
        for (const along of ["x", "y"]) {
          const starts = [...new Set(layout.places.map((place) => place[along]))].sort((a, b) => a - b);
          assert.ok(starts.every((start, i) => i === 0 || start - starts[i - 1] > layout.edge));
        }
        assert.ok(layout.edge >= 22 && layout.edge <= 64 && layout.gap >= 1);
        for (const { x, y } of layout.places) {
          assert.ok(x >= layout.left && x + layout.edge < layout.width);
          assert.ok(y >= layout.top && y + layout.edge < layout.height);
        }
      }
    });
  }
}

test("the grid has layers left to right and heads top to bottom", () => {
  const layout = layoutOf(picture(), 1000, 1);
  assert.deepEqual(layout.slots[0], { column: 0, row: 0 });
  assert.deepEqual(layout.slots[5], { column: 1, row: 1 });
  assert.ok(layout.places[4].x > layout.places[0].x && layout.places[4].y === layout.places[0].y);
});

test("in order of a metric tiles are read like a text", () => {
  const layout = layoutOf(picture({ flow: "ordered" }), 200, 1);
  assert.ok(layout.columns > 1 && layout.columns < 12);
  assert.deepEqual(layout.slots[layout.columns], { column: 0, row: 1 });
});

test("a page too narrow for tiles that can be hit gets a mosaic that is wider than it", () => {
  assert.ok(layoutOf(picture({ layers: 30 }), 300, 1).width > 300);
  assert.ok(layoutOf(picture({ layers: 30, heads: 9 }), 1000, 1).width <= 1000);
});

test("cells are equally wide where that costs little", () => {
  assert.equal(layoutOf(picture({ layers: 1, heads: 1, side: 20 }), 1000, 1).edge, 60);
  assert.equal(layoutOf(picture({ layers: 1, heads: 1, side: 33 }), 1000, 1).edge, 64);
});

// -- hit-testing
test("every cell of every tile is hit in its middle", () => {
  for (const flow of ["grid", "ordered"]) {
    const shown = picture({ flow, side: 5 });
    const layout = layoutOf(shown, 400, 1);
    layout.places.forEach(({ x, y }, index) => {
      for (let query = 0; query < 5; query++) {
        for (let key = 0; key < 5; key++) {
          const [dx, dy] = [key, query].map((cell) => ((cell + 0.5) / 5) * layout.edge);
          assert.deepEqual(tileAt(shown, layout, x + dx, y + dy), { index, query, key });
        }
      }
    });
  }
});

test("the line between tiles belongs to a tile but to none of its cells", () => {
  const shown = picture();
  const layout = layoutOf(shown, 400, 1);
  const { x, y } = layout.places[0];
  assert.equal(tileAt(shown, layout, x + layout.edge + 0.5, y + 1).query, null);
});

test("beside the mosaic there is no tile", () => {
  const shown = picture();
  const layout = layoutOf(shown, 400, 1);
  for (const [x, y] of [[0, 30], [30, 0], [layout.width + 9, 30], [30, layout.height + 9]]) {
    assert.equal(tileAt(shown, layout, x, y), null);
  }
});

test("a layer without attention is named by its number", () => {
  const shown = picture({ missing: [1] });
  const layout = layoutOf(shown, 400, 1);
  const beside = layout.places[0].x + layout.edge + layout.gap + 2;
  assert.deepEqual(tileAt(shown, layout, beside, layout.top + 2), { missing: 1 });
});

test("behind the last tile in order of a metric there is none", () => {
  const shown = picture({ flow: "ordered", layers: 1, heads: 3 });
  const layout = layoutOf(shown, 170, 1);
  assert.equal(layout.columns, 2);
  assert.equal(tileAt(shown, layout, layout.places[1].x + 5, layout.places[2].y + 5), null);
});

// -- keyboard
function walk(shown, start, ...keys) {
  const layout = layoutOf(shown, 1000, 1);
  return keys.reduce((at, key) => tileAfter(key.replace("Ctrl+", ""), layout, at, key.startsWith("Ctrl+")), start);
}

test("arrows go to the tile beside and stop at the edge", () => {
  const shown = picture(); // 3 layers of 4 heads: tile 4 * layer + head
  assert.equal(walk(shown, 0, "ArrowRight"), 4);
  assert.equal(walk(shown, 0, "ArrowDown", "ArrowDown"), 2);
  assert.equal(walk(shown, 6, "ArrowLeft", "ArrowUp"), 1);
  assert.equal(walk(shown, 0, "ArrowLeft"), 0);
  assert.equal(walk(shown, 11, "ArrowRight", "ArrowDown"), 11);
});

test("arrows step over layers without attention", () => {
  const shown = picture({ missing: [1] }); // layers 0 and 2
  assert.equal(walk(shown, 1, "ArrowRight"), 5);
  assert.equal(walk(shown, 5, "ArrowLeft"), 1);
  assert.equal(walk(picture({ missing: [2] }), 5, "ArrowRight"), 5);
});

test("Home and End go to the ends of a row, with Ctrl to those of the mosaic", () => {
  const shown = picture();
  assert.equal(walk(shown, 6, "Home"), 2);
  assert.equal(walk(shown, 6, "End"), 10);
  assert.equal(walk(shown, 6, "Ctrl+Home"), 0);
  assert.equal(walk(shown, 6, "Ctrl+End"), 11);
});

test("in order of a metric left and right go on to the next row", () => {
  const shown = picture({ flow: "ordered", layers: 10 }); // 40 tiles in rows of 13
  assert.equal(walk(shown, 12, "ArrowRight"), 13);
  assert.equal(walk(shown, 13, "ArrowLeft"), 12);
  assert.equal(walk(shown, 0, "ArrowDown"), 13);
  assert.equal(walk(shown, 39, "ArrowRight"), 39);
});

test("other keys are no moves", () => {
  const layout = layoutOf(picture(), 1000, 1);
  for (const key of ["a", "Tab", "constructor", "toString"]) assert.equal(tileAfter(key, layout, 0, false), null);
});

// -- paint
test("a pixel shows the largest weight that it stands for", () => {
  const tiles = new Uint8Array(32); // two tiles of 4 x 4
  tiles[16 + 4 * 2 + 1] = 200; // second tile, query 2, key 1
  const colours = Uint32Array.from({ length: 256 }, (_, step) => step);
  const pixels = new Uint32Array(4);
  fillTile(pixels, { side: 4, tiles, colours }, 1, 2, spansOf(4, 2));
  assert.deepEqual([...pixels], [0, 0, 200, 0]);
});

test("every cell has its pixels, and every pixel its cell", () => {
  for (const [side, size] of [[64, 22], [5, 64], [7, 7], [1, 30], [100, 99]]) {
    const { from, to } = spansOf(side, size);
    const covered = new Set(from.flatMap((low, i) => Array.from({ length: to[i] - low }, (_, k) => low + k)));
    assert.deepEqual([...covered].sort((a, b) => a - b), Array.from({ length: side }, (_, cell) => cell));
    assert.ok(from.every((low, i) => to[i] > low));
  }
});

// -- words
const words = {
  head: "Layer {layer}, head {head}", token: "{token} ({pos})", span: "{first} to {last} ({from}–{to})",
  weight: "weight {weight}", weight_pooled: "at most {weight} of {block}", later: "later", first_hidden: "hidden",
  missing: "layer {layer}: none", locale: "en",
};
const cell = (first, last = first) => ({ first, last, first_token: `t${first}`, last_token: `t${last}` });
const said = (more = {}) => ({
  ...picture({ layers: 1, heads: 2, side: 2 }), words, cells: [cell(0), cell(1)], captions: ["0.70", ""],
  tiles: Uint8Array.of(255, 0, 51, 204, 0, 0, 1, 2), hide_first: false, ...more,
});
const texts = (lines) => lines.map(({ text }) => text.replace(/[\u2068\u2069]/g, ""));

test("a tile is named by layer, head and the metric's value, if any", () => {
  assert.equal(tileName(said(), 0), "Layer 0, head 0 · 0.70");
  assert.equal(tileName(said(), 1), "Layer 0, head 1");
});

test("a cell names its two tokens and its weight", () => {
  const lines = linesAt(said(), { index: 0, query: 1, key: 0 });
  assert.deepEqual(texts(lines), ["Layer 0, head 0 · 0.70", "t1 (1) → t0 (0)", "weight 0.200"]);
  assert.equal(lines[1].text, "\u2068t1 (1)\u2069 → \u2068t0 (0)\u2069"); // a token from right to left stays in its place
});

test("weights are formatted as the language does", () => {
  const spanish = said({ words: { ...words, locale: "es" } });
  assert.equal(texts(linesAt(spanish, { index: 0, query: 1, key: 1 })).at(-1), "weight 0,800");
});

test("a cell of several tokens says so", () => {
  const pooled = said({ block: 3, cells: [cell(0, 2), cell(3, 4)], hide_first: true });
  const lines = texts(linesAt(pooled, { index: 0, query: 1, key: 0 }));
  assert.deepEqual(lines.slice(1), ["t3 to t4 (3–4) → t0 to t2 (0–2)", "at most 0.200 of 3"]);
});

test("what cannot be and what is left out is said instead of a weight", () => {
  assert.equal(texts(linesAt(said(), { index: 0, query: 0, key: 1 })).at(-1), "later");
  assert.equal(texts(linesAt(said({ hide_first: true }), { index: 0, query: 1, key: 0 })).at(-1), "hidden");
  assert.deepEqual(texts(linesAt(said(), { missing: 0 })), ["layer 0: none"]);
  assert.equal(linesAt(said(), { index: 0, query: null, key: 0 }).length, 1);
});

// -- legend and detail
test("the ramp runs from the first colour to the last", () => {
  const colours = new Uint32Array(256);
  colours[0] = 0xff030201; // as in memory: alpha, blue, green, red
  colours[255] = 0xff0a141e;
  const ramp = rampOf(colours);
  assert.equal(ramp.length, 17);
  assert.equal(ramp[0], "rgb(1 2 3)");
  assert.equal(ramp.at(-1), "rgb(30 20 10)");
});

test("a detail below the window's end comes into view", () => {
  assert.equal(distanceTo(700, 400, 900), 230);
});

test("a detail in view moves nothing", () => {
  assert.equal(distanceTo(300, 200, 900), 0);
});

test("the picked tile stays in the window, whatever the detail would need", () => {
  assert.equal(distanceTo(2000, 150, 900), 40);
  assert.equal(distanceTo(2000, 60, 900), 0);
});

test("in a low window half of it is enough", () => {
  assert.equal(distanceTo(600, 500, 400), 390);
  assert.equal(distanceTo(500, 450, 400), 300);
});
