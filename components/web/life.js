// Streamlit calls a component again for new data. What the call before it left behind ends first.
const lives = new WeakMap();

function beginLife(parentElement) {
  lives.get(parentElement)?.abort();
  const life = new AbortController();
  lives.set(parentElement, life);
  return life;
}
