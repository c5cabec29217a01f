// Tells the server when the visitor switches between light and dark: charts carry the colours of their words, so the
// page has to run again. Only a change is told, never what the page began with. Joined with shared/life.js.

export default function ({ data, parentElement, setTriggerValue }) {
  const life = beginLife(parentElement);
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app) return undefined;
  const look = () => getComputedStyle(app).colorScheme;
  let before = look();
  const observer = new MutationObserver(() => {
    const now = look();
    if (now === before) return;
    before = now;
    if (now !== data.mode) setTriggerValue("mode", now);
  });
  observer.observe(app, { attributes: true, attributeFilter: ["class", "style"] });
  life.signal.addEventListener("abort", () => observer.disconnect());
  return () => life.abort();
}
