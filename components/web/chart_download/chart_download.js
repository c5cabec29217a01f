// Draws a chart as PNG or SVG and saves it. Joined with shared/life.js, shared/catalogue_text.js, provenance.js and
// frame.js.

const PATIENCE = 2000; // [ms] until a chart library that does not come is reported

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const { words, name } = data;
  const group = parentElement.querySelector(".download");
  const [button, said] = [group.querySelector("button"), group.querySelector(".said")];
  group.setAttribute("aria-label", words.label);
  button.textContent = words.save;
  said.textContent = ""; // a message about another file would look like one about this

  async function plotly() {
    for (let waited = 0; !window.Plotly?.toImage; waited += 100) {
      if (waited >= PATIENCE) throw new Said(words.no_chart);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return window.Plotly;
  }

  async function image() {
    const library = await plotly();
    const { data: traces, layout } = JSON.parse(data.figure);
    const size = { width: data.frame.width, height: data.chart_height };
    const address = await library.toImage({ data: traces, layout }, { format: "svg", ...size });
    const svg = framedSvg(decodeURIComponent(address.slice(address.indexOf(",") + 1)), data.frame);
    const description = JSON.stringify(data.provenance);
    if (name.endsWith(".svg")) return describeSvg(measured(svg, data.frame), description);
    return describePng(await pngOf(svg, data.frame, data.scale), description, data.scale);
  }

  function save(file) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  async function press() {
    button.disabled = true;
    group.setAttribute("aria-busy", "true");
    said.textContent = fill(words.working, { name });
    try {
      save(await image());
      said.textContent = fill(words.done, { name });
    } catch (error) {
      if (!(error instanceof Said)) console.warn(error);
      said.textContent = error instanceof Said ? error.message : fill(words.failed, { reason: error.message ?? error });
    } finally {
      button.disabled = false;
      group.removeAttribute("aria-busy");
    }
  }

  button.addEventListener("click", press, { signal: life.signal });
  return () => life.abort();
}

// A reason in the person's own language.
class Said extends Error {}
