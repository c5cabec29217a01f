// Writes a text into an image file: where it came from travels with it. Joined into chart_download.js.

const CHECKSUMS = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = CHECKSUMS[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

// A PNG chunk: length, name, content, CRC-32 of name and content.
function pngChunk(name, content) {
  const chunk = new Uint8Array(content.length + 12);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, content.length);
  chunk.set(new TextEncoder().encode(name), 4);
  chunk.set(content, 8);
  view.setUint32(chunk.length - 4, checksum(chunk.subarray(4, chunk.length - 4)));
  return chunk;
}

const AFTER_HEADER = 33; // signature (8) and the IHDR chunk (25) come first

const METRE = 100 / 2.54; // [inch]

// The size too: `scale` pixels are 1/96 inch.
function describePng(png, description, scale) {
  const size = new DataView(new ArrayBuffer(9));
  [0, 4].forEach((at) => size.setUint32(at, Math.round(scale * 96 * METRE)));
  size.setUint8(8, 1); // pixels per metre
  // keyword, its end, "not compressed", method, no language, no translated keyword, the text in UTF-8
  const content = new TextEncoder().encode(`Description\0\0\0\0\0${description}`);
  const chunks = [pngChunk("pHYs", new Uint8Array(size.buffer)), pngChunk("iTXt", content)];
  return new Blob([png.subarray(0, AFTER_HEADER), ...chunks, png.subarray(AFTER_HEADER)], { type: "image/png" });
}

function describeSvg(svg, description) {
  const file = new DOMParser().parseFromString(svg, "image/svg+xml");
  if (file.querySelector("parsererror")) throw new Error("the picture is not well-formed");
  const element = file.createElementNS("http://www.w3.org/2000/svg", "metadata");
  element.textContent = description;
  file.documentElement.prepend(element);
  return new Blob([new XMLSerializer().serializeToString(file)], { type: "image/svg+xml" });
}
