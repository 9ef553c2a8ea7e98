import { el, legible } from "./draw.js";

// What marks an element as choice i of a rover.
export function option(i, options = {}) {
  return { ...options, "data-i": i, role: "option", tabindex: i === 0 ? "0" : "-1", "aria-selected": "false" };
}

// A text in pieces to choose from; `shade(i)` is the class of a piece.
export function pieces(texts, shade = () => "") {
  return el(
    "span",
    {},
    texts.map((text, i) =>
      el("span", option(i, { class: `tok ${shade(i)}`.trim() }), legible(text, { spaces: false, breaks: true })),
    ),
  );
}

// One stop for the tab key, arrows inside: `container` holds children marked data-i; `onPick(i)` says which is current.
export function rover(container, label, onPick, { hover = false } = {}) {
  const find = (index) => container.querySelector(`[data-i="${index}"]`);
  let current = null;
  const pick = (index, focus = false) => {
    const next = find(index);
    if (!next) return;
    const before = current === null ? null : find(current);
    if (before) {
      before.setAttribute("aria-selected", "false");
      before.setAttribute("tabindex", "-1");
    }
    next.setAttribute("aria-selected", "true");
    next.setAttribute("tabindex", "0");
    const changed = current !== index;
    current = index;
    if (focus) next.focus({ preventScroll: false });
    if (changed || focus) onPick(index);
  };
  const at = (event) => event.target.closest?.("[data-i]");
  container.setAttribute("role", "listbox");
  container.setAttribute("aria-label", label);
  container.addEventListener("click", (event) => {
    const item = at(event);
    if (item) pick(Number(item.dataset.i), true);
  });
  container.addEventListener("focusin", (event) => {
    const item = at(event);
    if (item) pick(Number(item.dataset.i));
  });
  if (hover)
    container.addEventListener("pointerover", (event) => {
      const item = at(event);
      if (item) onPick(Number(item.dataset.i));
    });
  if (hover)
    container.addEventListener("pointerleave", () => {
      if (current !== null) onPick(current);
    });
  container.addEventListener("keydown", (event) => {
    const items = container.querySelectorAll("[data-i]");
    const last = Number(items[items.length - 1]?.dataset.i ?? 0);
    const first = Number(items[0]?.dataset.i ?? 0);
    const here = current ?? first;
    const next = {
      ArrowRight: here + 1,
      ArrowDown: here + 1,
      ArrowLeft: here - 1,
      ArrowUp: here - 1,
      Home: first,
      End: last,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    pick(Math.max(first, Math.min(last, next)), true);
  });
  return { pick, current: () => current };
}
