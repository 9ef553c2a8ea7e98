// What the plots share: a picture that says what it shows, the lines across it at the ticks of an axis, a way through
// points, and bars over the pieces of a text.
import { clip } from "./canvas.js";
import { plain, svg, ticks } from "./draw.js";

export function picture(width, height, label) {
  return svg("svg", { width, height, role: "img", "aria-label": label });
}

// Dotted lines from `left` to `right` at the marks, each with its name before it. The line at 0 is whole, unless all
// are `dotted`.
export function rules(marks, left, right, y, { name = String, gap = 6, size = null, dotted = false } = {}) {
  return marks.flatMap((at) => [
    svg("line", {
      class: "l",
      x1: left,
      x2: right,
      y1: y(at),
      y2: y(at),
      "stroke-dasharray": at || dotted ? "1 4" : null,
    }),
    svg("text", { class: "m", x: left - gap, y: y(at) + 4, "text-anchor": "end", "font-size": size }, name(at)),
  ]);
}

export function path(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

// The bits of each piece of a text, on a picture as wide as they need: `marks(i, x, slot, y, foot)` draws piece i from
// x on, its name stands below. `slots` are the least and the largest width of a piece, `room` is left after the last.
export function strip({ names, most, width, room, slots, top, label, chosen, pick, marks }) {
  const left = 40,
    tall = 150,
    foot = top + tall,
    slot = Math.max(slots[0], Math.min(slots[1], Math.floor((width - left - room) / names.length))),
    end = left + slot * names.length,
    y = (value) => top + tall * (1 - value / most);
  const image = picture(Math.max(width, end + room), foot + 74, label);
  image.append(
    ...rules(ticks(0, most, 4), left, end, (at) => y(at) + 0.5),
    svg("text", { class: "m", x: 0, y: 12 }, "bits"),
  );
  names.forEach((name, i) => {
    const x = left + slot * i;
    image.append(
      svg(
        "g",
        { "data-bar": i, class: i === chosen ? "on" : null, on: { click: () => pick(i) } },
        marks(i, x, slot, y, foot),
        svg(
          "text",
          { class: "mono", transform: `translate(${x + slot / 2 + 3},${foot + 8}) rotate(-55)`, "text-anchor": "end" },
          clip(plain(name), 10),
        ),
        svg("rect", { class: "hot", x, y: top, width: slot, height: tall + 20 }),
      ),
    );
  });
  return { image, left, end, y };
}

// Show which bar of a strip is chosen.
export function markBar(box, chosen) {
  for (const bar of box.querySelectorAll("[data-bar]"))
    bar.classList.toggle("on", Number(bar.getAttribute("data-bar")) === chosen);
}
