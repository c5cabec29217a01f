// Provenance inside PNG and SVG, size and caption of a picture, and the copied link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { joined } from "./joined.mjs";

const { checksum, pngChunk, describePng } = joined(
  ["chart_download/provenance.js"],
  ["checksum", "pngChunk", "describePng"],
);
const { pictureSize, isTooLarge, ownSize } = joined(
  ["chart_download/picture_size.js"],
  ["pictureSize", "isTooLarge", "ownSize"],
);
const { captionLines, captionHeight } = joined(["chart_download/caption.js"], ["captionLines", "captionHeight"]);
const { linkOf } = joined(["shared/life.js", "copy_link/copy_link.js"], ["linkOf"]);

const bytesOf = (text) => new TextEncoder().encode(text);

// -- PNG
test("the checksum is CRC-32", () => {
  assert.equal(checksum(bytesOf("123456789")), 0xcbf43926);
  assert.equal(checksum(new Uint8Array()), 0);
});

test("a chunk is its length, name, content and checksum", () => {
  // IEND as it ends every PNG
  assert.deepEqual([...pngChunk("IEND", new Uint8Array())], [0, 0, 0, 0, 73, 69, 78, 68, 0xae, 0x42, 0x60, 0x82]);
});

test("the description stands behind the header and the rest of the file stays as it is", async () => {
  const header = [...Array(33).keys()];
  const rest = [200, 201, 202];
  const description = '{"prompt":"<b> ñ 日本"}';
  const file = describePng(Uint8Array.from([...header, ...rest]), description);
  const bytes = new Uint8Array(await file.arrayBuffer());
  assert.equal(file.type, "image/png");
  assert.deepEqual([...bytes.subarray(0, 33)], header);
  assert.deepEqual([...bytes.subarray(-3)], rest);
  const chunk = bytes.subarray(33, -3);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const content = chunk.subarray(8, -4);
  assert.equal(new TextDecoder().decode(chunk.subarray(4, 8)), "iTXt");
  assert.equal(view.getUint32(0), content.length);
  assert.equal(new TextDecoder().decode(content), `Description\0\0\0\0\0${description}`);
  assert.equal(view.getUint32(chunk.length - 4), crc32(chunk.subarray(4, -4)));
});

// -- SVG
function describeSvg(svg, description, { broken = false } = {}) {
  const written = [];
  const root = { prepend: (element) => written.push(element) };
  const file = {
    querySelector: (selector) => (broken && selector === "parsererror" ? {} : null),
    createElementNS: (space, name) => ({ space, name }),
    documentElement: root,
  };
  const parser = class {
    parseFromString(text, type) {
      assert.deepEqual([text, type], [svg, "image/svg+xml"]);
      return file;
    }
  };
  const serializer = class {
    serializeToString = (of) => (assert.equal(of, file), JSON.stringify(written));
  };
  const globals = { DOMParser: parser, XMLSerializer: serializer };
  return joined(["chart_download/provenance.js"], ["describeSvg"], globals).describeSvg(svg, description);
}

test("an SVG's description is text, never markup, and comes first", async () => {
  const file = describeSvg("<svg/>", "<b> & ]]>");
  const element = { space: "http://www.w3.org/2000/svg", name: "desc", textContent: "<b> & ]]>" };
  assert.equal(file.type, "image/svg+xml");
  assert.deepEqual(JSON.parse(await file.text()), [element]);
});

test("a picture that is not well-formed is refused", () => {
  assert.throws(() => describeSvg("<svg", "", { broken: true }), /not well-formed/);
});

// -- size
test("a scale multiplies pixels, which an SVG does not have", () => {
  assert.deepEqual(pictureSize("png", 800, 600, 3), { width: 800, height: 600, scale: 3 });
  assert.deepEqual(pictureSize("svg", 800, 600, 3), { width: 800, height: 600, scale: 1 });
});

test("up to 64 million pixels a picture can be drawn", () => {
  assert.equal(isTooLarge({ width: 4000, height: 4000, scale: 2 }), false);
  assert.equal(isTooLarge({ width: 4001, height: 4000, scale: 2 }), true);
});

test("a picture begins with the chart's own shape", () => {
  assert.deepEqual(ownSize([0, 700], [589.6, 655]), [590, 700]);
  assert.deepEqual(ownSize([1100, 0], [589, 655]), [1100, 655]);
  assert.deepEqual(ownSize([0, 0], null), [900, 600]);
});

// -- caption
test("a caption is broken between its parts, never inside one", () => {
  assert.deepEqual(captionLines("a · b · c", 900), ["a · b · c"]);
  assert.deepEqual(captionLines("layer 17 · head 5 · model", 140), ["layer 17 · head 5", "model"]);
  assert.deepEqual(captionLines("longer than the picture · b", 60), ["longer than the picture", "b"]);
});

test("no caption takes no room", () => {
  assert.deepEqual(captionLines("", 900), []);
  assert.equal(captionHeight([]), 0);
  assert.ok(captionHeight(["a", "b"]) > captionHeight(["a"]));
});

// -- link
test("the copied link names defaults that the address leaves out", () => {
  assert.equal(linkOf("http://host/attention?prompt=a%20b", { lang: "en" }), "http://host/attention?prompt=a+b&lang=en");
});

test("a parameter of the same name is replaced, and values are data", () => {
  const link = linkOf("http://host/?lang=es&x=1#part", { lang: "en", prompt: "a&b=<c> 日本" });
  assert.deepEqual([...new URL(link).searchParams], [["lang", "en"], ["x", "1"], ["prompt", "a&b=<c> 日本"]]);
});
