// Ways through the tokens of several texts. Joined into generated_texts.js.

// All drawn places [row, step] behind (direction 1) or before (-1) one, through all rows; `counts`: how many tokens of
// each row are drawn.
function* placesFrom(counts, [row, step], direction) {
  let [r, s] = [row, step + direction];
  while (r >= 0 && r < counts.length) {
    for (; s >= 0 && s < counts[r]; s += direction) yield [r, s];
    r += direction;
    s = direction > 0 ? 0 : counts[r] - 1;
  }
}

// Which of the card's options has the focus after a key; null for a key that is no move. Beside them (-1) as before
// the first.
function optionAfter(key, at, count) {
  const last = count - 1;
  const moves = { ArrowUp: Math.max(0, at - 1), ArrowDown: Math.min(last, at + 1), Home: 0, End: last };
  return count && Object.hasOwn(moves, key) ? moves[key] : null;
}
