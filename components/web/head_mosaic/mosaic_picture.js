// The mosaic's paint on its canvas. Joined into head_mosaic.js, after mosaic_layout.js.

// For each device pixel of a tile's edge, the cells [from, to) it stands for.
function spansOf(side, size) {
  const from = Array.from({ length: size }, (_, pixel) => Math.floor((pixel * side) / size));
  const to = from.map((low, pixel) => (size >= side ? low + 1 : Math.ceil(((pixel + 1) * side) / size)));
  return { from, to };
}

// A pixel shows the largest weight it stands for: leaving cells out would lose whole diagonals.
function fillTile(pixels, picture, index, size, { from, to }) {
  const { side, tiles, colours } = picture;
  const start = index * side * side;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      let largest = 0;
      for (let query = from[y]; query < to[y]; query++) {
        for (let key = from[x]; key < to[x]; key++) {
          largest = Math.max(largest, tiles[start + query * side + key]);
        }
      }
      pixels[y * size + x] = colours[largest];
    }
  }
}

// Colours of the scale from 0 to 1, for a ramp.
function rampOf(colours) {
  const steps = Array.from({ length: 17 }, (_, i) => colours[Math.round((i * 255) / 16)]);
  return steps.map((colour) => `rgb(${colour & 255} ${(colour >> 8) & 255} ${(colour >> 16) & 255})`);
}

function paint(canvas, picture, layout, look) {
  const ratio = window.devicePixelRatio || 1;
  const px = (length) => Math.round(length * ratio);
  canvas.width = px(layout.width);
  canvas.height = px(layout.height);
  canvas.style.width = `${layout.width}px`;
  canvas.style.height = `${layout.height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  paintFrames(context, picture, layout, look);
  const size = px(layout.edge);
  const image = context.createImageData(size, size);
  const pixels = new Uint32Array(image.data.buffer);
  const spans = spansOf(picture.side, size);
  layout.places.forEach(({ x, y }, index) => {
    fillTile(pixels, picture, index, size, spans);
    context.putImageData(image, px(x), px(y));
  });
  paintWords(context, picture, layout, look);
}

function paintFrames(context, picture, layout, look) {
  const whole = layout.edge + 2 * FRAME;
  context.fillStyle = look.line;
  layout.places.forEach(({ x, y }) => context.fillRect(x - FRAME, y - FRAME, whole, whole));
  if (!layout.grid) return;
  const height = layout.rows * layout.down - layout.gap;
  picture.missing.forEach((layer) => {
    hatch(context, layout.left + layer * (layout.edge + layout.gap), layout.top, layout.edge, height, look.text);
  });
}

function hatch(context, x, y, width, height, colour) {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.globalAlpha = 0.35;
  context.beginPath();
  for (let offset = -height; offset < width; offset += 7) {
    context.moveTo(x + offset, y + height);
    context.lineTo(x + offset + height, y);
  }
  context.stroke();
  context.restore();
}

function paintWords(context, picture, layout, look) {
  context.fillStyle = look.text;
  context.font = `11px ${look.font}`;
  context.textBaseline = "middle";
  const middle = layout.edge / 2;
  if (!layout.grid) {
    context.textAlign = "left";
    layout.places.forEach(({ x, y }, index) => {
      const [layer, head] = picture.order[index];
      context.fillText(`L${layer} H${head}`, x, y + layout.edge + 9, layout.edge + layout.gap - 2);
      context.fillText(picture.captions[index], x, y + layout.edge + 22, layout.edge + layout.gap - 2);
    });
    return;
  }
  const every = layout.edge + layout.gap >= 28 ? 1 : 2;
  context.textAlign = "center";
  for (let layer = 0; layer < picture.layers; layer += every) {
    context.fillText(`L${layer}`, layout.left + layer * (layout.edge + layout.gap) + middle, layout.top - 10);
  }
  context.textAlign = "right";
  for (let head = 0; head < picture.heads; head++) {
    context.fillText(`H${head}`, layout.left - 6, layout.top + head * layout.down + middle);
  }
}
