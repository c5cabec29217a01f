// What the mosaic's card and a screen reader say of a tile, in the person's language. Joined into head_mosaic.js, after
// shared/catalogue_text.js.

function tileName(picture, index) {
  const [layer, head] = picture.order[index];
  const name = fill(picture.words.head, { layer, head });
  return picture.captions[index] ? `${name} · ${picture.captions[index]}` : name;
}

// The token, or the first and last token, that a row or column of a tile stands for.
function cellName(picture, cell) {
  const { first, last, first_token, last_token } = picture.cells[cell];
  return first === last
    ? fill(picture.words.token, { token: first_token, pos: first })
    : fill(picture.words.span, { first: first_token, last: last_token, from: first, to: last });
}

function weightLine(picture, { index, query, key }) {
  const { words, side, block } = picture;
  if (key > query) return words.later;
  if (picture.hide_first && key === 0 && block === 1) return words.first_hidden;
  const share = picture.tiles[index * side * side + query * side + key] / 255;
  const weight = numberText(share, words.locale, 3);
  return fill(block > 1 ? words.weight_pooled : words.weight, { weight, block });
}

// The card's lines for what `tileAt` gave.
function linesAt(picture, spot) {
  if (spot.missing !== undefined) return [{ text: fill(picture.words.missing, { layer: spot.missing }) }];
  const lines = [{ text: tileName(picture, spot.index) }];
  if (spot.query !== null) {
    const [query, key] = [cellName(picture, spot.query), cellName(picture, spot.key)];
    lines.push({ text: `\u2068${query}\u2069 → \u2068${key}\u2069`, tokens: true });
    lines.push({ text: weightLine(picture, spot) });
  }
  return lines;
}
