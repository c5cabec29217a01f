// The small card beside a token or a tile. Joined into head_mosaic.js, token_text.js and generated_texts.js.

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
  const { left, top } = cardCorner(card.getBoundingClientRect(), at, {
    width: window.innerWidth,
    height: window.innerHeight,
  });
  card.style.left = `${left}px`;
  card.style.top = `${top}px`;
}

const MARGIN = 4; // between the card and the window's edge [CSS px]

// Upper left corner of a card of `size`: right of and below the box `at`; left of or above it where there is no room;
// inside the window in any case.
function cardCorner(size, at, room) {
  const right = at.right + size.width > room.width - MARGIN ? at.left - size.width : at.right;
  const below = at.bottom + size.height > room.height - MARGIN ? at.top - size.height : at.bottom;
  return {
    left: Math.max(MARGIN, Math.min(right, room.width - size.width - MARGIN)),
    top: Math.max(MARGIN, Math.min(below, room.height - size.height - MARGIN)),
  };
}

function hideCard(card) {
  if (card.isConnected && card.matches(":popover-open")) card.hidePopover();
}
