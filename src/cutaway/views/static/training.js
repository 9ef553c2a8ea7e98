// A run of training: its losses and their floor, how it went, what the model wrote, what was read and decided.

import { chart } from "./chart.js";
import {
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
  percent,
  seconds,
  table,
  twin,
} from "./draw.js";
import { liveLine } from "./live.js";
import { lossCurve, lossUnit } from "./loss_curve.js";
import { samplesByStep } from "./run_samples.js";
import { meanings } from "./terms.js";

export function drawTraining(element, record) {
  const unit = lossUnit(record.objective),
    some = record.every > 1 ? `; each point stands for ${count(record.every)} steps` : "";
  element.append(
    heading(`Training · ${record.architecture ?? ""}`, record.name),
    record.live ? liveLine(record) : "",
    summary(record, unit),
    over(`Loss, ${unit.name}${some}`),
  );
  const points = [...record.metrics, ...record.validation].filter((entry) => typeof entry.loss === "number");
  if (points.length) element.append(fit((width) => lossCurve(record, width)));
  element.append(
    verdict(record, unit),
    meanings(
      "loss",
      ...(typeof (record.final_floor ?? record.floor) === "number" ? ["floor"] : []),
      ...(Object.keys(record.baselines ?? {}).length ? ["guesses"] : []),
      "parameters",
      "learning rate",
      "gradient norm",
    ),
    numbers(record, unit),
    course(record) ?? "",
    samplesByStep(record) ?? "",
    ...origins(record),
  );
}

function summary(record, unit) {
  return facts([
    ["parameters", count(record.parameters)],
    ["predictions", count(record.tokens_seen)],
    ["time", seconds(record.seconds)],
    ["context, tokens", count(record.context)],
    ["sequences per step", count(record.batch_size)],
    [`${record.live ? "latest" : "final"} loss, ${unit.name}`, fixed(unit.of(record.final_loss), 3)],
    ...(typeof record.bits_per_symbol === "number" &&
    fixed(record.bits_per_symbol, 3) !== fixed(unit.of(record.final_loss), 3)
      ? [["bits per letter or number", fixed(record.bits_per_symbol, 3)]]
      : []),
  ]);
}

function verdict(record, unit) {
  const loss = unit.of(record.final_loss),
    floor = unit.of(record.final_floor ?? record.floor);
  const where = [
    record.source ? [" Trained on ", el("code", {}, legible(record.source, { spaces: false })), "."] : null,
    record.directory ? [" Saved in ", el("code", {}, legible(record.directory, { spaces: false })), "."] : null,
  ];
  if (loss === null) return el("p", {}, where);
  const ends = record.live ? "The loss is now" : "The loss ends at";
  if (floor === null) return el("p", {}, `${ends} ${fixed(loss, 3)} ${unit.name}.`, where);
  return el(
    "p",
    {},
    `${ends} ${fixed(loss, 3)} ${unit.name}, ${fixed(loss - floor, 3)} ${unit.short} above the floor of ` +
      `${fixed(floor, 3)} ${unit.short}`,
    record.floor_label ? [" (", legible(record.floor_label, { spaces: false }), ")"] : null,
    ".",
    where,
  );
}

const COURSE = [
  ["learning_rate", "Learning rate"],
  ["gradient_norm", "Gradient norm, before clipping"],
  ["tokens_per_second", "Speed, predictions per second"],
];

// How the run went beside its loss, over the same steps.
function course(record) {
  const cards = COURSE.flatMap(([key, name]) => {
    const points = record.metrics.filter((entry) => typeof entry[key] === "number").map((e) => [e.step, e[key]]);
    if (points.length < 2) return [];
    const label = `${name} over the training steps; the table above has the numbers.`;
    return el(
      "div",
      {},
      el("p", { class: "over" }, name),
      fit((width) => chart([{ points }], width, { label, x: "step" }).image),
    );
  });
  return cards.length ? el("div", {}, over("How it went"), el("div", { class: "cards" }, cards)) : null;
}

const STEP =
  ">step | >loss, nats | >loss, bits | >learning rate | >gradient norm | >predictions | >predictions per second";

