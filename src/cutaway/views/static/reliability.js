// Whether probabilities come true, and what a model says of numbers: both against a diagonal on which all would be
// right.
import { count, fixed, percent, svg, ticks } from "./draw.js";
import { shown } from "./intervals.js";
import { picture } from "./plots.js";

const MOST = 340; // pixels of a side

function square(width, label, { low, high, name, across, up }) {
  const pad = { left: 50, right: 24, top: 12, bottom: 42 },
    side = Math.min(MOST, width - pad.left - pad.right),
    span = high - low || 1;
  const x = (value) => pad.left + ((value - low) / span) * side,
    y = (value) => pad.top + side - ((value - low) / span) * side;
  const image = picture(pad.left + side + pad.right, pad.top + side + pad.bottom, label);
  for (const at of ticks(low, high, 4).filter((mark) => mark >= low && mark <= high))
    image.append(
      svg("line", { class: "l", x1: x(low), x2: x(high), y1: y(at), y2: y(at), "stroke-dasharray": "1 4" }),
      svg("text", { class: "m", x: pad.left - 6, y: y(at) + 4, "text-anchor": "end", "font-size": "11" }, name(at)),
      svg("text", { class: "m", x: x(at), y: y(low) + 16, "text-anchor": "middle", "font-size": "11" }, name(at)),
    );
  image.append(
    svg("path", { class: "i", d: `M${x(low)} ${y(high)}V${y(low)}H${x(high)}` }),
    svg("line", { class: "l", x1: x(low), y1: y(low), x2: x(high), y2: y(high) }),
    svg("text", { class: "m", x: x(high), y: y(low) + 34, "text-anchor": "end" }, `${across} →`),
    svg("text", { class: "m", x: pad.left + 8, y: pad.top + 10 }, `↑ ${up}`),
  );
  return { image, x, y };
}

// bins: {low, high, count, confidence, right}. The larger a dot, the more records it stands for.
export function reliabilityPlot(bins, width) {
  const label = "How often probabilities came true, bin by bin; the table below has the numbers.";
  const name = (at) => `${Math.round(100 * at)} %`;
  const { image, x, y } = square(width, label, {
    low: 0,
    high: 1,
    name,
    across: "probability that the model gave",
    up: "share that came true",
  });
  const most = Math.max(...bins.map((bin) => bin.count));
  for (const bin of bins) {
    const [across, up] = [x(bin.confidence), y(bin.right)];
    image.append(
      svg("line", { class: "al", x1: across, x2: across, y1: y(bin.confidence), y2: up }),
      svg(
        "circle",
        { class: "dot", cx: across, cy: up, r: 2.5 + 6 * Math.sqrt(bin.count / most) },
        svg("title", {}, `${count(bin.count)} at ${percent(bin.confidence)}: ${percent(bin.right)} came true`),
      ),
    );
  }
  return image;
}

// points: {id, truth, predicted}.
export function scatterPlot(points, width) {
  const values = points.flatMap((point) => [point.truth, point.predicted]),
    [least, most] = [Math.min(...values), Math.max(...values)],
    air = (most - least || 1) * 0.04;
  const { image, x, y } = square(width, "Each record's number and what the model says; the table below has them.", {
    low: least - air,
    high: most + air,
    name: (at) => String(at).replace("-", "−"),
    across: "true number",
    up: "what the model says",
  });
  for (const point of points)
    image.append(
      svg(
        "circle",
        { class: "dot", cx: x(point.truth), cy: y(point.predicted), r: 2.2, "fill-opacity": 0.55 },
        svg("title", {}, `${point.id}: ${shown(point.truth)}, predicted ${shown(point.predicted)}`),
      ),
    );
  return image;
}

export function binRows(bins) {
  return bins.map((bin) => [`${fixed(bin.low, 3)} to ${fixed(bin.high, 3)}`, bin.count, bin.confidence, bin.right]);
}
