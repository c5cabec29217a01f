// The bar of a page's sections: jumps, marks the one in view and keeps it in the address. Joined with shared/life.js
// and section_in_view.js.

const STILL = 5000; // a page whose run has ended and that did not grow for so long stands [ms]
const SETTLED = 150; // the address follows when scrolling has ended for so long [ms]
const arrived = new WeakSet(); // bars that brought their visitor to the section of the address

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const list = parentElement.querySelector("ul");
  const main = parentElement.getRootNode().host.closest('[data-testid="stMain"]');
  const { sections, words } = data;
  const first = sections[0].name;
  const targetOf = (name) => document.getElementById(`at-${name}`);
  const running = () => document.querySelector('[data-test-script-state="running"]') !== null;
  const linkTo = (name) => list.querySelector(`[data-name="${name}"]`);
  let [current, aimed, travelling, arriving, settling] = [null, null, false, false, 0];

  function build() {
    list.parentElement.setAttribute("aria-label", words.label);
    const entries = sections.map(({ name, title }) => {
      const entry = document.createElement("li");
      const link = entry.appendChild(document.createElement("a"));
      link.textContent = title;
      link.dataset.name = name;
      link.href = addressAt(window.location.href, name === first ? "" : name);
      return entry;
    });
    list.replaceChildren(...entries);
  }

  function mark() {
    if (!travelling && !arriving) show(inView());
    clearTimeout(settling);
    settling = setTimeout(settle, SETTLED);
  }

  function settle() {
    if (travelling) {
      travelling = false;
      show(inView());
    }
    write();
  }

  function inView() {
    const there = sections.filter(({ name }) => targetOf(name));
    const tops = there.map(({ name }) => ({ name, top: targetOf(name).getBoundingClientRect().top }));
    const ended = main.scrollTop > 0 && main.scrollTop + main.clientHeight > main.scrollHeight - 2;
    const line = list.getBoundingClientRect().bottom + 40;
    return sectionInView(tops, { first, line, height: window.innerHeight, ended, aimed });
  }

  function show(name) {
    if (name === current) return;
    if (current) linkTo(current).removeAttribute("aria-current");
    current = name;
    const link = linkTo(name);
    link.setAttribute("aria-current", "true");
    list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  }

  // In place: no step for the Back button, and no run of the page.
  function write() {
    if (life.signal.aborted) return;
    const [here, before] = [window.location.href, list.dataset.address];
    const named = (name) => addressAt(here, name === first ? "" : name);
    if (!arriving && named(current) !== addressAt(here, sectionOf(here))) {
      window.history.replaceState(window.history.state, "", named(current));
    }
    if (here === before) return;
    list.dataset.address = here;
    for (const link of list.querySelectorAll("a")) link.href = named(link.dataset.name);
  }

  function jump(name, behavior) {
    if (name === first) main.scrollTo({ top: 0, behavior });
    else targetOf(name)?.scrollIntoView({ block: "start", behavior });
  }

  // Keeps a section in its place while the page above it grows, until it stands or the person moves.
  function arrive(name) {
    const end = new AbortController();
    let still = 0;
    arriving = true;
    show(name);
    const growth = new ResizeObserver(() => {
      if (!targetOf(name)) return;
      jump(name, "instant");
      wait();
    });
    function wait() {
      clearTimeout(still);
      still = setTimeout(() => (running() ? wait() : stop()), STILL);
    }
    function stop() {
      growth.disconnect();
      end.abort();
      clearTimeout(still);
      arriving = false;
      mark();
    }
    growth.observe(main.querySelector('[data-testid="stMainBlockContainer"]'));
    for (const move of ["wheel", "touchstart", "keydown", "pointerdown"]) {
      window.addEventListener(move, stop, { signal: end.signal, capture: true, passive: true });
    }
    life.signal.addEventListener("abort", () => (growth.disconnect(), end.abort(), clearTimeout(still)));
  }

  function press(event) {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    [aimed, travelling] = [link.dataset.name, true];
    show(aimed);
    write();
    mark();
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    jump(aimed, calm ? "instant" : "smooth");
    const target = targetOf(aimed);
    target?.setAttribute("tabindex", "-1");
    target?.focus({ preventScroll: true });
  }

  const on = (target, name, handler) => target?.addEventListener(name, handler, { signal: life.signal, passive: true });
  build();
  list.addEventListener("click", press, { signal: life.signal });
  on(main, "scroll", mark);
  on(window, "resize", mark);
  // Streamlit writes the address anew for other parameters, without the section
  on(window.navigation, "currententrychange", mark);
  const wanted = sectionOf(window.location.href);
  if (!arrived.has(parentElement) && wanted !== first && sections.some(({ name }) => name === wanted)) arrive(wanted);
  arrived.add(parentElement);
  mark();
  return () => life.abort();
}
