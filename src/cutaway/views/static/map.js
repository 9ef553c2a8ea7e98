// Vectors on a sheet of paper: points with their names beside them, groups by the shape of the mark and its colour.
import { clip } from "./canvas.js";
import {
  columnsOf,
  count,
  el,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  percent,
  plain,
  readout,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { option, rover } from "./rover.js";
import { meanings } from "./terms.js";

const SHAPES = 6,
  NAMED = 250,
  LETTERS = 24;
// Where a label may stand: shifted left by a share of its width, then across and down in pixels.
const PLACES = [
  [0, 9, 4],
  [-1, -9, 4],
  [-0.5, 0, -9],
  [-0.5, 0, 19],
  [0, 8, -6],
  [0, 8, 15],
  [-1, -8, -6],
  [-1, -8, 15],
];

export function drawMap(element, record) {
  const groups = [...new Set(record.points.map((point) => point.group ?? ""))];
  const line = readout();
  let chosen = 0;
  const box = fit((width) => {
    const image = scatter(record, groups, width);
    const rove = rover(
      image,
      "The points; arrow keys move",
      (i) => {
        chosen = i;
        line.replaceChildren(...describe(record.points[i]));
      },
      { hover: true },
    );
    if (record.points.length) rove.pick(chosen);
    return image;
  });
  const kept = (record.explained ?? []).filter((share) => typeof share === "number");
  const trust = record.trustworthiness,
    few = neighbourly(record)
      ? "Points that are near each other are similar to the model. How far apart clusters lie, and how large " +
        "they are, says little."
      : "Points that are near each other are similar to the model, as far as two dimensions can show.";
  element.append(
    heading(`Map · ${record.method ?? ""}`, record.model),
    facts([
      ["points", count(record.points.length)],
      record.space ? ["vectors", record.space] : null,
      kept.length ? ["of the variance kept", percent(kept.reduce((a, b) => a + b, 0))] : null,
      neighbourly(record) ? ["perplexity", fixed(record.perplexity, 1)] : null,
      typeof trust === "number" ? [`trustworthiness, ${record.near} nearest`, fixed(trust, 3)] : null,
    ]),
    hint(few),
    line,
    box,
    meanings(
      ...(kept.length ? ["variance kept"] : []),
      ...(typeof trust === "number" ? ["trustworthiness"] : []),
      ...(neighbourly(record) ? ["t-SNE's perplexity"] : []),
    ),
    numbers(record),
  );
}

function neighbourly(record) {
  return typeof record.perplexity === "number";
}

function describe(point) {
  return [
    el("code", {}, point.text ? legible(point.text, { spaces: false }) : named(point)),
    ` (id ${point.id})`,
    point.group ? `, ${point.group}` : "",
    `, at ${fixed(point.x, 3)}, ${fixed(point.y, 3)}.`,
  ];
}

function scatter(record, groups, width) {
  const points = record.points,
    pad = { left: 46, right: 16, top: 14, bottom: 40 };
  const height = Math.round(Math.max(360, Math.min(640, width * 0.7)));
  const [x, y] = scales(points, width, height, pad);
  const image = svg("svg", { width, height });
  image.append(...axes(record, x, y, width, height, pad));
  const spots = points.map((point) => [x.to(point.x), y.to(point.y)]);
  points.forEach((point, i) =>
    image.append(
      svg(
        "g",
        option(i, { "aria-label": `${named(point)} ${point.group ?? ""}` }),
        mark(groups.indexOf(point.group ?? "") % SHAPES, ...spots[i], points.length > NAMED ? 2.4 : 4.5),
        svg("circle", { class: "ring", cx: spots[i][0], cy: spots[i][1], r: 9 }),
        svg("circle", { class: "hot", cx: spots[i][0], cy: spots[i][1], r: 11 }),
      ),
    ),
  );
  image.append(...labels(points, groups, spots, width, height, pad));
  return image;
}

// The same number of units a pixel both ways: distances on the sheet mean the same in every direction.
function scales(points, width, height, pad) {
  const range = (values) => [Math.min(...values), Math.max(...values)];
  const [x0, x1] = range(points.map((point) => point.x)),
    [y0, y1] = range(points.map((point) => point.y));
  const inner = [width - pad.left - pad.right - 40, height - pad.top - pad.bottom - 76];
  const unit = Math.min(inner[0] / (x1 - x0 || 1), inner[1] / (y1 - y0 || 1));
  const middle = [pad.left + (width - pad.left - pad.right) / 2, pad.top + 22 + (height - pad.top - pad.bottom) / 2];
  const scale = (from, to, at, sign) => ({
    to: (value) => at + sign * (value - (from + to) / 2) * unit,
    back: (pixel) => (from + to) / 2 + (sign * (pixel - at)) / unit,
  });
  return [scale(x0, x1, middle[0], 1), scale(y0, y1, middle[1], -1)];
}

function axes(record, x, y, width, height, pad) {
  const bottom = height - pad.bottom,
    parts = [svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${bottom}H${width - pad.right}` })];
  for (const at of ticks(x.back(pad.left), x.back(width - pad.right), 6))
    parts.push(
      svg("line", { class: "l", x1: x.to(at), x2: x.to(at), y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "m", x: x.to(at), y: bottom + 17, "text-anchor": "middle" }, signed(at)),
    );
  for (const at of ticks(y.back(bottom), y.back(pad.top), 5))
    parts.push(
      svg("line", { class: "l", x1: pad.left - 4, x2: pad.left, y1: y.to(at), y2: y.to(at) }),
      svg("text", { class: "m", x: pad.left - 7, y: y.to(at) + 4, "text-anchor": "end" }, signed(at)),
    );
  if (neighbourly(record))
    return [
      ...parts.slice(0, 1),
      svg(
        "text",
        { class: "m", x: width - pad.right, y: height - 14, "text-anchor": "end" },
        "no unit: t-SNE keeps neighbours only",
      ),
    ];
  const share = (i) =>
    typeof record.explained?.[i] === "number" ? `, ${percent(record.explained[i])} of the variance` : "";
  parts.push(
    svg(
      "text",
      { class: "m", x: width - pad.right, y: height - 6, "text-anchor": "end" },
      `first direction${share(0)} →`,
    ),
    svg("text", { class: "m", x: pad.left + 6, y: pad.top + 8 }, `↑ second direction${share(1)}`),
  );
  return parts;
}

function signed(value) {
  return String(value).replace("-", "−");
}

function mark(shape, x, y, r) {
  const options = { class: `pt${shape}`, "stroke-width": 1.6 };
  if (shape === 0) return svg("circle", { ...options, cx: x, cy: y, r: r - 0.5 });
  if (shape === 1)
    return svg("rect", { ...options, x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1 });
  if (shape === 2) return svg("path", { ...options, d: `M${x} ${y - r - 0.5}l${r + 0.5} ${2 * r}h${-2 * r - 1}z` });
  if (shape === 3)
    return svg("path", {
      ...options,
      d: `M${x} ${y - r - 1}l${r + 1} ${r + 1}l${-r - 1} ${r + 1}l${-r - 1} ${-r - 1}z`,
    });
  if (shape === 4)
    return svg("path", { ...options, d: `M${x - r} ${y - r}l${2 * r} ${2 * r}m0 ${-2 * r}l${-2 * r} ${2 * r}` });
  return svg("circle", { ...options, cx: x, cy: y, r });
}

// A label goes to the first of eight places around its point where it covers nothing, else further away with a leader.
// A group is named once, at its edge.
function labels(points, groups, spots, width, height, pad) {
  const taken = spots.map(([x, y]) => [x - 5, y - 5, x + 5, y + 5]),
    parts = [];
  const free = (box) =>
    box[0] > pad.left &&
    box[2] < width &&
    box[1] > pad.top + 12 &&
    box[3] < height - pad.bottom &&
    taken.every((other) => box[2] < other[0] || box[0] > other[2] || box[3] < other[1] || box[1] > other[3]);
  const put = (text, x, y, options, reach, places = PLACES, lead = false) => {
    const wide = (options.class.includes("group") ? 8 : 7.25) * [...text].length,
      high = 12;
    for (const far of reach)
      for (const [side, gap, dy] of places) {
        const dx = gap + side * wide,
          at = [x + dx + Math.sign(dx + wide / 2) * far, y + dy + (dy < 0 ? -far : dy > 5 ? far : 0)],
          box = [at[0], at[1] - high + 1, at[0] + wide, at[1] + 2];
        if (free(box)) {
          taken.push(box);
          if (lead && far)
            parts.unshift(
              svg("line", {
                class: "l",
                x1: x,
                y1: y,
                x2: Math.max(box[0], Math.min(box[2], x)),
                y2: Math.max(box[1], Math.min(box[3], y)),
              }),
            );
          parts.push(svg("text", { x: at[0], y: at[1], ...options }, text));
          return 0;
        }
      }
    return 1;
  };
  if (groups.length > 1)
    groups.forEach((group) => {
      const own = spots.filter((_, at) => (points[at].group ?? "") === group);
      const peak = own.reduce((best, spot) => (spot[1] < best[1] ? spot : best), own[0]);
      put(group, peak[0], peak[1], { class: "group a halo" }, [0, 8, 16, 28, 40], [[-0.5, 0, -12], ...PLACES]);
    });
  const left = points.reduce(
    (sum, point, i) =>
      sum +
      (points.length > NAMED
        ? 1
        : put(
            clip(named(point), width < 500 ? LETTERS / 2 : LETTERS),
            ...spots[i],
            { class: "halo mono", "font-size": "11" },
            [0, 8, 16, 26, 38, 52, 68],
            PLACES,
            true,
          )),
    0,
  );
  if (left)
    parts.push(
      svg(
        "text",
        { class: "m", x: pad.left, y: height - 6 },
        `${count(left)} name${left === 1 ? "" : "s"} left out: no room for them`,
      ),
    );
  return parts;
}

// A token shows the space it carries; a record of several words is read as text.
function named(point) {
  return String(point.token).trim().includes(" ")
    ? legible(point.token, { spaces: false }).textContent
    : plain(point.token);
}

function numbers(record) {
  const whole = record.points.some((point) => point.text);
  const columns = [
    ...columnsOf("`token | >id | group | >first direction | >second direction"),
    ...(whole ? [{ head: "text", l: true }] : []),
  ];
  return twin(
    "The points as a table",
    table(
      columns,
      record.points.map((point) => [
        plain(point.token),
        point.id,
        point.group,
        point.x,
        point.y,
        ...(whole ? [plain(point.text ?? point.token)] : []),
      ]),
    ),
  );
}
