// Which section of a page is in view, and which an address names. Joined into page_sections.js.

// The name of the section in view. `tops`: [{ name, top }] in the page's order, measured from the window's upper edge.
// It is the last that begins above `line`, and the page's `first` above all of them. At the end of a page (`ended`) what is left may be too short to come up
// there: the section `aimed` at then, if it is on a screen of this `height`, else the last that is.
function sectionInView(tops, { first, line, height, ended, aimed }) {
  const names = (inside) => tops.filter(({ top }) => inside(top)).map(({ name }) => name);
  const [above, below] = [names((top) => top <= line), names((top) => top > line && top < height)];
  if (ended && [above.at(-1), ...below].includes(aimed)) return aimed;
  return (ended && below.at(-1)) || (above.at(-1) ?? first);
}

// `address` with the section `name`; without one for "", where the page begins.
function addressAt(address, name) {
  const at = new URL(address);
  if (name) at.searchParams.set("at", name);
  else at.searchParams.delete("at");
  return at.href;
}

// The section that `address` names; "" where it names none.
function sectionOf(address) {
  return new URL(address).searchParams.get("at") ?? "";
}
