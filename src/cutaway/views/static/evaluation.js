// A model's measures with their intervals beside baselines on the same records; for labels whether its probabilities
// come true, for numbers each record's.
import { columnsOf, count, el, facts, fit, heading, hint, legible, over, table, twin } from "./draw.js";
import { intervalsPlot, range } from "./intervals.js";
import { binRows, reliabilityPlot, scatterPlot } from "./reliability.js";

const OBJECTIVES = {
  causal: "next tokens",
  masked: "masked tokens",
  seq2seq: "one text to another",
  classes: "labels",
  many: "several labels",
  numbers: "numbers",
};
const GAP = 28,
  LEAST = 330; // pixels between panels, and of a panel

export function drawEvaluation(element, record) {
  const objective = Object.entries(OBJECTIVES).find(([name]) => String(record.objective).startsWith(name));
  element.append(
    heading(`Evaluation${objective ? ` · ${objective[1]}` : ""}`, record.model),
    el("p", { class: "summary found" }, words(record.verdict)),
    summary(record),
    over("Measures, with 95 % intervals"),
    el(
      "p",
      { class: "hint" },
      "The model comes first; its interval is shaded through all rows. ↓ lower is better, ↑ higher is better.",
    ),
    fit((width) => panels(record, width)),
    measures(record),
  );
  if (record.calibration.length) element.append(...calibration(record));
  if (record.confusion.length) element.append(...confusion(record));
  if (record.points.length) element.append(...numbers(record));
  element.append(how(record));
}

function words(text) {
  return legible(text, { spaces: false });
}

function summary(record) {
  const counts = record.counts;
  return facts([
    ["data", words(record.data)],
    [record.units, count(record.n)],
    ["tokens", count(counts.tokens)],
    [`${record.symbol}s`, count(counts.symbols)],
    ["records that baselines learned from", count(counts["train records"])],
  ]);
}

function titleOf(note) {
  return `${note.title}${note.unit && !note.title.startsWith(note.unit) ? `, ${note.unit}` : ""} ${arrow(note)}`;
}

function arrow(note) {
  return String(note.better).startsWith("lower") ? "↓" : "↑";
}

// The model first, then the baselines that have this measure, the best first.
function entriesOf(record, note) {
  const sign = arrow(note) === "↓" ? 1 : -1;
  const others = Object.entries(record.baselines)
    .filter(([, measured]) => measured[note.key])
    .map(([name, measured]) => ({ name, own: false, measured: measured[note.key] }));
  const worth = (entry) => (typeof entry.measured.value === "number" ? sign * entry.measured.value : Infinity);
  others.sort((a, b) => (worth(a) === worth(b) ? 0 : worth(a) - worth(b)));
  return [{ name: record.model, own: true, measured: record.metrics[note.key] }, ...others];
}

function panels(record, width) {
  const across = Math.max(1, Math.min(3, record.about.length, Math.floor((width + GAP) / (LEAST + GAP)))),
    wide = Math.floor((width - GAP * (across - 1)) / across);
  return el(
    "div",
    { class: "levels", style: { gap: `16px ${GAP}px` } },
    record.about.map((note) =>
      intervalsPlot({
        title: titleOf(note),
        entries: entriesOf(record, note),
        width: Math.max(wide, 240),
        log: /^bits|perplexity$/.test(note.key),
      }),
    ),
  );
}

function measures(record) {
  const rows = record.about.flatMap((note) =>
    entriesOf(record, note).map((entry) => {
      const gap = entry.name === record.differences[note.key]?.baseline ? record.differences[note.key] : null;
      return [
        note.title,
        entry.name,
        entry.measured.value,
        entry.measured.low,
        entry.measured.high,
        gap ? gap.value : "",
        gap ? range(gap) : "",
      ];
    }),
  );
  return twin(
    "The measures as a table",
    el(
      "div",
      {},
      table(columnsOf("measure | by | >value | >low | >high | >model minus the best baseline", "its interval"), rows),
      el(
        "dl",
        { class: "pairs" },
        record.about.map((note) => [el("dt", {}, note.title), el("dd", {}, words(note.meaning))]),
      ),
    ),
  );
}

function calibration(record) {
  return [
    over("Do its probabilities come true?"),
    hint("On the diagonal they do. Below it the model is too sure, above it not sure enough."),
    fit((width) => reliabilityPlot(record.calibration, width)),
    twin(
      "The probabilities as a table",
      table(columnsOf("probability | >records | >its mean | >share that came true"), binRows(record.calibration)),
    ),
  ];
}

function confusion(record) {
  const names = record.labels.map((name) => String(name));
  return [
    over("What it takes for what"),
    table(
      [{ head: "true label ↓, guessed →", w: true }, ...names.map((head) => ({ head, n: true }))],
      record.confusion.map((row, i) => [names[i], ...row]),
    ),
  ];
}

function numbers(record) {
  return [
    over("Each record"),
    hint("On the diagonal the model is right."),
    fit((width) => scatterPlot(record.points, width)),
    twin("The records as a table", () =>
      table(
        columnsOf("`record | >true number | >what the model says"),
        record.points.map((point) => [point.id, point.truth, point.predicted]),
      ),
    ),
  ];
}

function how(record) {
  return el(
    "details",
    { class: "twin" },
    el("summary", {}, "How it was measured"),
    el(
      "dl",
      { class: "pairs" },
      Object.entries(record.made).map(([name, made]) => [el("dt", {}, words(name)), el("dd", {}, words(made))]),
    ),
    record.notes.map((note) => el("p", { class: "hint" }, words(note))),
  );
}
