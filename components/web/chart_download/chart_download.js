// Saves a chart as PNG or SVG. Joined with shared/life.js, shared/catalogue_text.js, provenance.js, picture_size.js and
// caption.js.

const PATIENCE = 2000; // [ms] until a chart library that does not come is reported
const firstSizes = new WeakMap(); // the sizes a chart began with: what a person typed since then outlives new data
const lastStems = new WeakMap(); // the file that the last message was about

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const { words, stem, sizes } = data;
  const group = parentElement.querySelector(".download");
  const said = group.querySelector(".said");
  const buttons = [...group.querySelectorAll("button")];
  const field = (name) => group.querySelector(`[name="${name}"]`);

  function prepare() {
    group.setAttribute("aria-label", words.label);
    for (const place of group.querySelectorAll("[data-word]")) place.textContent = words[place.dataset.word];
    // a message about another chart's file would look like one about this
    if (lastStems.get(parentElement) !== stem) said.textContent = "";
    lastStems.set(parentElement, stem);
    if (firstSizes.get(parentElement) === String(sizes)) return;
    firstSizes.set(parentElement, String(sizes));
    [field("width").value, field("height").value] = ownSize(sizes, sizeOnScreen(data.chart));
  }

  async function plotly() {
    for (let waited = 0; !window.Plotly?.toImage; waited += 100) {
      if (waited >= PATIENCE) throw new Said(words.no_chart);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return window.Plotly;
  }

  function wantedSize(format) {
    const [width, height] = ["width", "height"].map((name) => field(name));
    for (const input of [width, height]) {
      const fits = input.value && input.checkValidity();
      if (!fits) throw new Said(fill(words.bad_size, { low: input.min, high: input.max }));
    }
    const size = pictureSize(format, Number(width.value), Number(height.value), Number(field("scale").value));
    if (format === "png" && isTooLarge(size)) {
      throw new Said(fill(words.too_large, { width: size.width * size.scale, height: size.height * size.scale }));
    }
    return size;
  }

  async function image(format) {
    const size = wantedSize(format);
    const library = await plotly();
    const { data: traces, layout } = JSON.parse(data.figure);
    const lines = captionLines(data.caption, size.width);
    const height = size.height - captionHeight(lines);
    const address = await library.toImage({ data: traces, layout }, { format, ...size, height });
    const description = JSON.stringify(data.provenance);
    const look = { paper: layout.template.layout.paper_bgcolor, ink: layout.template.layout.font.color };
    if (format === "png") return describePng(await captionedPng(address, lines, look, size.scale), description);
    const svg = decodeURIComponent(address.slice(address.indexOf(",") + 1));
    return describeSvg(captionedSvg(svg, lines, look), description);
  }

  function save(file, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  async function press(button) {
    const format = button.dataset.format;
    const name = `${stem}.${format}`;
    buttons.forEach((other) => (other.disabled = true));
    group.setAttribute("aria-busy", "true");
    said.textContent = fill(words.working, { name });
    try {
      save(await image(format), name);
      said.textContent = fill(words.done, { name });
    } catch (error) {
      if (!(error instanceof Said)) console.warn(error);
      said.textContent = error instanceof Said ? error.message : fill(words.failed, { reason: error.message ?? error });
    } finally {
      buttons.forEach((other) => (other.disabled = false));
      group.removeAttribute("aria-busy");
    }
  }

  for (const button of buttons) button.addEventListener("click", () => press(button), { signal: life.signal });
  prepare();
  return () => life.abort();
}

// A reason in the person's own language.
class Said extends Error {}
