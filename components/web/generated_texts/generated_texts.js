// Generated texts: draws what changed, follows pointer and keyboard, reports the chosen alternative. Joined with
// shared/life.js, shared/catalogue_text.js, shared/card.js, shared/contrast.js, shared/nearest_line.js, text_rows.js,
// token_card.js, token_walk.js and text_view.js.

export default function ({ data: message, parentElement, setTriggerValue }) {
  const data = JSON.parse(new TextDecoder().decode(message));
  const life = beginLife(parentElement);
  const { view, left } = takeView(parentElement, data.key);
  if (left) lives.get(left)?.abort();
  const part = (selector) => parentElement.querySelector(selector);
  const [box, card, live] = [".box", ".card", ".live"].map(part);
  const { words } = data;
  const choosable = data.can_fork ? !data.running : null;
  const active = () => parentElement.getRootNode().activeElement;
  const placeOf = (span) => [Number(span.closest(".row").dataset.row), Number(span.dataset.step)];
  const spanAt = ([row, step]) => view.rows[row]?.spans[step];
  const tokenAt = (event) => event.target.closest?.(".token");

  // -- drawing ---------------------------------------------------------------------------------------------------
  function update() {
    const focused = active()?.matches(".token");
    const empty = !data.rows.some((row) => row.tokens.length);
    part(".texts").style.setProperty("--most", `${data.max_height}px`);
    box.setAttribute("aria-label", words.label);
    box.setAttribute("aria-busy", String(data.running));
    setText(part("#keys"), words.keys);
    setText(part(".caption"), data.caption);
    say(part(".nothing"), empty ? (data.running ? words.waiting : words.empty) : "");
    say(part(".note"), data.left_out);
    box.hidden = empty;
    view.palette = paletteOf(data, view.palette);
    if (data.running && !view.running) view.following = true;
    drawRows();
    if (left) box.scrollTop = view.top;
    if (view.following && lastAloneGrows(data) && !view.pointed) box.scrollTop = box.scrollHeight;
    restore(focused);
    announce();
  }

  function say(line, text) {
    setText(line, text);
    line.hidden = !text;
  }

  function drawRows() {
    const count = Math.min(view.most, data.rows.length);
    view.rows.splice(count).forEach((drawn) => drawn.whole.remove());
    while (view.rows.length < count) view.rows.push(newRow(view.rows.length));
    const first = firstTokens(count);
    view.rows.forEach((drawn, place) => {
      if (drawn.whole.parentNode !== box) box.append(drawn.whole);
      const limit = Math.max(first, view.limits.get(place) ?? 0);
      view.limits.set(place, limit); // what was drawn is not taken away when rows come
      drawRow(drawn, data.rows[place], { data, palette: view.palette, limit });
    });
    drawMoreRows(data.rows.length - count);
  }

  function drawMoreRows(left) {
    box.querySelector(".more-rows")?.remove();
    if (left <= 0) return;
    const more = element("button", "more more-rows");
    more.type = "button";
    more.textContent = fill(words.more_rows, { count: numberText(left, words.locale) });
    box.append(more);
  }

  // After drawing: focus, card and tab order are those of before, as far as their tokens are still there.
  function restore(focused) {
    const [row, step] = view.current;
    const there = spanAt(view.current) ?? view.rows[row]?.spans.at(-1) ?? spanAt([0, 0]);
    if (there) makeCurrent(there);
    if (focused && there && spanAt([row, step]) !== active()) there.focus({ preventScroll: true });
    if (!view.pointed) return;
    if (view.pointed.isConnected) show(view.pointed);
    else close(card.contains(active()));
    const lost = document.activeElement === document.body || left?.getRootNode().activeElement;
    if (view.pinned && lost) focusOption(view.option);
  }

  function announce() {
    live.setAttribute("aria-live", data.running ? "off" : "polite");
    if (data.running) live.textContent = "";
    else if (view.running || left) live.textContent = words.done;
    view.running = data.running;
  }

  function drawMore(row) {
    const before = view.rows[row].spans.length;
    view.limits.set(row, before + SPANS);
    drawRows();
    return spanAt([row, before]);
  }

  // -- the token in focus ----------------------------------------------------------------------------------------
  function makeCurrent(span) {
    const before = spanAt(view.current);
    if (before) before.tabIndex = -1;
    view.current = placeOf(span);
    const { label, note, marks } = aboutToken(data, ...view.current);
    span.tabIndex = 0;
    span.setAttribute("aria-label", [label, note, ...marks].join(", "));
    span.setAttribute("aria-haspopup", "dialog");
  }

  function moveTo(span) {
    makeCurrent(span);
    span.focus({ preventScroll: true });
    reveal(span);
  }

  function reveal(span) {
    const { top, bottom } = span.getBoundingClientRect();
    const seen = box.getBoundingClientRect();
    if (top < seen.top || bottom > seen.bottom) box.scrollTop += top - seen.top - box.clientHeight / 3;
  }

  function beside([row, step], direction) {
    if (direction > 0 && step + 1 === view.rows[row].spans.length && step + 1 < data.rows[row].tokens.length) {
      return drawMore(row);
    }
    return spanAt([row, step + direction]);
  }

  function edgeOf(row, last) {
    if (!last) return spanAt([row, 0]);
    while (view.rows[row].spans.length < data.rows[row].tokens.length) drawMore(row);
    return view.rows[row].spans.at(-1);
  }

  function* boxesFrom(place, direction) {
    const counts = view.rows.map((drawn) => drawn.spans.length);
    for (const other of placesFrom(counts, place, direction)) {
      const { top, left } = spanAt(other).getBoundingClientRect();
      yield { top, left, place: other };
    }
  }

  // The token nearest in the line above or below.
  function lineAway(place, direction) {
    const nearest = nearestInNextLine(spanAt(place).getBoundingClientRect(), boxesFrom(place, direction));
    return nearest ? spanAt(nearest.place) : undefined;
  }

  // -- the card --------------------------------------------------------------------------------------------------
  function show(span) {
    const place = placeOf(span);
    const about = aboutToken(data, ...place);
    const at = Math.max(0, [...card.querySelectorAll(".option")].indexOf(active()));
    const inside = card.contains(active());
    view.pointed = span;
    setPinned(card, view.pinned, `${data.rows[place[0]].name}, ${about.label}, ${about.note}`);
    fillCard(card, about, words, { pinned: view.pinned, choosable });
    follow();
    if (inside && !card.contains(active())) focusOption(at);
  }

  // The card stays beside its token while things move; it ends when its token leaves the view.
  function follow() {
    const { left, right, top, bottom } = view.pointed.getBoundingClientRect();
    const seen = box.getBoundingClientRect();
    const gone = bottom < Math.max(0, seen.top) || top > Math.min(window.innerHeight, seen.bottom);
    if (gone) close(card.contains(active()));
    else placeCard(card, { left: right, right: left, top: top - 4, bottom: bottom + 4 });
  }

  function pin(span) {
    makeCurrent(span);
    span.classList.add("pinned");
    span.setAttribute("aria-expanded", "true");
    view.pinned = true;
    show(span);
    const chosen = [...card.querySelectorAll(".option")].findIndex((option) => option.matches(".chosen"));
    focusOption(Math.max(0, chosen));
  }

  function focusOption(index) {
    (card.querySelectorAll(".option")[index] ?? card).focus({ preventScroll: true });
  }

  function close(giveBack) {
    const span = view.pointed;
    span?.classList.remove("pinned");
    span?.removeAttribute("aria-expanded");
    view.pointed = null;
    view.pinned = false;
    setPinned(card, false);
    hideCard(card);
    view.closing = true;
    if (giveBack) spanAt(view.current)?.focus({ preventScroll: true });
    view.closing = false;
  }

  function choose(index) {
    const [row, step] = placeOf(view.pointed);
    const option = aboutToken(data, row, step).options[index];
    if (!choosable || option.chosen) return;
    close(true);
    setTriggerValue("fork", { row, step, id: option.id });
  }

  // -- what the person does --------------------------------------------------------------------------------------
  function press(event) {
    if (event.key === "Escape") return close(false);
    const span = tokenAt(event);
    if (!span || event.altKey || event.ctrlKey || event.metaKey) return;
    const place = placeOf(span);
    const moves = {
      ArrowLeft: () => beside(place, -1), ArrowRight: () => beside(place, 1),
      Home: () => edgeOf(place[0], false), End: () => edgeOf(place[0], true),
      ArrowUp: () => lineAway(place, -1), ArrowDown: () => lineAway(place, 1),
    };
    if (event.key === "Enter" || event.key === " ") pin(span);
    else if (event.key in moves) moveTo(moves[event.key]() ?? span);
    else return;
    event.preventDefault();
  }

  function pressInCard(event) {
    const options = [...card.querySelectorAll(".option")];
    const at = options.indexOf(active());
    const next = optionAfter(event.key, at, options.length);
    if (event.key === "Tab") return close(true); // and on from the token
    if (event.key === "Escape") close(true);
    else if (next !== null) options[next].focus();
    else return;
    event.stopPropagation();
    event.preventDefault();
  }

  function click(event) {
    const more = event.target.closest(".more");
    const span = tokenAt(event);
    if (more?.matches(".more-rows")) {
      const before = view.rows.length;
      view.most += ROWS;
      drawRows();
      const next = view.rows.slice(before).find((drawn) => drawn.spans.length);
      if (next) moveTo(next.spans[0]);
    } else if (more) moveTo(drawMore(Number(more.closest(".row").dataset.row)));
    else if (span && view.pinned && span === view.pointed) close(true);
    else if (span) pin(span);
  }

  const on = (target, name, handler, more) => target.addEventListener(name, handler, { signal: life.signal, ...more });
  on(box, "click", click);
  on(box, "keydown", press);
  on(box, "pointerover", (event) => {
    if (view.pinned || event.pointerType === "touch") return;
    const span = tokenAt(event);
    if (span) show(span);
    else close(false);
  });
  on(box, "pointerleave", () => view.pinned || close(false));
  on(box, "focusin", (event) => {
    const span = event.target.matches(":focus-visible") && !view.closing ? tokenAt(event) : null;
    // a frame later: what is scrolled into view now would move the card again
    requestAnimationFrame(() => span?.isConnected && span.matches(":focus") && !view.pinned && show(span));
  });
  on(box, "focusout", () => view.pinned || close(false));
  on(box, "scroll", () => {
    view.following = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
    view.top = box.scrollTop;
  });
  on(card, "focusin", (event) => {
    view.option = Math.max(0, [...card.querySelectorAll(".option")].indexOf(event.target));
  });
  on(card, "click", (event) => {
    const option = event.target.closest(".option");
    if (option) choose([...card.querySelectorAll(".option")].indexOf(option));
    else if (event.target.closest(".shut")) close(true);
  });
  on(card, "keydown", pressInCard);
  // what scrolls is Streamlit's own box, or ours, whose events do not rise
  for (const target of [window, box]) on(target, "scroll", () => view.pointed && follow(), { capture: true });
  on(window, "resize", () => view.pointed && follow());
  on(window, "pointerdown", (event) => {
    const path = event.composedPath();
    if (view.pinned && !path.includes(card) && !path.includes(view.pointed)) close(false);
  }, { capture: true });
  update();
  return () => {
    life.abort();
    leaveView(view, data.key);
  };
}
