// How large a saved picture is. Joined into chart_download.js.

const MOST_PIXELS = 64_000_000; // larger canvases fail in some browsers without a word

// Plotly's size of a picture: an SVG has no pixels, so nothing scales it.
function pictureSize(format, width, height, scale) {
  return { width, height, scale: format === "svg" ? 1 : scale };
}

const OTHERWISE = [900, 600]; // width and height of a chart that was not drawn yet [CSS px]

// Width and height to begin with: those that the figure asks for (0: none), else those of the chart on screen.
function ownSize(asked, onScreen) {
  return asked.map((size, i) => Math.round(size || onScreen?.[i] || OTHERWISE[i]));
}

// Those of the chart in the container `key`, if it is there.
function sizeOnScreen(key) {
  const layout = document.querySelector(`.st-key-${key} .js-plotly-plot`)?._fullLayout;
  return layout ? [layout.width, layout.height] : null;
}

function isTooLarge({ width, height, scale }) {
  return width * height * scale ** 2 > MOST_PIXELS;
}
