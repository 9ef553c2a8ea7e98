// The loss over the steps of a run: on the training data, on data held out, its floor, and guesses without a model.

import { bits, count, fixed, svg, ticks } from "./draw.js";
import { path, picture, rules } from "./plots.js";

const GUESSES = {
  uniform: "all equally likely",
  frequencies: "by frequency",
  mean: "always the mean",
};

// How a loss is shown: `of` turns what the record holds into this unit.
export function lossUnit(objective) {
  if (objective === "numbers") return { of: (loss) => loss, name: "squared error, in variances", short: "variances" };
  const each = { masked: "hidden token", classes: "label" }[objective] ?? "token";
  return { of: bits, name: `bits per ${each}`, short: "bits" };
}

export function lossCurve(record, width) {
  const pad = { left: 44, right: width < 560 ? 14 : 150, top: 14, bottom: 38 },
    height = 300,
    bottom = height - pad.bottom,
    edge = width - pad.right,
    unit = lossUnit(record.objective);
  const learned = record.metrics.filter((entry) => typeof entry.loss === "number"),
    checked = record.validation.filter((entry) => typeof entry.loss === "number");
  const all = [...learned, ...checked],
    floor = unit.of(record.final_floor ?? record.floor);
  const last = Math.max(1, ...all.map((entry) => entry.step)),
    most = Math.max(...all.map((entry) => unit.of(entry.loss))) * 1.04;
  const x = (value) => pad.left + (value / last) * (edge - pad.left),
    y = (value) => bottom - (value / most) * (bottom - pad.top);
  const image = picture(
    width,
    height,
    `The loss in ${unit.name} over the training steps; the table below has the numbers.`,
  );
  image.append(...rules(ticks(0, most, 5), pad.left, edge, y));
  for (const at of ticks(0, last, width < 560 ? 3 : 6))
    image.append(
      svg("line", { class: "l", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "m", x: x(at), y: bottom + 17, "text-anchor": "middle" }, count(at)),
    );
  image.append(svg("text", { class: "m", x: edge, y: height - 4, "text-anchor": "end" }, "step →"));
  const guessed = Object.entries(record.baselines ?? {})
    .map(([name, loss]) => [GUESSES[name] ?? name, unit.of(loss)])
    .filter(([, loss]) => typeof loss === "number" && loss < most);
  image.append(...guesses(guessed, pad, edge, y, width));
  if (floor !== null) image.append(...below(record, floor, unit, pad, edge, y, guessed, width));
  const along = (entries) => path(entries.map((entry) => [x(entry.step), y(unit.of(entry.loss))]));
  image.append(
    svg("path", { class: "i", d: along(learned), "stroke-opacity": "0.75" }),
    svg("path", { class: "i", d: along(checked), "stroke-width": 1.6 }),
  );
  checked.forEach((entry) =>
    image.append(svg("circle", { class: "box", cx: x(entry.step), cy: y(unit.of(entry.loss)), r: 3.2 })),
  );
  image.append(...names(learned, checked, x, (entry) => y(unit.of(entry.loss)), width));
  if (floor !== null) image.append(...gap(unit.of(record.final_loss), floor, unit, edge, y, width));
  return image;
}

// What guesses lose: dashed lines, each named at its right end or, on a narrow sheet, above the line.
function guesses(guessed, pad, edge, y, width) {
  const beside = width >= 560;
  let before = Number.POSITIVE_INFINITY;
  return [...guessed]
    .sort((a, b) => a[1] - b[1])
    .flatMap(([name, loss]) => {
      const at = Math.min(y(loss) + 4, before - 14);
      before = at;
      return [
        svg("line", { class: "l", x1: pad.left, x2: edge, y1: y(loss), y2: y(loss), "stroke-dasharray": "2 3" }),
        svg(
          "text",
          {
            class: "m halo",
            x: beside ? edge + 6 : edge,
            y: beside ? at : at - 7,
            "text-anchor": beside ? "start" : "end",
          },
          `${name} ${fixed(loss, 2)}`,
        ),
      ];
    });
}

// The region below the floor is hatched.
function below(record, floor, unit, pad, edge, y, guessed, width) {
  const parts = [
    svg("line", { class: "al", x1: pad.left, x2: edge, y1: y(floor), y2: y(floor), "stroke-dasharray": "7 4" }),
  ];
  for (let at = pad.left; at < edge; at += 9)
    parts.push(svg("line", { class: "l", x1: at, x2: Math.min(edge, at + 7), y1: y(floor) + 9, y2: y(floor) + 2 }));
  // Its name is at the right, away from a falling loss and from the guesses, with a leader down to the line.
  const lines = [`floor ${fixed(floor, 2)} ${unit.short}`, width < 560 ? "" : (record.floor_label ?? "")].filter(
      Boolean,
    ),
    room = Math.floor((edge - pad.left) / 7),
    lowest = Math.max(pad.top, ...guessed.map(([, loss]) => y(loss))),
    top = Math.min(lowest + 6, Math.max(pad.top, y(floor) - 20 - 15 * lines.length)),
    foot = top + 8 + 15 * lines.length;
  parts.push(
    svg("line", { class: "l", x1: edge - 14, x2: edge - 14, y1: foot - 6, y2: y(floor) }),
    lines.map((line, i) =>
      svg(
        "text",
        { class: "a halo", x: edge - 8, y: top + 10 + 15 * i, "text-anchor": "end" },
        line.length > room ? `${line.slice(0, room - 1)}…` : line,
      ),
    ),
  );
  return parts.flat();
}

// Each curve is named on the curve.
function names(learned, checked, x, high, width) {
  const at = (entries, share) => entries[Math.min(entries.length - 1, Math.floor(entries.length * share))];
  const parts = [];
  const label = (entry, text, dx, dy) => {
    if (entry)
      parts.push(
        svg("line", {
          class: "l",
          x1: x(entry.step),
          y1: high(entry) - 4,
          x2: x(entry.step) + dx,
          y2: high(entry) - dy + 4,
        }),
        svg(
          "text",
          {
            class: "halo",
            x: Math.min(x(entry.step) + dx + 2, width - 7 * text.length - 4),
            y: high(entry) - dy,
          },
          text,
        ),
      );
  };
  label(at(learned, 0.06), "on the training data, each step", 24, 16);
  label(at(checked, 0.35), "○ on data held out", 26, width < 560 ? 30 : 36);
  return parts;
}

function gap(loss, floor, unit, edge, y, width) {
  if (loss === null || width < 560) return [];
  const at = edge + 10,
    difference = loss - floor;
  return [
    svg("path", { class: "al", d: `M${at - 4} ${y(loss)}h8m-4 0V${y(floor)}m-4 0h8` }),
    svg(
      "text",
      { class: "a", x: at + 10, y: (y(loss) + y(floor)) / 2 - 3, "font-weight": "600" },
      `${fixed(difference, 3)} ${unit.short}`,
    ),
    svg("text", { class: "m", x: at + 10, y: (y(loss) + y(floor)) / 2 + 12 }, "above the floor"),
  ];
}
