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

function describePng(png, description) {
  // keyword, its end, "not compressed", method, no language, no translated keyword, the text in UTF-8
  const content = new TextEncoder().encode(`Description\0\0\0\0\0${description}`);
  return new Blob([png.subarray(0, AFTER_HEADER), pngChunk("iTXt", content), png.subarray(AFTER_HEADER)], {
    type: "image/png",
  });
}

function describeSvg(svg, description) {
  const file = new DOMParser().parseFromString(svg, "image/svg+xml");
  if (file.querySelector("parsererror")) throw new Error("the picture is not well-formed");
  const element = file.createElementNS("http://www.w3.org/2000/svg", "desc");
  element.textContent = description;
  file.documentElement.prepend(element);
  return new Blob([new XMLSerializer().serializeToString(file)], { type: "image/svg+xml" });
}
