// The card of a token: what is known of it, and what could have stood there; pinned, to choose from. Joined into
// generated_texts.js, after text_rows.js (`element`).

// Everything the card says, with the message's numbers resolved.
function aboutToken(data, row, step) {
  const [label, , marks, note, ...others] = data.rows[row].tokens[step];
  const about = {
    label: data.labels[label],
    note,
    marks: data.words.marks.filter((_, bit) => (marks >> bit) & 1),
    notSent: others.length === 1 ? data.words.not_sent : "",
    options: [],
  };
  for (let at = 0; at + 1 < others.length; at += 2) {
    const [of, id] = data.pieces[others[at]];
    const [facts, how] = data.facts[others[at + 1]];
    about.options.push({ label: data.labels[of], id, facts, chosen: Boolean(how & 1), cut: Boolean(how & 2) });
  }
  return about;
}

// `choosable`: true, false (not yet) or null (never).
function fillCard(card, about, words, { pinned, choosable }) {
  const said = JSON.stringify([about, pinned, choosable]);
  if (card.said === said) return; // drawn again, a card keeps its focus and its place in the list
  card.said = said;
  const parts = [paragraph("tokens", `\u2068${about.label}\u2069`), paragraph("", about.note)];
  parts.push(...about.marks.map((mark) => paragraph("mark", mark)));
  if (about.notSent) parts.push(paragraph("mark", about.notSent));
  if (about.options.length) parts.push(optionList(about, words, choosable));
  const hint = choosable ? (pinned ? words.fork : words.open) : pinned && choosable === false ? words.fork_later : "";
  if (about.options.length && hint) parts.push(paragraph("hint", hint));
  if (pinned) parts.push(closeButton(words));
  card.replaceChildren(...parts);
}

function paragraph(name, text) {
  const node = element("p", name);
  node.textContent = text;
  return node;
}

function optionList(about, words, choosable) {
  const list = element("div", "list", "listbox");
  list.setAttribute("aria-label", words.alternatives);
  list.append(
    ...about.options.map((option) => {
      const node = element("button", "option", "option");
      node.type = "button";
      node.tabIndex = -1;
      node.classList.toggle("chosen", option.chosen);
      node.classList.toggle("cut", option.cut);
      node.setAttribute("aria-selected", String(option.chosen));
      node.setAttribute("aria-disabled", String(!choosable || option.chosen));
      node.append(...cells(option, words));
      return node;
    }),
  );
  return list;
}

function cells(option, words) {
  const tick = element("span", "tick");
  const spoken = element("span", "unseen");
  spoken.textContent = option.chosen ? words.chosen : "";
  if (option.chosen) tick.append("✓", spoken);
  const [label, facts] = ["label", "facts"].map((name) => {
    const cell = element("span", name);
    cell.textContent = option[name];
    return cell;
  });
  return [tick, label, facts];
}

function closeButton(words) {
  const node = element("button", "shut");
  node.type = "button";
  node.tabIndex = -1; // Escape closes by keyboard
  node.textContent = "×";
  node.setAttribute("aria-label", words.close_card);
  return node;
}

// Pinned, the card is a dialog that the pointer reaches; else it only shows.
function setPinned(card, pinned, label) {
  card.classList.toggle("pinned", pinned);
  if (pinned) {
    card.removeAttribute("aria-hidden");
    card.setAttribute("role", "dialog");
    card.setAttribute("aria-label", label);
  } else {
    card.setAttribute("aria-hidden", "true");
    card.removeAttribute("role");
  }
}
