// Fills "{name}" in a text of the catalogue. What is filled in is never interpreted.
function fill(template, facts) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}

// A number with thousands apart and the region's signs, as the page writes it.
function numberText(value, locale, digits = 0) {
  const decimals = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(locale, { useGrouping: "always", ...decimals });
}

// The card lives in the browser's top layer, so neither a scroll box nor the sidebar cuts it off.
function showCard(card, lines, at) {
  card.replaceChildren(
    ...lines.map(({ text, tokens }) => {
      const line = document.createElement("p");
      line.textContent = text;
      line.classList.toggle("tokens", Boolean(tokens));
      return line;
    }),
  );
  placeCard(card, at);
}

function placeCard(card, at) {
  if (!card.matches(":popover-open")) card.showPopover();
  const { width, height } = card.getBoundingClientRect();
  const right = at.right + width > window.innerWidth - 4 ? at.left - width : at.right;
  const below = at.bottom + height > window.innerHeight - 4 ? at.top - height : at.bottom;
  card.style.left = `${Math.max(4, Math.min(right, window.innerWidth - width - 4))}px`;
  card.style.top = `${Math.max(4, Math.min(below, window.innerHeight - height - 4))}px`;
}

function hideCard(card) {
  if (card.isConnected && card.matches(":popover-open")) card.hidePopover();
}
