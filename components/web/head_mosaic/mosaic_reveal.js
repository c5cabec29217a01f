// After a pick the head's detail comes into view, and the tile stays there. Joined into head_mosaic.js.

const DETAIL = 430; // so much of the detail is shown, if the tile lets it [CSS px]
const HEADER = 110; // covered by what stays at the window's top [CSS px]

// How far down to scroll [CSS px], given where detail and tile begin in a window of `height`.
function distanceTo(detailTop, tileTop, height) {
  const missing = detailTop - (height - Math.min(DETAIL, height / 2));
  return Math.max(0, Math.min(missing, tileTop - HEADER));
}

function reveal(detail, tile) {
  if (!detail) return;
  const top = distanceTo(detail.getBoundingClientRect().top, tile.getBoundingClientRect().top, window.innerHeight);
  const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  detail.closest('[data-testid="stMain"]')?.scrollBy({ top, behavior: still ? "auto" : "smooth" });
}
