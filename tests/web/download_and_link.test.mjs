// Provenance inside PNG and SVG, size of a picture, and the copied link.
import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { joined } from "./joined.mjs";

const { checksum, pngChunk, describePng } = joined(
  ["chart_download/provenance.js"],
  ["checksum", "pngChunk", "describePng"],
);
const { measured } = joined(["chart_download/frame.js"], ["measured"]);
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
  const file = describePng(Uint8Array.from([...header, ...rest]), description, 2);
  const bytes = new Uint8Array(await file.arrayBuffer());
  assert.equal(file.type, "image/png");
  assert.deepEqual([...bytes.subarray(0, 33)], header);
  assert.deepEqual([...bytes.subarray(-3)], rest);
  const size = bytes.subarray(33, 33 + 21);
  assert.equal(new TextDecoder().decode(size.subarray(4, 8)), "pHYs");
  assert.equal(new DataView(size.buffer, size.byteOffset).getUint32(8), 7559); // 192 dpi, per metre
  const chunk = bytes.subarray(33 + 21, -3);
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
  const element = { space: "http://www.w3.org/2000/svg", name: "metadata", textContent: "<b> & ]]>" };
  assert.equal(file.type, "image/svg+xml");
  assert.deepEqual(JSON.parse(await file.text()), [element]);
});

test("a picture that is not well-formed is refused", () => {
  assert.throws(() => describeSvg("<svg", "", { broken: true }), /not well-formed/);
});

// -- size
test("a saved SVG is as large in millimetres as its pixels are", () => {
  const svg = '<svg width="336" height="96" viewBox="0 0 336 96"><svg width="336" height="90"/></svg>';
  assert.equal(
    measured(svg, { width: 336, height: 96 }),
    '<svg width="88.90mm" height="25.40mm" viewBox="0 0 336 96"><svg width="336" height="90"/></svg>',
  );
});

// -- link
test("the copied link names defaults that the address leaves out", () => {
  assert.equal(linkOf("http://host/attention?prompt=a%20b", { lang: "en" }, []), "http://host/attention?prompt=a+b&lang=en");
});

test("what is stored elsewhere is left out of the copied link", () => {
  const address = "http://host/?prompt=a&prompt=b&pz=c&x=1";
  assert.equal(linkOf(address, { stored: "id" }, ["prompt", "pz"]), "http://host/?x=1&stored=id");
});

test("a parameter of the same name is replaced, and values are data", () => {
  const link = linkOf("http://host/?lang=es&x=1#part", { lang: "en", prompt: "a&b=<c> 日本" }, []);
  assert.deepEqual([...new URL(link).searchParams], [["lang", "en"], ["x", "1"], ["prompt", "a&b=<c> 日本"]]);
});
