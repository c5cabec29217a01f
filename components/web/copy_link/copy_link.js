// Shows the page's link and copies it. Joined with shared/life.js and shared/clipboard.js.

// The page's address with the query parameters `more`, which replace those of the same name; `without` names others.
function linkOf(address, more, without) {
  const link = new URL(address);
  for (const name of without) link.searchParams.delete(name);
  for (const [name, value] of Object.entries(more)) link.searchParams.set(name, value);
  return link.href;
}

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const [button, input, said] = ["button", "input", ".said"].map((name) => parentElement.querySelector(name));
  button.textContent = data.words.copy;
  button.hidden = false;
  input.setAttribute("aria-label", data.words.link);
  input.value = linkOf(window.location.href, data.more, data.without);

  async function press() {
    input.value = linkOf(window.location.href, data.more, data.without);
    const copied = await copyText(input.value, input);
    if (life.signal.aborted) return;
    if (copied) button.focus();
    said.dataset.link = window.location.href;
    said.textContent = copied ? data.words.copied : data.words.by_hand;
  }

  // what was said about an older link would be wrong now
  if (said.dataset.link !== window.location.href) said.textContent = "";
  button.addEventListener("click", press, { signal: life.signal });
  return () => life.abort();
}
