// The mosaic's message, where each tile stands, and which tile is under a point or beside another. Joined into
// head_mosaic.js.

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
function evenEdge(side, edge, ratio) {
  const even = (Math.floor((edge * ratio) / side) * side) / ratio;
  return even >= 0.85 * edge && Number.isInteger(even) ? even : edge;
}

// `width` [CSS px] is what there is; `ratio` are device pixels per CSS pixel.
function layoutOf(picture, width, ratio) {
  const grid = picture.flow === "grid";
  const left = grid ? 8 + 7 * String(picture.heads - 1).length + 8 : FRAME;
  const top = grid ? 19 : FRAME;
  const caption = grid ? 0 : 31;
  const room = (count) => Math.floor((width - left - FRAME) / count);
  let [edge, gap, columns] = [0, FRAME, picture.layers];
  if (grid) {
    const low = Math.max(32, Math.floor(TALLEST / picture.heads));
    edge = Math.max(SMALLEST, evenEdge(picture.side, Math.min(LARGEST, low, room(columns) - gap), ratio));
  } else {
    // the captions below need this much; few heads get larger tiles
    edge = evenEdge(picture.side, picture.order.length <= 40 ? LARGEST : 52, ratio);
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

// The next tile from `index` in a direction; layers without attention are stepped over; at the edge `index` itself.
function neighbour(layout, index, right, down) {
  const { column, row } = layout.slots[index];
  if (!layout.grid && right) return Math.max(0, Math.min(layout.slots.length - 1, index + right));
  for (let x = column + right, y = row + down; ; x += right, y += down) {
    if (x < 0 || x >= layout.columns || y < 0 || y >= layout.rows) return index;
    const tile = layout.bySlot.get(y * layout.columns + x);
    if (tile !== undefined) return tile;
  }
}

// The first or last tile of the row of `index`, or of the whole picture.
function edgeTile(layout, index, { last, whole }) {
  const { slots } = layout;
  const candidates = [...slots.keys()].filter((i) => whole || slots[i].row === slots[index].row);
  return candidates.reduce((best, i) => {
    const before = slots[i].row - slots[best].row || slots[i].column - slots[best].column;
    return (last ? before > 0 : before < 0) ? i : best;
  }, candidates[0]);
}

// Where a key leads from the tile `index`; null for a key that is no move.
function tileAfter(key, layout, index, whole) {
  const moves = {
    ArrowLeft: () => neighbour(layout, index, -1, 0), ArrowRight: () => neighbour(layout, index, 1, 0),
    ArrowUp: () => neighbour(layout, index, 0, -1), ArrowDown: () => neighbour(layout, index, 0, 1),
    Home: () => edgeTile(layout, index, { last: false, whole }),
    End: () => edgeTile(layout, index, { last: true, whole }),
  };
  return Object.hasOwn(moves, key) ? moves[key]() : null;
}
