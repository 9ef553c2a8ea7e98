// What scrolls shows it: an edge with more behind it is named in data-more, where the style sheet fades it out. A
// drawing that has become too wide for its box can then be reached and scrolled with the keyboard, too.

const SIDES = [
  ["left", (box) => box.scrollLeft > 1],
  ["right", (box) => box.scrollLeft + box.clientWidth < box.scrollWidth - 1],
  ["up", (box) => box.scrollTop > 1],
  ["down", (box) => box.scrollTop + box.clientHeight < box.scrollHeight - 1],
];

// `changed(sides)` is told which edges have more behind them.
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
  const watch = new ResizeObserver(look),
    follow = () => {
      watch.disconnect();
      for (const node of [box, ...box.children]) watch.observe(node);
    };
  box.addEventListener("scroll", look, { passive: true });
  new MutationObserver(follow).observe(box, { childList: true });
  follow();
  return box;
}
