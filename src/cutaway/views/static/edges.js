// Mark the edges past which a box scrolls: data-more names them, and the style sheet fades them. A box that scrolls can
// be reached and scrolled with the keyboard.

import { onResize } from "./lifetime.js";

const SIDES = [
  ["left", (box) => box.scrollLeft > 1],
  ["right", (box) => box.scrollLeft + box.clientWidth < box.scrollWidth - 1],
  ["up", (box) => box.scrollTop > 1],
  ["down", (box) => box.scrollTop + box.clientHeight < box.scrollHeight - 1],
];

// `changed(sides)` gets the names of the edges past which the box scrolls.
export function edges(box, changed = () => {}) {
  let own = [];
  const look = () => {
    const more = SIDES.filter(([, has]) => has(box)).map(([name]) => name);
    if (more.join(" ") === box.dataset.more) return;
    box.dataset.more = more.join(" ");
    if (more.length && !box.hasAttribute("tabindex") && !box.matches("ol")) {
      own = [
        ["tabindex", "0"],
        ...(box.hasAttribute("role")
          ? []
          : [
              ["role", "region"],
              ["aria-label", "A drawing that scrolls"],
            ]),
      ];
      for (const [name, value] of own) box.setAttribute(name, value);
    } else if (!more.length) {
      for (const [name] of own) box.removeAttribute(name);
      own = [];
    }
    changed(more);
  };
  const children = new MutationObserver(follow),
    watch = onResize(box, look, () => children.disconnect());
  function follow() {
    watch.disconnect();
    for (const node of [box, ...box.children]) watch.observe(node);
  }
  box.addEventListener("scroll", look, { passive: true });
  children.observe(box, { childList: true });
  follow();
  return box;
}
