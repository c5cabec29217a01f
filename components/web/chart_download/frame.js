// The texts around a chart in a picture, as dashboard/pictures/frame.py breaks and places them. Joined into
// chart_download.js.

const NAMESPACE = "http://www.w3.org/2000/svg";
const MM = 25.4 / 96; // of a CSS px

// The chart's SVG in a picture of `width` x `height` [CSS px], `above` px from its top, with the lines around it.
function framedSvg(svg, { width, height, above, texts, side, font, paper, ink }) {
  const file = new DOMParser().parseFromString(svg, "image/svg+xml");
  if (file.querySelector("parsererror")) throw new Error("the picture is not well-formed");
  const chart = file.documentElement;
  const element = (name, attributes, content = "") => {
    const made = file.createElementNS(NAMESPACE, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = content;
    return made;
  };
  const root = element("svg", { width, height, viewBox: `0 0 ${width} ${height}` });
  chart.setAttribute("y", above);
  file.replaceChild(root, chart);
  root.append(element("rect", { width, height, fill: paper }), chart);
  for (const { text, y, size } of texts) {
    root.append(element("text", { x: side, y, fill: ink, style: `font: ${size}px ${font}; white-space: pre` }, text));
  }
  return new XMLSerializer().serializeToString(file);
}

// The same with its size in millimetres: programs differ in what a px is.
function measured(svg, { width, height }) {
  const size = ` width="${(width * MM).toFixed(2)}mm" height="${(height * MM).toFixed(2)}mm"`;
  return svg.replace(` width="${width}" height="${height}"`, size);
}

// An SVG of `width` x `height` [CSS px] as the bytes of a PNG of `scale` pixels for each px.
async function pngOf(svg, { width, height }, scale) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width * scale, height * scale];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const file = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Uint8Array(await file.arrayBuffer());
}
