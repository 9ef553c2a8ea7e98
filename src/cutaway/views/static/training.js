// The loss in training, and its floor: no model of this data can go below it.

import {
  bits,
  columnsOf,
  count,
  el,
  exact,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  over,
  seconds,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { path, picture, rules } from "./plots.js";
import { meanings } from "./terms.js";

export function drawTraining(element, record) {
  element.append(
    heading(`Training · ${record.architecture ?? ""}`, record.name),
    summary(record),
    over("Loss, bits per token"),
  );
  const points = [...record.metrics, ...record.validation].filter((entry) => typeof entry.loss === "number");
  if (points.length) element.append(fit((width) => curve(record, width)));
  element.append(
    verdict(record),
    meanings(
      "loss",
      ...(typeof (record.final_floor ?? record.floor) === "number" ? ["floor"] : []),
      "parameters",
      "learning rate",
      "gradient norm",
    ),
    numbers(record),
  );
}

function summary(record) {
  return facts([
    ["parameters", count(record.parameters)],
    ["tokens seen", count(record.tokens_seen)],
    ["time", seconds(record.seconds)],
    ["context, tokens", count(record.context)],
    ["sequences per step", count(record.batch_size)],
    ["final loss, bits per token", fixed(bits(record.final_loss), 3)],
  ]);
}

function verdict(record) {
  const loss = bits(record.final_loss),
    floor = bits(record.final_floor ?? record.floor);
  const where = [
    record.source ? [" Trained on ", el("code", {}, legible(record.source, { spaces: false })), "."] : null,
    record.directory ? [" Saved in ", el("code", {}, legible(record.directory, { spaces: false })), "."] : null,
  ];
  if (loss === null) return el("p", {}, where);
  if (floor === null) return el("p", {}, `The loss ends at ${fixed(loss, 3)} bits per token.`, where);
  return el(
    "p",
    {},
    `The loss ends at ${fixed(loss, 3)} bits per token, ${fixed(loss - floor, 3)} bits above the floor of ` +
      `${fixed(floor, 3)} bits`,
    record.floor_label ? [" (", legible(record.floor_label, { spaces: false }), ")"] : null,
    ".",
    where,
  );
}

function curve(record, width) {
  const pad = { left: 44, right: width < 560 ? 14 : 150, top: 14, bottom: 38 },
    height = 300,
    bottom = height - pad.bottom,
    edge = width - pad.right;
  const learned = record.metrics.filter((entry) => typeof entry.loss === "number"),
    checked = record.validation.filter((entry) => typeof entry.loss === "number");
  const all = [...learned, ...checked],
    floor = bits(record.final_floor ?? record.floor);
  const last = Math.max(1, ...all.map((entry) => entry.step)),
    most = Math.max(...all.map((entry) => bits(entry.loss))) * 1.04;
  const x = (value) => pad.left + (value / last) * (edge - pad.left),
    y = (value) => bottom - (value / most) * (bottom - pad.top);
  const image = picture(
    width,
    height,
    "The loss in bits per token over the training steps; the table below has the numbers.",
  );
  image.append(...rules(ticks(0, most, 5), pad.left, edge, y));
  for (const at of ticks(0, last, width < 560 ? 3 : 6))
    image.append(
      svg("line", { class: "l", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "m", x: x(at), y: bottom + 17, "text-anchor": "middle" }, count(at)),
    );
  image.append(svg("text", { class: "m", x: edge, y: height - 4, "text-anchor": "end" }, "step →"));
  if (floor !== null) image.append(...below(record, floor, pad, edge, y));
  const along = (entries) => path(entries.map((entry) => [x(entry.step), y(bits(entry.loss))]));
  image.append(
    svg("path", { class: "i", d: along(learned), "stroke-opacity": "0.75" }),
    svg("path", { class: "i", d: along(checked), "stroke-width": 1.6 }),
  );
  checked.forEach((entry) =>
    image.append(svg("circle", { class: "box", cx: x(entry.step), cy: y(bits(entry.loss)), r: 3.2 })),
  );
  image.append(...names(learned, checked, x, y, width));
  if (floor !== null) image.append(...gap(record, floor, edge, y, width));
  return image;
}

// The region below the floor is hatched.
function below(record, floor, pad, edge, y) {
  const parts = [
    svg("line", { class: "al", x1: pad.left, x2: edge, y1: y(floor), y2: y(floor), "stroke-dasharray": "7 4" }),
  ];
  for (let at = pad.left; at < edge; at += 9)
    parts.push(svg("line", { class: "l", x1: at, x2: Math.min(edge, at + 7), y1: y(floor) + 9, y2: y(floor) + 2 }));
  // Its name is at the upper right, away from a falling loss, with a leader down to the line.
  const lines = [`floor ${fixed(floor, 2)} bits`, record.floor_label ?? ""].filter(Boolean),
    room = Math.floor((edge - pad.left) / 7),
    foot = pad.top + 8 + 15 * lines.length;
  parts.push(
    svg("line", { class: "l", x1: edge - 14, x2: edge - 14, y1: foot - 6, y2: y(floor) }),
    lines.map((line, i) =>
      svg(
        "text",
        { class: "a halo", x: edge - 8, y: pad.top + 10 + 15 * i, "text-anchor": "end" },
        line.length > room ? `${line.slice(0, room - 1)}…` : line,
      ),
    ),
  );
  return parts.flat();
}

// Each curve is named on the curve.
function names(learned, checked, x, y, width) {
  const at = (entries, share) => entries[Math.min(entries.length - 1, Math.floor(entries.length * share))];
  const parts = [];
  const label = (entry, text, dx, dy) => {
    if (entry)
      parts.push(
        svg("line", {
          class: "l",
          x1: x(entry.step),
          y1: y(bits(entry.loss)) - 4,
          x2: x(entry.step) + dx,
          y2: y(bits(entry.loss)) - dy + 4,
        }),
        svg(
          "text",
          {
            class: "halo",
            x: Math.min(x(entry.step) + dx + 2, width - 7 * text.length - 4),
            y: y(bits(entry.loss)) - dy,
          },
          text,
        ),
      );
  };
  label(at(learned, 0.06), "on the training data, each step", 24, 16);
  label(at(checked, 0.35), "○ on data held out", 26, width < 560 ? 30 : 36);
  return parts;
}

function gap(record, floor, edge, y, width) {
  const loss = bits(record.final_loss);
  if (loss === null || width < 560) return [];
  const at = edge + 10,
    difference = loss - floor;
  return [
    svg("path", { class: "al", d: `M${at - 4} ${y(loss)}h8m-4 0V${y(floor)}m-4 0h8` }),
    svg(
      "text",
      { class: "a", x: at + 10, y: (y(loss) + y(floor)) / 2 - 3, "font-weight": "600" },
      `${fixed(difference, 3)} bits`,
    ),
    svg("text", { class: "m", x: at + 10, y: (y(loss) + y(floor)) / 2 + 12 }, "above the floor"),
  ];
}

function numbers(record) {
  const steps = table(
    columnsOf(">step | >loss, nats per token | >loss, bits per token | >learning rate", ">gradient norm | >tokens"),
    record.metrics.map((entry) => [
      entry.step,
      entry.loss,
      bits(entry.loss),
      entry.learning_rate,
      entry.gradient_norm,
      entry.tokens,
    ]),
  );
  const checks = table(
    columnsOf(">step | >held-out loss, nats per token | >held-out loss, bits per token", ">floor, nats per token"),
    record.validation.map((entry) => [entry.step, entry.loss, bits(entry.loss), entry.floor ?? null]),
  );
  return twin(
    "The losses as tables",
    el(
      "div",
      {},
      hint(
        `Final loss ${exact(record.final_loss)} nats per token; floor ` +
          `${exact(record.final_floor ?? record.floor)} nats per token.`,
      ),
      checks,
      over("Every step"),
      steps,
    ),
  );
}
