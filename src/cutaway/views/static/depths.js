// What heads do at which depth: one small plot a statistic, A a solid line with filled dots, B a dashed one with
// hollow.

import { columnsOf, el, fit, over, svg, table, ticks, twin } from "./draw.js";
import { path, picture, rules } from "./plots.js";

const PLOTS = [
  ["entropy_bits", "entropy, bits"],
  ["distance", "distance, tokens"],
  ["sink", "to the first token"],
  ["previous", "to the previous token"],
  ["duplicate", "to an earlier copy of the token"],
  ["induction", "after an earlier copy of the token"],
];
const HIGH = 168,
  GAP = 22;

export function drawDepths(record, names) {
  const sides = [record.a, record.b],
    shown = PLOTS.filter(([key]) => sides.some((side) => side.depths.some((layer) => typeof layer[key] === "number")));
  return [
    fit((width) => draw(sides, shown, names, width)),
    twin("The means by depth as tables", () => numbers(sides, names)),
  ];
}

function draw(sides, shown, names, width) {
  const across = Math.max(1, Math.min(3, shown.length, Math.floor((width + GAP) / (250 + GAP)))),
    wide = (width - GAP * (across - 1)) / across,
    down = Math.ceil(shown.length / across);
  const image = picture(
    width,
    24 + down * HIGH,
    "Lines: the mean of each statistic at each relative depth, A solid with filled dots, B dashed with " +
      "hollow dots. The tables below have the numbers.",
  );
  image.append(
    ...key(0, "A", names[0], "i", "dot"),
    ...key(Math.min(width / 2, 70 + 7.2 * (names[0].length + 2)), "B", names[1], "al", "ring2"),
  );
  shown.forEach(([key_, title], i) =>
    image.append(plot(sides, key_, title, (i % across) * (wide + GAP), 24 + Math.floor(i / across) * HIGH, wide)),
  );
  return image;
}

function key(x, letter, name, line, dot) {
  return [
    svg("line", { class: line, x1: x, x2: x + 30, y1: 10, y2: 10, "stroke-dasharray": letter === "B" ? "5 3" : null }),
    svg("circle", { class: dot, cx: x + 15, cy: 10, r: 2.6 }),
    svg("text", { x: x + 36, y: 14 }, `${letter} ${name}`),
  ];
}

function plot(sides, name, title, left, top, wide) {
  const pad = { left: 34, right: 16, top: 24, bottom: 24 },
    bottom = HIGH - pad.bottom - 8,
    share = name !== "entropy_bits" && name !== "distance";
  const lines = sides.map((side) => side.depths.filter((layer) => typeof layer[name] === "number"));
  const most = Math.max(share ? 0.05 : 1, ...lines.flat().map((layer) => layer[name])) * 1.06;
  const x = (depth) => pad.left + depth * (wide - pad.left - pad.right),
    y = (value) => bottom - (value / most) * (bottom - pad.top);
  const group = svg(
    "g",
    { transform: `translate(${left},${top})` },
    svg("text", { x: 0, y: 13, "font-weight": "600" }, title),
  );
  group.append(...rules(ticks(0, most, 3), pad.left, wide - pad.right, y, { gap: 5, size: "11" }));
  for (const at of [0, 0.5, 1])
    group.append(svg("text", { class: "m", x: x(at), y: bottom + 15, "text-anchor": "middle", "font-size": "11" }, at));
  const ends = lines.map((line) => (line.length ? y(line[line.length - 1][name]) : null));
  if (ends[0] !== null && ends[1] !== null && Math.abs(ends[0] - ends[1]) < 12) {
    const middle = (ends[0] + ends[1]) / 2,
      way = ends[0] < ends[1] ? -6 : 6;
    ends[0] = middle + way;
    ends[1] = middle - way;
  }
  lines.forEach((line, which) => {
    if (!line.length) {
      group.append(
        svg(
          "text",
          { class: "m halo", x: pad.left + 6, y: bottom - 6 - 14 * which, "font-size": "11" },
          `${which ? "B" : "A"}: no token comes twice`,
        ),
      );
      return;
    }
    const [stroke, dot, ink] = which ? ["al", "ring2", "a"] : ["i", "dot", ""];
    group.append(
      svg("path", {
        class: stroke,
        d: path(line.map((layer) => [x(layer.depth), y(layer[name])])),
        "stroke-dasharray": which ? "5 3" : null,
      }),
    );
    for (const layer of line)
      group.append(svg("circle", { class: dot, cx: x(layer.depth), cy: y(layer[name]), r: 2.4 }));
    group.append(
      svg("text", { class: ink, x: wide - pad.right + 6, y: ends[which] + 4, "font-weight": "600" }, which ? "B" : "A"),
    );
  });
  return group;
}

function numbers(sides, names) {
  const columns = [...columnsOf(">layer | >depth"), ...PLOTS.map(([, title]) => ({ head: title, n: true }))];
  return el(
    "div",
    {},
    sides.map((side, i) => [
      over(`${i ? "B" : "A"} · ${names[i]}`),
      table(
        columns,
        side.depths.map((layer) => [layer.layer, layer.depth, ...PLOTS.map(([name]) => layer[name])]),
      ),
    ]),
  );
}
