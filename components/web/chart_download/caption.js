// The caption below a saved picture: what it is of. Joined into chart_download.js.

const LINE = 15; // height of a line of the caption [CSS px]
const SIDE = 12; // free at both ends of a line [CSS px]
const LETTER = 6.2; // width of a character of the caption, on the safe side [CSS px]
const FONT = "11px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

// The caption's lines in a picture of `width` [CSS px], broken between its parts.
function captionLines(caption, width) {
  const most = Math.max(1, Math.floor((width - 2 * SIDE) / LETTER));
  const lines = [];
  for (const part of caption.split(" · ").filter(Boolean)) {
    const longer = lines.length ? `${lines.at(-1)} · ${part}` : part;
    if (lines.length && longer.length <= most) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

function captionHeight(lines) {
  return lines.length ? LINE * lines.length + 6 : 0;
}

// The same SVG, larger by its caption.
function captionedSvg(svg, lines, { paper, ink }) {
  const file = new DOMParser().parseFromString(svg, "image/svg+xml");
  if (!lines.length || file.querySelector("parsererror")) return svg;
  const root = file.documentElement;
  const [width, height] = ["width", "height"].map((name) => Number.parseFloat(root.getAttribute(name)));
  const whole = height + captionHeight(lines);
  root.setAttribute("height", whole);
  root.setAttribute("viewBox", `0 0 ${width} ${whole}`);
  const add = (name, attributes, content = "") => {
    const element = file.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = content;
    root.append(element);
  };
  add("rect", { x: 0, y: height, width, height: whole - height, fill: paper });
  lines.forEach((line, i) => {
    add("text", { x: SIDE, y: height + LINE * (i + 1) - 3, fill: ink, style: `font: ${FONT}` }, line);
  });
  return new XMLSerializer().serializeToString(file);
}

// The same PNG (an address of data), larger by its caption, as bytes.
async function captionedPng(address, lines, { paper, ink }, scale) {
  const image = new Image();
  image.src = address;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.width, image.height + Math.round(captionHeight(lines) * scale)];
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  context.scale(scale, scale);
  context.fillStyle = ink;
  context.font = FONT;
  lines.forEach((line, i) => context.fillText(line, SIDE, image.height / scale + LINE * (i + 1) - 3));
  const file = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await file.arrayBuffer());
}