function numbers(record, unit) {
  const inBits = unit.short === "bits",
    columns = (heads) => columnsOf(inBits ? heads : heads.replace("loss, nats | >loss, bits", "loss"));
  const losses = (loss) => (inBits ? [loss, unit.of(loss)] : [loss]);
  const steps = table(
    columns(STEP),
    record.metrics.map((entry) => [
      entry.step,
      ...losses(entry.loss),
      entry.learning_rate,
      entry.gradient_norm,
      entry.tokens,
      entry.tokens_per_second,
    ]),
  );
  const checks = table(
    columns(">step | >loss, nats | >loss, bits | >floor | >bits per letter or number"),
    record.validation.map((entry) => [
      entry.step,
      ...losses(entry.loss),
      entry.floor ?? null,
      entry.bits_per_symbol ?? null,
    ]),
  );
  const guesses = Object.entries(record.baselines ?? {}).map(([name, loss]) => `${name} ${exact(loss)}`);
  return twin(
    "The losses as tables",
    el(
      "div",
      {},
      hint(
        `Final loss ${exact(record.final_loss)} ${inBits ? "nats " : ""}per prediction; floor ` +
          `${exact(record.final_floor ?? record.floor)}${guesses.length ? `; guesses: ${guesses.join(", ")}` : ""}.`,
      ),
      over("On data held out"),
      checks,
      over(record.every > 1 ? `Every ${count(record.every)} steps: mean loss, largest gradient` : "Every step"),
      steps,
    ),
  );
}

// What was read and what was decided, as pairs of names and values.
function origins(record) {
  const data = record.data ?? {};
  const { counts = {}, rows = {}, train, held_out: held, leak = {} } = data;
  const read = [
    ["source", record.source],
    ["alphabet", data.alphabet],
    ...Object.entries(counts)
      .filter(([name, value]) => value || name === "records")
      .map(([name, value]) => [name, count(value)]),
    ["trained on", train ? part(train) : null],
    ["held out", held ? part(held) : null],
    ...Object.entries(leak).map(([how, share]) => [
      `leak, split ${how}`,
      `${percent(share)} of the held-out records have a near-duplicate in training`,
    ]),
    ["rows", data.layout ? (data.layout === "packed" ? "several records each" : "one record each") : null],
    ["rows per epoch", rows.rows ? count(rows.rows) : null],
    ...["records split", "records cut", "tokens cut off"].map((name) => [name, rows[name] ? count(rows[name]) : null]),
    ["places filled", typeof rows.filled === "number" && data.layout === "packed" ? percent(rows.filled) : null],
  ];
  const decided = [
    ["objective", record.objective],
    ["vocabulary, tokens", count(record.vocab_size)],
    ["trained parameters", record.trained_parameters === record.parameters ? "all" : count(record.trained_parameters)],
    ["processes × threads", record.ranks ? `${count(record.ranks)} × ${count(record.threads)}` : null],
    ["precision", record.precision],
    ["attention", record.attention],
    ["rows computed at once", count(record.micro_batch)],
    ["optimizer", record.optimizer],
    ["highest learning rate", exact(record.peak_learning_rate)],
    ["the clock shortened the run from step", record.hurried_at === null ? null : count(record.hurried_at)],
    ["resumed after step", record.resumed_at === null ? null : count(record.resumed_at)],
    ["best held-out loss at step", count(record.best_step)],
    ["ran until", record.live ? null : record.stopped],
  ];
  const list = (title, pairs) => {
    const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "–");
    return known.length > 1
      ? el(
          "div",
          {},
          over(title),
          el(
            "dl",
            { class: "pairs" },
            known.map(([name, value]) => [el("dt", {}, name), el("dd", {}, legible(value, { spaces: false }))]),
          ),
        )
      : null;
  };
  const both = [list("What was read", read), list("How it was trained", decided)].filter(Boolean);
  return both.length ? [el("div", { class: "cards halves" }, both)] : [];
}

function part({ records, tokens }) {
  return `${count(records)} ${records === 1 ? "record" : "records"}, ${count(tokens)} tokens`;
}
