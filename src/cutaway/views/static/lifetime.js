// How long a drawing lives: until its element is drawn again or erased. What a drawing hears from outside itself (the
// theme, the address, sizes) ends with it: every listener takes the drawing's signal.

const drawings = new WeakMap();
let making; // the signal of the drawing that is being made

// Make a drawing in an element, and end the one that was there. A drawing ends with the one around it.
export function begin(element, make) {
  end(element);
  const around = signalOf(element.parentElement),
    drawing = new AbortController(),
    before = making;
  drawings.set(element, drawing);
  around?.addEventListener("abort", () => drawing.abort(), { signal: drawing.signal });
  making = drawing.signal;
  try {
    make();
  } finally {
    making = before;
  }
}

export function end(element) {
  drawings.get(element)?.abort();
  drawings.delete(element);
}

// The signal of the drawing that a node is in.
export function signalOf(node) {
  for (let at = node; at; at = at.parentElement) if (drawings.has(at)) return drawings.get(at).signal;
  return undefined;
}

export function onTheme(element, redraw) {
  const heard = () => (element.isConnected ? redraw() : end(element));
  document.addEventListener("cutaway:theme", heard, { signal: signalOf(element) });
}

// Call `changed(entry)` when a node gets another size, and `ended()` when its drawing ends. A node that is made later
// than its drawing joins it with its first size.
export function onResize(node, changed, ended = () => {}) {
  let joined = false;
  const watch = new ResizeObserver((entries) => {
    if (!joined && node.isConnected) join(signalOf(node));
    changed(entries[entries.length - 1]);
  });
  function join(signal) {
    joined = true;
    signal?.addEventListener("abort", () => {
      watch.disconnect();
      ended();
    });
  }
  if (making) join(making);
  watch.observe(node);
  return watch;
}
