// Time steps through states: when each state is visited, where its centre lies, and what comes back of every channel.

import { columnsOf, count, el, facts, fit, hint, over, plain, svg, table, ticks, twin } from "./draw.js";
import { picture, rules } from "./plots.js";
import { chart, tidy } from "./steps.js";

const DRAWN = 300,
  ROWS = 24,
  CHANNELS = 4,
  COLUMNS = 8,
  NAMED = 40; // time steps, states, channels drawn; channels in the table; centres with names

export function drawStates(record) {
  const series = record.states;
  if (!series?.steps?.length) return [];
  const steps = series.steps.slice(0, DRAWN),
    parts = [over("Step by step")];
  const near = series.angles
    ? " Each angle counts as a point on the unit circle, so π and −π are the same place; the distance is " +
      "Euclidean, between the cosines and sines: at most 2 for one angle."
    : " The distance is Euclidean.";
  parts.push(
    hint(
      "A time step is a point with " +
        `${series.channels === 1 ? "one coordinate" : `${count(series.channels)} coordinates, one a channel`}. ` +
        `The token names the state, of ${count(series.states)}, with the nearest centre. Decoding gives the ` +
        `numbers of that centre.${near}`,
    ),
    facts([
      ["states", count(series.states)],
      ["visited", count(series.visited)],
      ["channels", count(series.channels)],
      [
        "mean distance from the centre",
        typeof series.mean === "number" ? tidy(series.mean < 1e-9 ? 0 : series.mean) : "–",
      ],
    ]),
  );
  if (steps.length > 1)
    parts.push(
      hint("When each state is visited, the most visited on top. At the right: the number of steps drawn in it."),
      fit((width) => timeline(steps, width)),
    );
  if (!steps.some((step) => step.state !== null))
    parts.push(hint("Every step lacks a number, so no step can be placed."));
  else if (series.channels === 2)
    parts.push(
      hint(
        "A dot is a time step, a ring the centre of a state; a line joins each step to its centre. " +
          (series.angles
            ? "The left edge continues at the right one, and the top at the bottom; lines across an edge are not drawn."
            : "Both axes have the same scale."),
      ),
      fit((width) => plane(steps, series.angles, width)),
    );
  else
    for (let c = 0; c < Math.min(CHANNELS, series.channels); c += 1)
      parts.push(
        series.channels > 1 ? hint(`channel ${c}`) : null,
        fit((width) => channel(steps, c, series.angles, width)),
      );
  if (series.channels > CHANNELS)
    parts.push(hint(`The first ${CHANNELS} of ${count(series.channels)} channels are drawn.`));
  if (series.steps.length > steps.length)
    parts.push(hint(`The first ${count(steps.length)} steps are drawn; the table has all.`));
  return [...parts, twin("Every time step on its way as a table", () => listed(series))].filter(Boolean);
}

