// Tells the page around an embedded chart how high it is: {type: "logitscope:height", height: px}, at first and whenever
// it changes. A height is no secret, so any page may hear it. Joined with shared/life.js.

const TYPE = "logitscope:height";

// The message for a block of so many pixels.
function heightMessage(height) {
  return { type: TYPE, height: Math.ceil(height) };
}

export default function ({ parentElement }) {
  const life = beginLife(parentElement);
  const block = document.querySelector('[data-testid="stMainBlockContainer"]');
  if (!block || window.parent === window) return undefined;
  const post = () => window.parent.postMessage(heightMessage(block.getBoundingClientRect().height), "*");
  const observer = new ResizeObserver(post);
  observer.observe(block);
  life.signal.addEventListener("abort", () => observer.disconnect());
  return () => life.abort();
}
