// Lines over one axis: some series of points, each named at its end.
import { count, exact, svg, ticks } from "./draw.js";
import { path, picture, rules } from "./plots.js";

// series: [{points: [[x, y]], name, dashed, dots}]; `x` and `y` name the axes; `low` is where the upright one begins.
export function chart(
  series,
  width,
  { label, x: across, height = 150, low = 0, high = null, left = 44, right = 0, tick = short },
) {
  const points = series.flatMap((one) => one.points),
    pad = { top: 10, bottom: 36 },
    bottom = height - pad.bottom,
    last = Math.max(1e-9, ...points.map(([at]) => at)),
    end = tick(ticks(0, last, 3).at(-1)).length,
    edge = width - Math.max(right, 6 + 3.6 * end); // half of the last name stands beyond the axis
  const most = (high ?? Math.max(low + 1e-12, ...points.map(([, value]) => value))) * 1.04;
  const x = (at) => left + (at / last) * (edge - left),
    y = (value) => bottom - ((Math.min(value, most) - low) / (most - low)) * (bottom - pad.top);
  const image = picture(width, height, label);
  image.append(...rules(ticks(low, most, height > 200 ? 5 : 3), left, edge, y, { name: tick }));
  for (const at of ticks(0, last, width < 420 ? 3 : 6))
    image.append(
      svg("line", { class: "l", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "m", x: x(at), y: bottom + 16, "text-anchor": "middle" }, tick(at)),
    );
  image.append(svg("text", { class: "m", x: edge, y: height - 4, "text-anchor": "end" }, `${across} →`));
  for (const one of series) {
    image.append(
      svg("path", {
        class: one.accent ? "al" : "i",
        d: path(one.points.map(([at, value]) => [x(at), y(value)])),
        "stroke-dasharray": one.dashed ? "5 3" : null,
        "stroke-opacity": one.faint ? "0.5" : null,
      }),
    );
    if (one.dots)
      image.append(
        ...one.points.map(([at, value]) =>
          svg("circle", { class: one.accent ? "ring2" : "box", cx: x(at), cy: y(value), r: 3 }),
        ),
      );
  }
  return { image, x, y, edge };
}

function short(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${exact(value / 1e6)} M`;
  if (size >= 1e4) return `${exact(value / 1e3)} k`;
  if (size >= 1) return Number.isInteger(value) ? count(value) : exact(value);
  return size && size < 1e-3 ? value.toExponential().replace("e-", "e−") : exact(value);
}
