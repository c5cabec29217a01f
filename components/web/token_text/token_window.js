// Which tokens of a long text are drawn, and which of them the keyboard reaches. Joined into token_text.js.

const WINDOW = 3000; // spans drawn at first around the selection; buttons draw more

// [start, stop) of the tokens drawn at first: around the selected one, else from the beginning.
function windowAround(selected, count) {
  const start = Math.max(0, Math.min((selected ?? 0) - WINDOW / 2, count - WINDOW));
  return [start, Math.min(count, start + WINDOW)];
}

// The window with WINDOW more tokens on one side.
function widened({ start, stop }, side, count) {
  return side === "before" ? [Math.max(0, start - WINDOW), stop] : [start, Math.min(count, stop + WINDOW)];
}

// Whether what was drawn `before` ({ tokens, start, stop }) can stay: the same text, with the selected token in it.
function canStay(before, tokens, selected) {
  const same = before?.tokens.length === tokens.length && before.tokens.every((token, i) => token === tokens[i]);
  return same && (selected === null || (selected >= before.start && selected < before.stop));
}

// One token takes part in the page's tab order: the one in focus, else the selected, else the first that is drawn.
function rovingIndex({ start, stop }, focused, selected) {
  const wanted = focused ?? selected ?? start;
  return wanted >= start && wanted < stop ? wanted : start;
}
