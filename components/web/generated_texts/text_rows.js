// Rows of tokens: drawn once, then only what changed. Joined into generated_texts.js, after
// shared/catalogue_text.js and shared/contrast.js.

const SPANS = 3000; // drawn at first in all rows together; buttons draw more
const ROWS = 100; // drawn at first
const SHORTEST = 30; // tokens of a row drawn at first, however many rows there are
const MARKS = ["close", "forced", "differs", "parted"]; // bit i of a token's third number

// How many tokens of each of `rows` texts are drawn at first.
function firstTokens(rows) {
  return Math.max(SHORTEST, Math.floor(SPANS / Math.max(1, rows)));
}

// Where several texts grow at once, following the last would take the others out of sight.
function lastAloneGrows(data) {
  return data.running && data.rows.findIndex((row) => !row.ending) === data.rows.length - 1;
}

function element(tag, name, role) {
  const node = document.createElement(tag);
  node.className = name;
  if (role) node.setAttribute("role", role);
  return node;
}

// A row on the page: its parts, and of each drawn token the span, the label and the look.
function newRow(place) {
  const whole = element("div", "row", "row");
  const name = element("span", "name", "rowheader");
  const text = element("div", "text", "none");
  const prompt = element("span", "prompt"); // the same in every row: not spoken
  const end = element("span", "end", "gridcell"); // behind the tokens: a button for more, and how it ended
  const more = element("button", "more");
  const ending = element("span", "ending");
  whole.dataset.row = place;
  more.type = "button";
  more.tabIndex = -1; // by keyboard the arrows draw more
  end.append(more, ending);
  prompt.setAttribute("aria-hidden", "true");
  text.append(prompt, end);
  whole.append(name, text);
  return { whole, name, text, prompt, end, more, ending, spans: [], labels: [], looks: [] };
}

// What colours mean now. `version` tells spans painted with other colours from these.
function paletteOf(data, before) {
  const wanted = JSON.stringify([data.dark, data.colours]);
  if (before?.wanted === wanted) return before;
  const inks = data.colours.map((colour) => inkOn(colour, data.dark ? INKS.dark : INKS.light));
  return { wanted, version: (before?.version ?? 0) + 1, colours: data.colours, inks };
}

// Tokens that are there already stay as they are; those behind the first other label are drawn anew.
function drawRow(drawn, row, { data, palette, limit }) {
  const labelAt = (step) => data.labels[row.tokens[step][0]];
  const stop = Math.min(limit, row.tokens.length);
  let step = 0;
  while (step < stop && step < drawn.spans.length && drawn.labels[step] === labelAt(step)) {
    paintToken(drawn, step, row.tokens[step], palette);
    step++;
  }
  cutRow(drawn, step);
  const pieces = document.createDocumentFragment();
  for (; step < stop; step++) {
    pieces.append(newToken(drawn, step, labelAt(step)));
    paintToken(drawn, step, row.tokens[step], palette);
  }
  drawn.end.before(pieces);
  finishRow(drawn, row, data);
}

function cutRow(drawn, length) {
  drawn.spans.slice(length).forEach((span) => span.remove());
  drawn.spans.length = drawn.labels.length = drawn.looks.length = Math.min(length, drawn.spans.length);
}

function newToken(drawn, step, label) {
  const span = element("span", "token", "gridcell");
  span.textContent = label;
  span.dataset.step = step;
  span.tabIndex = -1;
  drawn.spans.push(span);
  drawn.labels.push(label);
  return span;
}

function paintToken(drawn, step, [, colour, marks], palette) {
  const look = `${palette.version} ${colour} ${marks}`;
  if (drawn.looks[step] === look) return;
  const span = drawn.spans[step];
  drawn.looks[step] = look;
  span.style.background = colour < 0 ? "" : `rgb(${palette.colours[colour]})`;
  span.style.color = colour < 0 ? "" : palette.inks[colour];
  MARKS.forEach((mark, bit) => span.classList.toggle(`mark-${mark}`, Boolean((marks >> bit) & 1)));
}

function finishRow({ whole, name, prompt, end, more, ending, spans }, row, data) {
  const left = row.tokens.length - spans.length;
  setText(name, row.name);
  setText(prompt, data.prompt ?? "");
  setText(ending, row.ending);
  setText(more, fill(data.words.more_tokens, { count: numberText(left, data.words.locale) }));
  ending.hidden = !row.ending;
  more.hidden = left <= 0;
  end.hidden = ending.hidden && more.hidden;
  whole.classList.toggle("growing", data.running && !row.ending);
}

function setText(part, text) {
  if (part.textContent !== text) part.textContent = text;
}
