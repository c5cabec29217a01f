// How large a saved picture is. Joined into chart_download.js.

const MOST_PIXELS = 64_000_000; // larger canvases fail in some browsers without a word

// Plotly's size of a picture: an SVG has no pixels, so nothing scales it.
function pictureSize(format, width, height, scale) {
  return { width, height, scale: format === "svg" ? 1 : scale };
}

function isTooLarge({ width, height, scale }) {
  return width * height * scale ** 2 > MOST_PIXELS;
}