// A row a state, a bar for each stay in it.
function timeline(steps, width) {
  const visits = new Map();
  for (const step of steps) visits.set(step.word, (visits.get(step.word) ?? 0) + 1);
  const rows = [...visits]
      .sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], "en", { numeric: true }))
      .slice(0, ROWS)
      .map(([word]) => word),
    more = visits.size - rows.length;
  const row = 15,
    pad = { left: 52, right: 46, top: 20, bottom: 22 },
    foot = pad.top + row * rows.length,
    high = foot + pad.bottom + (more ? 16 : 0);
  const image = picture(width, high, "When each state is visited; the table below has every time step.");
  const x = (at) => pad.left + ((width - pad.left - pad.right) * at) / steps.length;
  image.append(svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${foot}H${width - pad.right}` }));
  rows.forEach((word, r) => {
    const y = pad.top + row * (r + 0.5);
    image.append(
      svg("line", { class: "l", x1: pad.left, x2: width - pad.right, y1: y, y2: y, "stroke-dasharray": "1 4" }),
      svg("text", { class: "mono", x: pad.left - 7, y: y + 4, "text-anchor": "end" }, plain(word)),
      svg("text", { class: "m", x: width - pad.right + 7, y: y + 4 }, count(visits.get(word))),
    );
    for (let from = 0; from < steps.length; from += 1) {
      if (steps[from].word !== word) continue;
      let to = from + 1;
      while (to < steps.length && steps[to].word === word) to += 1;
      image.append(
        svg("rect", {
          class: word === "nan" ? "box" : "taken",
          x: x(from),
          y: y - 3.5,
          width: Math.max(2, x(to) - x(from) - 0.5),
          height: 7,
        }),
      );
      from = to;
    }
  });
  image.append(
    svg("text", { class: "m", x: pad.left, y: foot + 16 }, "step 0"),
    svg(
      "text",
      { class: "m", x: width - pad.right, y: foot + 16, "text-anchor": "end" },
      `step ${count(steps.length - 1)}`,
    ),
    svg("text", { class: "m", x: width - pad.right + 7, y: 12 }, "steps"),
  );
  if (more)
    image.append(
      svg("text", { class: "m", x: pad.left, y: foot + 34 }, `${count(more)} more states are visited less often`),
    );
  return image;
}

// Two channels as a map; of angles the whole torus, unrolled.
function plane(steps, angles, width) {
  const known = steps.filter((step) => step.state !== null),
    side = Math.min(560, width),
    pad = { left: 52, right: 12, top: 24, bottom: 40 };
  const range = (c) =>
    angles
      ? [-Math.PI, Math.PI]
      : [
          Math.min(...known.flatMap((s) => [s.values[c], s.back[c]])),
          Math.max(...known.flatMap((s) => [s.values[c], s.back[c]])),
        ];
  const image = picture(
    side,
    side,
    "The time steps and the centres of their states on a map; the table below has the numbers.",
  );
  const folded = (value) => (angles ? Math.atan2(Math.sin(value), Math.cos(value)) : value),
    [[x0, x1], [y0, y1]] = [range(0), range(1)],
    foot = side - pad.bottom;
  const inner = [side - pad.left - pad.right - 24, foot - pad.top - 24],
    scale = Math.min(inner[0] / (x1 - x0 || 1e-300), inner[1] / (y1 - y0 || 1e-300)),
    middle = [pad.left + 12 + inner[0] / 2, foot - 12 - inner[1] / 2];
  const x = (value) => middle[0] + scale * (folded(value) - (x0 + x1) / 2),
    y = (value) => middle[1] - scale * (folded(value) - (y0 + y1) / 2),
    wide = Math.max(x1 - x0, y1 - y0) / 2;
  image.append(svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${foot}H${side - pad.right}` }));
  for (const [at, name] of marks((x0 + x1) / 2, wide, angles))
    image.append(
      svg("line", { class: "l", x1: x(at), x2: x(at), y1: pad.top, y2: foot, "stroke-dasharray": "1 4" }),
      svg("text", { class: "m", x: x(at), y: foot + 16, "text-anchor": "middle" }, name),
    );
  const heights = new Map(marks((y0 + y1) / 2, wide, angles)),
    name = (at) => heights.get(at);
  image.append(...rules([...heights.keys()], pad.left, side - pad.right, y, { name, dotted: true }));
  const unit = angles ? ", radians" : "";
  image.append(
    svg("text", { class: "m", x: side - pad.right, y: side - 6, "text-anchor": "end" }, `channel 0${unit} →`),
    svg("text", { class: "m", x: 0, y: 12 }, `↑ channel 1${unit}`),
  );
  const centres = new Map();
  for (const step of known) {
    centres.set(step.state, step.back);
    const crosses = angles && step.values.some((value, c) => Math.abs(folded(value) - step.back[c]) > Math.PI);
    if (!crosses)
      image.append(
        svg("line", {
          class: "l",
          x1: x(step.values[0]),
          y1: y(step.values[1]),
          x2: x(step.back[0]),
          y2: y(step.back[1]),
        }),
      );
  }
  for (const step of known)
    image.append(
      svg("circle", { class: "dot", cx: x(step.values[0]), cy: y(step.values[1]), r: 1.8, "stroke-width": 0 }),
    );
  for (const back of centres.values())
    image.append(svg("circle", { class: "ring2", cx: x(back[0]), cy: y(back[1]), r: 4 }));
  if (centres.size <= NAMED)
    image.append(
      ...centreNames(
        [...centres].map(([state, back]) => [`c${state}`, x(back[0]), y(back[1])]),
        side,
      ),
    );
  return image;
}

// Each name at the first of four corners of its ring where it covers no other name and no other ring; else it is left
// out.
function centreNames(named, side) {
  const taken = named.map(([, x, y]) => [x - 4, y - 4, x + 4, y + 4]);
  return named.flatMap(([name, x, y]) => {
    const wide = 7.3 * name.length;
    for (const [dx, dy] of [
      [6, -4],
      [6, 13],
      [-6 - wide, -4],
      [-6 - wide, 13],
      [-wide / 2, -8],
      [-wide / 2, 17],
    ]) {
      const box = [x + dx, y + dy - 10, x + dx + wide, y + dy + 2];
      if (
        box[0] < 0 ||
        box[2] > side ||
        taken.some((other) => box[0] < other[2] && other[0] < box[2] && box[1] < other[3] && other[1] < box[3])
      )
        continue;
      taken.push(box);
      return [svg("text", { class: "a halo mono", x: x + dx, y: y + dy }, name)];
    }
    return [];
  });
}

// The ticks of an axis about a middle, and what they say; half turns have names.
function marks(middle, wide, angles) {
  if (angles)
    return [
      [-Math.PI, "−π"],
      [-Math.PI / 2, "−π/2"],
      [0, "0"],
      [Math.PI / 2, "π/2"],
      [Math.PI, "π"],
    ];
  return Number.isFinite(wide) && wide > 0 ? ticks(middle - wide, middle + wide, 5).map((at) => [at, tidy(at)]) : [];
}

function channel(steps, c, angles, width) {
  return chart(
    steps.map((step) => ({ value: step.values[c], back: step.back[c] })),
    width,
    angles ? Math.PI : Infinity,
  );
}

function listed(series) {
  const shown = Math.min(COLUMNS, series.channels),
    each = Array.from({ length: shown }, (_, c) => c);
  const columns = [
    { head: "step", n: true },
    ...each.map((c) => ({ head: `channel ${c}`, n: true })),
    ...columnsOf("`word | >distance"),
    ...each.map((c) => ({ head: `channel ${c} back`, n: true })),
  ];
  const whole = table(
    columns,
    series.steps.map((step) => [
      step.step,
      ...each.map((c) => step.values[c]),
      plain(step.word),
      step.distance,
      ...each.map((c) => step.back[c]),
    ]),
  );
  return shown < series.channels
    ? el("div", {}, hint(`The first ${count(shown)} of ${count(series.channels)} channels; the JSON has all.`), whole)
    : whole;
}
