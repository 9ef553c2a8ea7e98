// Call `scroll` now and while the figures are still being drawn, unless the reader moves.
export function stay(scroll) {
  const watch = new ResizeObserver(scroll),
    staying = new AbortController(),
    { signal } = staying,
    stop = () => staying.abort();
  signal.addEventListener("abort", () => watch.disconnect());
  watch.observe(document.body);
  setTimeout(stop, 2000);
  for (const event of ["wheel", "pointerdown", "keydown", "touchstart"])
    addEventListener(event, stop, { passive: true, signal });
}
