// Where the keyboard's cursor was, so that new data of the same mosaic does not move it.
const cursors = new WeakMap();
const SCROLL_BAR = 16; // [CSS px], the widest in use

export default function ({ data, parentElement, setTriggerValue }) {
  const picture = readMessage(data);
  const life = beginLife(parentElement);
  const part = (selector) => parentElement.querySelector(selector);
  const [mosaic, box, stage, canvas] = [".mosaic", ".box", ".stage", "canvas"].map(part);
  const [card, live] = [part(".card"), part(".live")];
  const words = picture.words;
  const indexOf = (pair) => picture.order.findIndex(([layer, head]) => layer === pair[0] && head === pair[1]);
  let selected = window.logitscopeMarks?.get(picture.name) ?? [-1, -1];
  let layout = null;
  let cursor = startingPoint();
  let drawnFor = "";
  const roomNow = () => `${mosaic.clientWidth} at ${window.devicePixelRatio}`;

  function startingPoint() {
    const kept = cursors.has(parentElement) ? indexOf(cursors.get(parentElement)) : -1;
    return Math.max(0, kept >= 0 ? kept : indexOf(selected));
  }

  function draw() {
    if (!mosaic.clientWidth) return;
    const style = getComputedStyle(mosaic);
    layout = layoutOf(picture, mosaic.clientWidth);
    // the box scrolls down as well: its scroll bar needs room
    if (layout.height > parseFloat(getComputedStyle(box).maxHeight)) {
      layout = layoutOf(picture, mosaic.clientWidth - SCROLL_BAR);
    }
    drawnFor = roomNow();
    stage.style.width = `${layout.width}px`;
    const line = style.getPropertyValue("--st-border-color") || "#8888";
    paint(canvas, picture, layout, { text: style.color, line, font: style.fontFamily });
    mark(part(".selected"), indexOf(selected));
    mark(part(".cursor"), cursor);
  }

  function mark(element, index) {
    element.hidden = index < 0 || !layout.places.length;
    if (element.hidden) return;
    const { x, y } = layout.places[index];
    const outside = 2;
    Object.assign(element.style, {
      left: `${x - outside}px`, top: `${y - outside}px`,
      width: `${layout.edge + 2 * outside}px`, height: `${layout.edge + 2 * outside}px`,
    });
  }

  function nameOf(index) {
    const [layer, head] = picture.order[index];
    const name = fill(words.head, { layer, head });
    return picture.captions[index] ? `${name} · ${picture.captions[index]}` : name;
  }

  function spanOf(cell) {
    const { first, last, first_token, last_token } = picture.cells[cell];
    return first === last
      ? fill(words.token, { token: first_token, pos: first })
      : fill(words.span, { first: first_token, last: last_token, from: first, to: last });
  }

  function weightLine({ index, query, key }) {
    if (key > query) return words.later;
    if (picture.hide_first && key === 0 && picture.block === 1) return words.first_hidden;
    const { side, block } = picture;
    const share = picture.tiles[index * side * side + query * side + key] / 255;
    const weight = numberText(share, words.locale, 3);
    return fill(block > 1 ? words.weight_pooled : words.weight, { weight, block });
  }

  function linesAt(spot) {
    if (spot.missing !== undefined) return [{ text: fill(words.missing, { layer: spot.missing }) }];
    const lines = [{ text: nameOf(spot.index) }];
    if (spot.query !== null) {
      lines.push({ text: `\u2068${spanOf(spot.query)}\u2069 → \u2068${spanOf(spot.key)}\u2069`, tokens: true });
      lines.push({ text: weightLine(spot) });
    }
    return lines;
  }

  function spotOf(event) {
    if (!layout) return null;
    const { left, top } = canvas.getBoundingClientRect();
    return tileAt(picture, layout, event.clientX - left, event.clientY - top);
  }

  function hover(event) {
    const spot = spotOf(event);
    canvas.classList.toggle("pickable", spot?.index !== undefined);
    if (!spot || event.pointerType === "touch") return hideCard(card);
    const { clientX: x, clientY: y } = event;
    showCard(card, linesAt(spot), { left: x - 10, right: x + 14, top: y - 8, bottom: y + 16 });
  }

  function pick(index) {
    const [layer, head] = picture.order[index];
    moveTo(index);
    // shown at once; the page's answer says the same
    selected = [layer, head];
    mark(part(".selected"), index);
    live.textContent = fill(words.picked, { head: nameOf(index) });
    setTriggerValue("pick", { layer, head });
  }

  // The page opened another head.
  function follow(event) {
    if (event.detail !== picture.name) return;
    selected = window.logitscopeMarks.get(picture.name);
    const index = indexOf(selected);
    if (layout) mark(part(".selected"), index);
    if (index >= 0 && !stage.matches(":focus")) moveTo(index);
  }

  function moveTo(index) {
    cursor = index;
    cursors.set(parentElement, picture.order[index]);
    if (layout) mark(part(".cursor"), index);
  }

  // The next tile in a direction; layers without attention are stepped over.
  function neighbour(right, down) {
    const { column, row } = layout.slots[cursor];
    if (!layout.grid && right) return Math.max(0, Math.min(picture.order.length - 1, cursor + right));
    for (let x = column + right, y = row + down; ; x += right, y += down) {
      if (x < 0 || x >= layout.columns || y < 0 || y >= layout.rows) return cursor;
      const found = layout.bySlot.get(y * layout.columns + x);
      if (found !== undefined) return found;
    }
  }

  function edgeOf(last, whole) {
    const row = layout.slots[cursor].row;
    const candidates = picture.order.map((_, index) => index).filter((i) => whole || layout.slots[i].row === row);
    return candidates.reduce((best, i) => {
      const before = layout.slots[i].row - layout.slots[best].row || layout.slots[i].column - layout.slots[best].column;
      return (last ? before > 0 : before < 0) ? i : best;
    }, candidates[0]);
  }

  function press(event) {
    if (event.key === "Escape") return hideCard(card);
    if (!layout?.places.length || event.altKey || event.metaKey) return;
    const whole = event.ctrlKey;
    const moves = {
      ArrowLeft: () => neighbour(-1, 0), ArrowRight: () => neighbour(1, 0),
      ArrowUp: () => neighbour(0, -1), ArrowDown: () => neighbour(0, 1),
      Home: () => edgeOf(false, whole), End: () => edgeOf(true, whole),
    };
    if (event.key === "Enter" || event.key === " ") pick(cursor);
    else if (event.key in moves) {
      moveTo(moves[event.key]());
      announce();
    } else return;
    event.preventDefault();
  }

  function announce() {
    live.textContent = nameOf(cursor);
    const place = part(".cursor");
    place.scrollIntoView({ block: "nearest", inline: "nearest" });
    // a frame later: what was scrolled now would hide the card again
    requestAnimationFrame(() => {
      if (signal.aborted) return;
      const { left, right, top, bottom } = place.getBoundingClientRect();
      showCard(card, [{ text: nameOf(cursor) }], { left, right: right + 4, top, bottom });
    });
  }

  const { signal } = life;
  const on = (target, name, handler) => target.addEventListener(name, handler, { signal });
  on(canvas, "pointermove", hover);
  on(canvas, "pointerleave", () => hideCard(card));
  on(canvas, "click", (event) => {
    const spot = spotOf(event);
    if (spot?.index !== undefined) pick(spot.index);
  });
  on(stage, "keydown", press);
  on(stage, "blur", () => hideCard(card));
  on(box, "scroll", () => hideCard(card));
  // what scrolls is Streamlit's own box, whose event does not rise
  window.addEventListener("scroll", () => hideCard(card), { signal, capture: true });
  on(window, "logitscope:mark", follow);
  stage.setAttribute("aria-label", words.label);
  part("#keys").textContent = words.keys;
  part(".note").textContent = words.cut;
  part(".note").hidden = !words.cut;

  let frame = 0;
  const observer = new ResizeObserver(() => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => roomNow() !== drawnFor && draw());
  });
  draw();
  observer.observe(mosaic);
  signal.addEventListener("abort", () => {
    observer.disconnect();
    cancelAnimationFrame(frame);
    hideCard(card);
  });
  return () => life.abort();
}
