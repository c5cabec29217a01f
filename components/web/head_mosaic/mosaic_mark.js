// Joined with nothing: a component of its own beside head_mosaic.js.
// Tells the mosaic of this name which head is open. A message of its own: a pick need not send every tile again.
export default function ({ data }) {
  const marks = (window.logitscopeMarks ??= new Map());
  marks.set(data.mosaic, data.selected);
  window.dispatchEvent(new CustomEvent("logitscope:mark", { detail: data.mosaic }));
}
