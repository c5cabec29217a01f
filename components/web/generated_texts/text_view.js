// What is kept of generated texts between two calls. Joined into generated_texts.js, after text_rows.js (`ROWS`).

// What each place on the page shows, and what the person did there: new data changes only what differs.
const views = new WeakMap();
// Streamlit can take a component off the page and put it back a moment later, as a new place: it goes on from the view
// that its key had.
const latest = new Map();
const HANDOVER = 3000; // how long a view waits for that [ms]

const newView = () => ({
  place: null, // the part of the page that it stands in
  rows: [], limits: new Map(), most: ROWS, palette: null,
  current: [0, 0], // row and step of the token that takes part in the page's tab order
  pointed: null, // token whose card shows
  pinned: false, // whether that card is pinned
  closing: false, // whether focus goes back to a token whose card was just closed
  option: 0, // place in the card that had the focus last
  following: true, // the end stays in view until the person scrolls away from it
  top: 0, // how far the person scrolled [px]
  running: false,
});

// The view of a place on the page, and the place that it was taken over from, if any.
function takeView(place, key) {
  const left = views.has(place) ? null : latest.get(key)?.place;
  const view = views.get(place) ?? latest.get(key) ?? newView();
  view.place = place;
  views.set(place, view);
  latest.set(key, view);
  return { view, left };
}

// A view whose place has left the page is forgotten, unless it is taken over in time.
function leaveView(view, key) {
  setTimeout(() => view.place.isConnected || (latest.get(key) === view && latest.delete(key)), HANDOVER);
}
