// Two runs of training: what they show, their losses on the same axes, what differs, and what each writes.
import { chart } from "./chart.js";
import {
  bits,
  choice,
  columnsOf,
  count,
  el,
  exact,
  fit,
  fixed,
  heading,
  hint,
  legible,
  over,
  seconds,
  svg,
  table,
  twin,
} from "./draw.js";
import { lossUnit } from "./loss_curve.js";
import { meanings } from "./terms.js";

const AXES = [
  ["step", "step"],
  ["tokens", "predictions"],
  ["seconds", "seconds"],
];

export function drawRunComparison(element, record) {
  const { a, b } = record,
    unit = lossUnit(a.objective);
  element.append(
    heading("Runs compared", `${a.name}, ${b.name}`),
    el(
      "div",
      { class: "summary" },
      record.summary.map((sentence, i) =>
        el("p", { class: i ? null : "summary found" }, legible(sentence, { spaces: false })),
      ),
    ),
    losses(record, unit),
    meanings("loss", ...(typeof a.floor === "number" || typeof b.floor === "number" ? ["floor"] : [])),
    points(record, unit),
    over("The runs"),
    sides(record, unit),
    over("What differs"),
    differences(record),
    writes(record),
  );
}

// The losses of both runs over steps, predictions or time.
function losses({ a, b }, unit) {
  let axis = AXES[0];
  const select = choice(
    AXES.map(([, name], i) => [i, name]),
    (value) => {
      axis = AXES[Number(value)];
      box.redraw();
    },
  );
  const line = (side, key, rest) => ({
    ...rest,
    points: side[key].filter((point) => typeof point.loss === "number").map((p) => [p[axis[0]], unit.of(p.loss)]),
  });
  const box = fit((width) => {
    const series = [
      line(a, "learned", { faint: true }),
      line(b, "learned", { faint: true, accent: true }),
      line(a, "checked", { dots: true }),
      line(b, "checked", { dots: true, accent: true, dashed: true }),
    ];
    const label = `The losses of both runs in ${unit.name} over ${axis[1]}; the table below has the numbers.`;
    const { image, x, y, edge } = chart(series, width, {
      label,
      x: axis[1],
      height: 300,
      right: width < 560 ? 14 : 120,
    });
    for (const [name, one, cls] of [
      ["A", series[2], ""],
      ["B", series[3], "a "],
    ]) {
      const end = one.points[one.points.length - 1];
      if (end)
        image.append(
          svg(
            "text",
            { class: `${cls}halo`, x: Math.min(x(end[0]) + 7, width - 12), y: y(end[1]) + (name === "A" ? -5 : 13) },
            name,
          ),
        );
    }
    for (const [name, side, down] of [
      ["A", a, -4],
      ["B", b, 12],
    ]) {
      const floor = unit.of(side.floor);
      if (floor === null || (name === "B" && side.floor === a.floor)) continue;
      image.append(
        svg("line", { class: "l", x1: 44, x2: edge, y1: y(floor), y2: y(floor), "stroke-dasharray": "7 4" }),
        svg(
          "text",
          { class: "m halo", x: edge - 4, y: y(floor) + down, "text-anchor": "end" },
          `floor${a.floor === b.floor ? "" : ` of ${name}`} ${fixed(floor, 2)}`,
        ),
      );
    }
    return image;
  });
  return el(
    "div",
    {},
    over(`Held-out loss, ${unit.name}; the thin lines are on the training data`),
    el("div", { class: "controls" }, el("label", {}, "over", select)),
    box,
    hint("A is drawn in whole lines, B in the accent colour and dashed."),
  );
}

function points({ a, b }, unit) {
  return twin("The losses as a table", () =>
    table(
      columnsOf(`run | >step | >predictions | >seconds | >held-out loss, as recorded | >${unit.name}`),
      [
        ["A", a],
        ["B", b],
      ].flatMap(([name, side]) =>
        side.checked.map((p) => [name, p.step, p.tokens, p.seconds, p.loss, unit.of(p.loss)]),
      ),
    ),
  );
}

function sides({ a, b }, unit) {
  const row = (name, of) => [name, of(a), of(b)];
  const shown = (loss) => (typeof loss === "number" ? fixed(unit.of(loss), 4) : "–");
  const text = (value) => el("span", {}, legible(value, { spaces: false }));
  return table(columnsOf(`name | \`A · ${plainName(a)} | \`B · ${plainName(b)}`), [
    row("data", (side) => text(side.source)),
    row("model", (side) => text(`${side.architecture}, ${count(side.parameters)} parameters`)),
    row("objective", (side) => text(side.objective)),
    row("steps", (side) => text(`${count(side.steps)}, until ${side.stopped}`)),
    row("predictions", (side) => count(side.tokens_seen)),
    row("time", (side) => seconds(side.seconds)),
    row("processes × threads", (side) => `${count(side.ranks)} × ${count(side.threads)}`),
    row("precision", (side) => text(side.precision)),
    row(`final held-out loss, ${unit.name}`, (side) => shown(side.final_loss)),
    row(`best held-out loss, ${unit.name}`, (side) => `${shown(side.best_loss)} (step ${count(side.best_step)})`),
    row("perplexity", (side) => (unit.of === bits ? fixed(Math.exp(side.final_loss), 3) : "–")),
    row(`floor, ${unit.name}`, (side) => shown(side.floor)),
    row("bits per letter or number", (side) => fixed(side.bits_per_symbol, 4)),
  ]);
}

function plainName(side) {
  const name = legible(side.name, { spaces: false }).textContent;
  return name.length > 30 ? `${name.slice(0, 29)}…` : name;
}

function differences(record) {
  if (!record.differences.length) return el("p", {}, "Nothing.");
  return table(
    columnsOf("of | name | `A | `B"),
    record.differences.map((one) => [one.group, one.name.replaceAll("_", " "), said(one.a), said(one.b)]),
  );
}

function said(value) {
  if (value === null || value === undefined) return "–";
  const text = Array.isArray(value) ? value.map((one) => exact(one)).join(", ") : exact(value);
  return el("span", {}, legible(text, { spaces: false }));
}

// What both wrote: a slider over the steps of both.
function writes({ a, b }) {
  const steps = [...new Set([...a.samples, ...b.samples].map((entry) => entry.step))].sort((x, y) => x - y);
  if (!steps.length) return "";
  const slider = el("input", {
      type: "range",
      min: 0,
      max: steps.length - 1,
      value: steps.length - 1,
      "aria-label": "Step of the samples",
      on: { input: () => show() },
    }),
    said = el("output", {}),
    list = el("div", { class: "cards texts wide" });
  const latest = (side, step) => side.samples.filter((entry) => entry.step <= step).at(-1);
  function show() {
    const step = steps[Number(slider.value)];
    said.textContent = `up to step ${count(step)}`;
    slider.setAttribute("aria-valuetext", said.textContent);
    list.replaceChildren(
      ...[
        ["A", a],
        ["B", b],
      ].map(([name, side]) => {
        const entry = latest(side, step);
        return el(
          "div",
          { class: "card" },
          el("p", { class: "over" }, entry ? `${name}, after step ${count(entry.step)}` : `${name}: nothing yet`),
          (entry?.texts ?? []).map((text) =>
            el("p", { class: "said" }, legible(text, { spaces: false, breaks: true })),
          ),
        );
      }),
    );
  }
  show();
  return el(
    "div",
    {},
    over("What each writes"),
    steps.length > 1 ? el("div", { class: "controls" }, el("label", { class: "grow" }, "step", slider), said) : said,
    list,
  );
}
