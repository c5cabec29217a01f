// The running text as tokens: draws, colours, follows pointer and keyboard, reports the picked token. Joined with
// shared/life.js, shared/catalogue_text.js, shared/card.js, shared/contrast.js, shared/nearest_line.js and
// token_window.js.

const drawn = new WeakMap(); // what each box shows: its tokens with what stands below them, and which [start, stop)

export default function ({ data, parentElement, setTriggerValue }) {
  const life = beginLife(parentElement);
  const frame = parentElement.querySelector(".tokens-frame");
  const box = parentElement.querySelector(".box");
  const card = parentElement.querySelector(".card");
  const { tokens, below, words, pickable } = data;
  const texts = below ? tokens.map((token, index) => `${token}\n${below[index]}\n${data.hits[index]}`) : tokens;
  const spanAt = (index) => box.querySelector(`[data-index="${index}"]`);
  const indexOf = (target) => (target.closest?.(".token") ? Number(target.closest(".token").dataset.index) : null);

  function prepare() {
    frame.classList.toggle("pickable", pickable);
    frame.classList.toggle("double", Boolean(below));
    frame.style.setProperty("--most", `${data.max_height}px`);
    box.setAttribute("role", pickable ? "listbox" : "group");
    box.setAttribute("aria-label", words.label);
    const before = drawn.get(parentElement);
    const inside = canStay(before, texts, data.selected);
    // the same text again is only coloured anew: focus and scroll position stay
    if (inside && box.childElementCount) before.tokens = texts;
    else build(...windowAround(data.selected, tokens.length));
    style();
    if (!inside || before.selected !== data.selected) reveal(data.selected);
    drawn.get(parentElement).selected = data.selected;
  }

  function build(start, stop) {
    drawn.set(parentElement, { tokens: texts, start, stop, selected: null });
    const pieces = document.createDocumentFragment();
    if (start > 0) pieces.append(moreButton("before", start));
    for (let index = start; index < stop; index++) {
      pieces.append(newSpan(index));
      if (tokens[index].includes("⏎")) pieces.append(document.createElement("br"));
    }
    if (stop < tokens.length) pieces.append(moreButton("after", tokens.length - stop));
    box.replaceChildren(pieces);
  }

  function newSpan(index) {
    const span = document.createElement("span");
    span.className = "token";
    span.dataset.index = index;
    if (below) span.append(newPart("face", tokens[index]), newPart(`below${data.hits[index] ? " hit" : ""}`, below[index]));
    else span.textContent = tokens[index];
    if (pickable) span.setAttribute("role", "option");
    return span;
  }

  function newPart(className, text) {
    const part = document.createElement("span");
    part.className = className;
    part.textContent = text;
    return part;
  }

  function moreButton(side, count) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `more ${side}`;
    button.textContent = fill(words[`more_${side}`], { count: numberText(count, words.locale) });
    return button;
  }

  function showMore(side) {
    const { start, stop } = drawn.get(parentElement);
    const kept = spanAt(side === "before" ? start : stop - 1);
    const offset = kept.offsetTop - box.scrollTop;
    build(...widened({ start, stop }, side, tokens.length));
    style();
    const next = spanAt(Number(kept.dataset.index));
    box.scrollTop = next.offsetTop - offset;
    (pickable ? next : box).focus({ preventScroll: true });
  }

  function style() {
    const focused = indexOf(parentElement.getRootNode().activeElement ?? box);
    const focusable = rovingIndex(drawn.get(parentElement), focused, data.selected);
    const inks = data.colours.map((colour) => inkOn(colour, data.dark ? INKS.dark : INKS.light));
    for (const span of box.querySelectorAll(".token")) {
      const index = Number(span.dataset.index);
      const step = data.steps ? data.steps[index] : -1;
      span.classList.toggle("special", data.special[index]);
      span.classList.toggle("selected", index === data.selected);
      const face = below ? span.firstChild : span;
      face.style.background = step < 0 ? "" : `rgb(${data.colours[step]})`;
      face.style.color = step < 0 ? "" : inks[step];
      if (!pickable) continue;
      span.setAttribute("aria-selected", String(index === data.selected));
      span.setAttribute("aria-label", `${tokens[index]}, ${data.hover[index]}`);
      span.tabIndex = index === focusable ? 0 : -1;
    }
    if (!pickable) box.tabIndex = 0;
  }

  function reveal(index) {
    const span = index === null ? null : spanAt(index);
    if (!span) return;
    const [above, below] = [span.offsetTop - box.scrollTop, span.offsetTop + span.offsetHeight - box.scrollTop];
    if (above < 0 || below > box.clientHeight) box.scrollTop = span.offsetTop - box.clientHeight / 3;
  }

  function describe(span) {
    if (!span) return hideCard(card);
    const index = Number(span.dataset.index);
    const { left, right, top, bottom } = span.getBoundingClientRect();
    const lines = [{ text: `\u2068${tokens[index]}\u2069`, tokens: true }, { text: data.hover[index] }];
    showCard(card, lines, { left: right, right: left, top: top - 4, bottom: bottom + 4 });
  }

  function moveTo(index) {
    const { start, stop } = drawn.get(parentElement);
    if (index < start) showMore("before");
    if (index >= stop) showMore("after");
    const span = spanAt(Math.max(0, Math.min(tokens.length - 1, index)));
    box.querySelectorAll('.token[tabindex="0"]').forEach((other) => (other.tabIndex = -1));
    span.tabIndex = 0;
    span.focus({ preventScroll: true });
    reveal(Number(span.dataset.index));
  }

  function press(event) {
    if (event.key === "Escape") return hideCard(card);
    const index = indexOf(event.target);
    if (!pickable || index === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const last = tokens.length - 1;
    const moves = {
      ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last,
      ArrowUp: lineAway(index, -1), ArrowDown: lineAway(index, 1),
    };
    if (event.key === "Enter" || event.key === " ") setTriggerValue("pick", index);
    else if (event.key in moves) moveTo(Math.max(0, Math.min(last, moves[event.key])));
    else return;
    event.preventDefault();
  }

  function* boxesFrom(index, direction) {
    for (let other = index + direction; spanAt(other); other += direction) {
      const { top, left } = spanAt(other).getBoundingClientRect();
      yield { top, left, index: other };
    }
  }

  // The token nearest in the line above or below.
  function lineAway(index, direction) {
    return nearestInNextLine(spanAt(index).getBoundingClientRect(), boxesFrom(index, direction))?.index ?? index;
  }

  const on = (target, name, handler) => target.addEventListener(name, handler, { signal: life.signal });
  on(box, "click", (event) => {
    const more = event.target.closest(".more");
    if (more) return showMore(more.classList.contains("before") ? "before" : "after");
    const index = indexOf(event.target);
    if (index !== null && pickable) setTriggerValue("pick", index);
  });
  on(box, "keydown", press);
  on(box, "pointerover", (event) => event.pointerType !== "touch" && describe(event.target.closest(".token")));
  on(box, "pointerleave", () => hideCard(card));
  on(box, "focusin", (event) => {
    const span = event.target.matches(":focus-visible") ? event.target.closest(".token") : null;
    // a frame later: what is scrolled into view now would hide the card again
    requestAnimationFrame(() => span?.isConnected && span.matches(":focus") && describe(span));
  });
  on(box, "focusout", () => hideCard(card));
  on(box, "scroll", () => hideCard(card));
  window.addEventListener("scroll", () => hideCard(card), { signal: life.signal, capture: true });
  life.signal.addEventListener("abort", () => hideCard(card));
  prepare();
  return () => life.abort();
}
