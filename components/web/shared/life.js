// One call of a component and what it listens to. Joined into head_mosaic.js, token_text.js, generated_texts.js,
// chart_download.js, copy_link.js, embedded_height.js, page_sections.js, pending_prompt.js, theme_watch.js and
// token_chips.js.

// Streamlit calls a component again for new data. What the call before it left behind ends first.
const lives = new WeakMap();

function beginLife(parentElement) {
  lives.get(parentElement)?.abort();
  const life = new AbortController();
  lives.set(parentElement, life);
  return life;
}
