// Text to the clipboard. Joined into copy_link.js and token_chips.js.

// Whether `text` was copied. Browsers give the clipboard to https and localhost only; elsewhere the older way is tried
// from `input`, which then shows the text selected for the person's own hands.
async function copyText(text, input) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    input.hidden = false;
    input.value = text;
    input.focus();
    input.select();
    return document.execCommand("copy");
  }
}
