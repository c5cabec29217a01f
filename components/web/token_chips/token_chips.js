// A prompt's tokens as chips: position, text, id. Joined with shared/life.js, shared/clipboard.js and
// shared/catalogue_text.js.

const CHIPS = 400; // drawn at first; a button draws as many more

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const [list, button, input, said] = [".list", ".ids", "input", ".said"].map((name) => parentElement.querySelector(name));
  const { tokens, ids, words } = data;
  const listed = `[${ids.join(", ")}]`;

  function chip(index) {
    const item = document.createElement("li");
    item.className = data.special[index] ? "chip special" : "chip";
    item.title = data.pieces[index];
    for (const [name, text] of [["span", index], ["b", tokens[index]], ["span", ids[index]]]) {
      item.appendChild(document.createElement(name)).textContent = text;
    }
    return item;
  }

  function draw(start) {
    const stop = Math.min(start + CHIPS, ids.length);
    const items = Array.from({ length: stop - start }, (_, offset) => chip(start + offset));
    if (stop < ids.length) {
      const more = document.createElement("button");
      more.type = "button";
      more.textContent = fill(words.more, { count: numberText(ids.length - stop, words.locale) });
      more.addEventListener("click", () => {
        more.parentElement.remove();
        draw(stop);
        list.focus({ preventScroll: true });
      });
      items.push(document.createElement("li"));
      items.at(-1).append(more);
    }
    list.append(...items);
  }

  async function press() {
    const copied = await copyText(listed, input);
    if (life.signal.aborted) return;
    input.hidden = copied;
    if (copied) button.focus();
    said.dataset.ids = listed;
    said.textContent = copied ? words.copied : words.by_hand;
  }

  parentElement.querySelector(".shape").textContent = words.shape;
  parentElement.querySelector(".signs").textContent = words.signs;
  list.setAttribute("aria-label", words.label);
  button.textContent = words.copy;
  button.hidden = false;
  input.setAttribute("aria-label", words.ids);
  // what was said about another prompt's ids would be wrong now
  if (said.dataset.ids !== listed) said.textContent = "";
  list.replaceChildren();
  draw(0);
  button.addEventListener("click", press, { signal: life.signal });
  return () => life.abort();
}
