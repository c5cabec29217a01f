// Marks the page while the prompt box differs from the prompt that ran, without asking the server. Joined with
// shared/life.js.

const LOOK_MS = 250; // an example or Back changes the box without an event of its own

export default function ({ data, parentElement }) {
  const life = beginLife(parentElement);
  const status = parentElement.querySelector("p");
  const ran = data.prompt.replace(/\r\n?/g, "\n"); // as a text box gives it back

  function compare() {
    const box = document.querySelector(".st-key-prompt textarea");
    const chat = document.querySelector(".st-key-chat input");
    const pending = Boolean(box) && (box.value !== ran || Boolean(chat && chat.checked !== data.chat));
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
