// Which ink can be read on a colour. Joined into token_text.js and generated_texts.js.

const INKS = { light: ["#1a1d23", "#ffffff"], dark: ["#e6e8ec", "#101216"] }; // the theme's own, tried first

// Contrast of two colours as the Web Content Accessibility Guidelines define it; colours as [red, green, blue] 0..255.
function luminance(colour) {
  const [red, green, blue] = colour.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

// The first of `inks` ("#rrggbb") that can be read on `colour`, else the better of black and white.
function inkOn(colour, inks) {
  const readable = (ink) => contrast(ink.match(/\w\w/g).map((part) => parseInt(part, 16)), colour) >= 4.5;
  return inks.find(readable) ?? (luminance(colour) > 0.179 ? "#000000" : "#ffffff");
}
