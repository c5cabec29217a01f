// The mosaic as a picture: its message, where each tile stands, and its paint.

const FRAME = 1; // line between tiles [CSS px]
const SMALLEST = 22; // narrower tiles cannot be hit with a finger: the box scrolls instead
const LARGEST = 64;
const TALLEST = 560; // a grid higher than this pushes the detail off the screen: its tiles shrink

// The message: length of the header (uint32), header (JSON), 256 colours, one tile per head of `order`.
function readMessage(data) {
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(data);
  const start = 4 + new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, start)));
  const colours = new Uint32Array(256);
  for (let step = 0; step < 256; step++) {
    const [red, green, blue] = bytes.subarray(start + 3 * step, start + 3 * step + 3);
    colours[step] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
  return { ...header, colours, tiles: bytes.subarray(start + 768) };
}

// Columns and rows of every tile, in the picture's flow.
function slotsOf(picture, columns) {
  if (picture.flow === "grid") return picture.order.map(([layer, head]) => ({ column: layer, row: head }));
  return picture.order.map((_, index) => ({ column: index % columns, row: Math.floor(index / columns) }));
}

// An edge at which every cell is equally wide, if that costs little: unequal cells look like a pattern in the weights.
function evenEdge(side, edge) {
  const ratio = window.devicePixelRatio || 1;
  const even = (Math.floor((edge * ratio) / side) * side) / ratio;
  return even >= 0.85 * edge && Number.isInteger(even) ? even : edge;
}

function layoutOf(picture, width) {
  const grid = picture.flow === "grid";
  const left = grid ? 8 + 7 * String(picture.heads - 1).length + 8 : FRAME;
  const top = grid ? 19 : FRAME;
  const caption = grid ? 0 : 31;
  const room = (count) => Math.floor((width - left - FRAME) / count);
  let [edge, gap, columns] = [0, FRAME, picture.layers];
  if (grid) {
    const low = Math.max(32, Math.floor(TALLEST / picture.heads));
    edge = Math.max(SMALLEST, evenEdge(picture.side, Math.min(LARGEST, low, room(columns) - gap)));
  } else {
    // the captions below need this much; few heads get larger tiles
    edge = evenEdge(picture.side, picture.order.length <= 40 ? LARGEST : 52);
    gap = 8;
    columns = Math.max(1, Math.floor((width - left - FRAME + gap) / (edge + gap)));
  }
  const rows = grid ? picture.heads : Math.ceil(picture.order.length / columns);
  const slots = slotsOf(picture, columns);
  const down = edge + caption + gap;
  const places = slots.map(({ column, row }) => ({ x: left + column * (edge + gap), y: top + row * down }));
  return {
    grid, edge, gap, down, columns, rows, left, top, slots, places,
    bySlot: new Map(slots.map(({ column, row }, index) => [row * columns + column, index])),
    width: left + columns * (edge + gap) - gap + FRAME,
    height: top + rows * down - gap + FRAME,
  };
}

// The tile under a point of the stage, and the cell of it; null between tiles.
function tileAt(picture, layout, x, y) {
  const column = Math.floor((x - layout.left) / (layout.edge + layout.gap));
  const row = Math.floor((y - layout.top) / layout.down);
  if (column < 0 || column >= layout.columns || row < 0 || row >= layout.rows) return null;
  const index = layout.bySlot.get(row * layout.columns + column);
  if (index === undefined) return layout.grid ? { missing: column } : null;
  const cell = (offset) => Math.floor((offset / layout.edge) * picture.side);
  const [key, query] = [cell(x - layout.places[index].x), cell(y - layout.places[index].y)];
  const inside = key >= 0 && key < picture.side && query >= 0 && query < picture.side;
  return { index, query: inside ? query : null, key };
}

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
