// Which token stands above or below another: for the arrow keys. Joined into token_text.js and generated_texts.js.

const LINE = 4; // boxes whose tops differ by less stand in one line [CSS px]

// Of `boxes` ({ top, left, … }; what follows `from` in reading order, or what precedes it, nearest first) the one of the
// next line that stands nearest to `from`; null where there is no other line.
function nearestInNextLine(from, boxes) {
  let [nearest, line] = [null, null];
  for (const box of boxes) {
    if (Math.abs(box.top - from.top) < LINE) continue;
    line ??= box.top;
    if (Math.abs(box.top - line) >= LINE) break;
    if (nearest === null || Math.abs(box.left - from.left) < Math.abs(nearest.left - from.left)) nearest = box;
  }
  return nearest;
}
