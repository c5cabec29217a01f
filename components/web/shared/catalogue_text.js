// Texts of the catalogue with their facts, and numbers as the person's region writes them. Joined into head_mosaic.js,
// token_text.js, generated_texts.js, chart_download.js and token_chips.js.

// Fills "{name}" in a text of the catalogue. What is filled in is never interpreted.
function fill(template, facts) {
  return template.replace(/\{(\w+)\}/g, (whole, name) => (name in facts ? String(facts[name]) : whole));
}

// A number with thousands apart and the region's signs, as the page writes it.
function numberText(value, locale, digits = 0) {
  const decimals = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString(locale, { useGrouping: "always", ...decimals });
}
