// Results that are lists: a saved model's files, the shelves, one model's description, what a machine offers.
import { bytes, columnsOf, count, el, exact, facts, heading, hint, legible, table, twin } from "./draw.js";

const FILE = columnsOf("`file | >size | >bytes");

function files(list) {
  return table(
    FILE,
    list.map((file) => [file.name, bytes(file.bytes), file.bytes]),
  );
}

export function drawSaved(element, record) {
  const same = record.max_abs_difference === 0;
  const verdict =
    typeof record.max_abs_difference !== "number"
      ? "The saved model was not compared with the one in memory."
      : same
        ? `Loaded again and run on ${count(record.probe_tokens)} tokens, it gives the same logits to the last bit.`
        : `Loaded again and run on ${count(record.probe_tokens)} tokens, its logits differ by at most ` +
          `${exact(record.max_abs_difference)}.`;
  element.append(
    heading("Saved model", record.model),
    facts([
      ["on disk", bytes(record.bytes)],
      ["files", count(record.files.length)],
      ["largest difference of a logit", exact(record.max_abs_difference)],
    ]),
    el("p", {}, "In ", el("code", {}, legible(record.directory, { spaces: false })), ". ", verdict),
    files(record.files),
  );
}

// A shelf: what is on it, and the exact sizes.
function shelf(element, what, here, columns, rows, exactly) {
  element.append(
    heading(`The shelf of ${what}`),
    hint(`“Here” says whether ${here} already on this computer, so that no network is needed.`),
    table(columns, rows),
    twin("Exact sizes as a table", exactly),
  );
}

export function drawModels(element, record) {
  shelf(
    element,
    "models",
    "the model is",
    columnsOf("`name | domain | task | kind | >parameters | >size | here | licence | ~source | ~what it is"),
    record.models.map((model) => [
      model.name,
      model.domain,
      model.task,
      model.kind,
      count(model.parameters),
      bytes(model.bytes),
      model.built_in ? "built in" : model.cached ? "yes" : "no",
      model.licence,
      model.source,
      model.description,
    ]),
    table(
      columnsOf("`name | >parameters | >bytes"),
      record.models.map((model) => [model.name, model.parameters, model.bytes]),
    ),
  );
}

export function drawDatasets(element, record) {
  shelf(
    element,
    "data",
    "the data are",
    columnsOf("`name | of | >size | here | ~what it is | ~licence | ~what to cite | ~comes in"),
    record.datasets.map((entry) => [
      entry.name,
      entry.alphabet,
      bytes(entry.bytes),
      entry.cached ? "yes" : "no",
      entry.description,
      entry.licence,
      entry.citation,
      entry.source,
    ]),
    table(
      columnsOf("`name | >bytes"),
      record.datasets.map((entry) => [entry.name, entry.bytes]),
    ),
  );
}

export function drawDataset(element, record) {
  drawModel(element, record, "Data");
}

// What a machine offers, a table for each topic.
export function drawDoctor(element, record) {
  const many = record.problems;
  element.append(heading("This machine"), el("p", {}, many ? `${count(many)} to solve.` : "No problems."));
  for (const topic of new Set(record.findings.map((one) => one.topic))) {
    const rows = record.findings.filter((one) => one.topic === topic);
    element.append(
      el("p", { class: "over" }, topic),
      table(
        columnsOf("name | state | ~found | ~what to do"),
        rows.map((one) => [one.name, one.state === "good" ? "ok" : one.state, one.value, one.advice]),
      ),
    );
  }
}

export function drawModel(element, record, kind = "Model") {
  const pairs = Object.entries(record).filter(([key]) => !["schema", "caption", "files"].includes(key));
  const list = el(
    "dl",
    { class: "pairs" },
    pairs.map(([key, value]) => [el("dt", {}, key.replaceAll("_", " ")), el("dd", {}, described(key, value))]),
  );
  element.append(heading(kind, record.name), list);
  if (Array.isArray(record.files) && record.files.length)
    element.append(el("p", { class: "over" }, "files"), files(record.files));
}

function described(key, value) {
  if (value === null || value === undefined) return "–";
  if (key === "bytes" && typeof value === "number") return `${bytes(value)} (${count(value)} bytes)`;
  if (typeof value === "number") return Number.isInteger(value) ? count(value) : exact(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "object") return el("code", {}, JSON.stringify(value));
  return legible(value, { spaces: false, breaks: true });
}
