// A model's measures with their intervals beside baselines on the same records; for labels whether its probabilities
// come true, for numbers each record's.
import { columnsOf, count, el, facts, fit, heading, hint, legible, over, table, twin } from "./draw.js";
import { howMeasured, measuresTable, panels, words } from "./measures.js";
import { binRows, reliabilityPlot, scatterPlot } from "./reliability.js";

const OBJECTIVES = {
  causal: "next tokens",
  masked: "masked tokens",
  seq2seq: "one text to another",
  classes: "labels",
  many: "several labels",
  numbers: "numbers",
  forecasts: "forecasts",
};

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
    measuresTable(record, record.differences),
  );
  if (record.calibration.length) element.append(...calibration(record));
  if (record.confusion.length) element.append(...confusion(record));
  if (record.points.length) element.append(...numbers(record));
  if (record.texts.length) element.append(...texts(record));
  element.append(howMeasured(record));
}

function summary(record) {
  const counts = record.counts;
  return facts([
    ["data", words(record.data)],
    [record.units, count(record.n)],
    [record.objective === "forecasts" ? "tokens drawn" : "tokens", count(counts.tokens)],
    [`${record.symbol}s`, count(counts.symbols)],
    counts["train records"] === undefined
      ? null
      : ["records that baselines learned from", count(counts["train records"])],
  ]);
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

function texts(record) {
  const cell = (text) => el("span", {}, legible(text, { spaces: false }));
  return [
    over("What it writes"),
    hint(`The first ${count(record.texts.length)} records, as they are; a hash says which come first.`),
    table(
      columnsOf("~text | ~target | ~what the model writes"),
      record.texts.map((one) => [cell(one.source), cell(one.target), cell(one.written)]),
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
