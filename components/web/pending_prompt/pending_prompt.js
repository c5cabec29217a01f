// Marks the page while the boxes of the prompt differ from what ran, without asking the server. Joined with
// shared/life.js.

const LOOK_MS = 250; // an example or Back changes the box without an event of its own

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const status = parentElement.querySelector("p");
  const ran = Object.entries(data.boxes).map(([key, text]) => [key, text.replace(/\r\n?/g, "\n")]); // as a box gives it back

  function compare() {
    const differs = ([key, text]) => {
      const box = document.querySelector(`.st-key-${key} textarea`);
      return Boolean(box) && box.value !== text;
    };
    const chat = document.querySelector(".st-key-chat input");
    const thinking = document.querySelector(".st-key-chat_thinking [aria-checked=true]");
    const pending =
      ran.some(differs) ||
      Boolean(chat && chat.checked !== data.chat) ||
      Boolean(thinking && thinking.textContent.trim() !== data.thinking);
    document.documentElement.toggleAttribute("data-prompt-pending", pending);
    const said = pending ? data.words : "";
    if (status.textContent !== said) status.textContent = said;
  }

  document.addEventListener("input", compare, { signal: life.signal });
  const timer = setInterval(compare, LOOK_MS);
  life.signal.addEventListener("abort", () => clearInterval(timer));
  compare();
  return () => {
    life.abort();
    document.documentElement.removeAttribute("data-prompt-pending");
  };
}
