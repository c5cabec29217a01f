// The mosaic: draws, follows pointer and keyboard, reports the picked head. Joined with shared/life.js,
// shared/catalogue_text.js, shared/card.js, mosaic_layout.js, mosaic_picture.js, mosaic_words.js and mosaic_reveal.js;
// mosaic_mark.js tells it which head is open.

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

  box.classList.toggle("ordered", picture.flow === "ordered");

  function draw() {
    if (!mosaic.clientWidth) return;
    const style = getComputedStyle(mosaic);
    const ratio = window.devicePixelRatio || 1;
    layout = layoutOf(picture, mosaic.clientWidth, ratio);
    // the box scrolls down as well: its scroll bar needs room
    if (layout.height > parseFloat(getComputedStyle(box).maxHeight)) {
      layout = layoutOf(picture, mosaic.clientWidth - SCROLL_BAR, ratio);
    }
    drawnFor = roomNow();
    stage.style.width = `${layout.width}px`;
    const line = style.getPropertyValue("--st-border-color") || "#8888";
    paint(canvas, picture, layout, { text: style.color, line, font: style.fontFamily });
    mark(part(".selected"), indexOf(selected));
    mark(part(".cursor"), cursor);
    part(".hint").hidden = layout.width <= box.clientWidth;
  }

  function explain() {
    const axes = picture.flow === "grid" ? words.axes : words.ordered;
    part(".axes").textContent = words.without ? `${axes} · ${words.without}` : axes;
    [part(".shape").textContent, part(".shape").title] = picture.shape;
    part(".hint").textContent = words.sideways;
    part(".name").textContent = words.scale;
    part(".ramp").style.background = `linear-gradient(90deg, ${rampOf(picture.colours).join(", ")})`;
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
    showCard(card, linesAt(picture, spot), { left: x - 10, right: x + 14, top: y - 8, bottom: y + 16 });
  }

  function pick(index) {
    const [layer, head] = picture.order[index];
    moveTo(index);
    // shown at once; the page's answer says the same
    selected = [layer, head];
    mark(part(".selected"), index);
    live.textContent = fill(words.picked, { head: tileName(picture, index) });
    setTriggerValue("pick", { layer, head });
    reveal(document.querySelector(`.st-key-${picture.name}_detail`), part(".selected"));
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

  function press(event) {
    if (event.key === "Escape") return hideCard(card);
    if (!layout?.places.length || event.altKey || event.metaKey) return;
    const next = tileAfter(event.key, layout, cursor, event.ctrlKey);
    if (event.key === "Enter" || event.key === " ") pick(cursor);
    else if (next !== null) {
      moveTo(next);
      announce();
    } else return;
    event.preventDefault();
  }

  function announce() {
    live.textContent = tileName(picture, cursor);
    const place = part(".cursor");
    place.scrollIntoView({ block: "nearest", inline: "nearest" });
    // a frame later: what was scrolled now would hide the card again
    requestAnimationFrame(() => {
      if (signal.aborted) return;
      const { left, right, top, bottom } = place.getBoundingClientRect();
      showCard(card, [{ text: tileName(picture, cursor) }], { left, right: right + 4, top, bottom });
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

  explain();
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
