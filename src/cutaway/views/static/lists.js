// Results that are lists: the files of a saved model, the shelf of models, one model's description.
import { bytes, count, el, exact, facts, heading, hint, legible, table, twin } from "./draw.js";

const FILE = [
  { head: "file", w: true },
  { head: "size", n: true },
  { head: "bytes", n: true },
];

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

export function drawModels(element, record) {
  const columns = [
    { head: "name", w: true },
    { head: "kind" },
    { head: "parameters", n: true },
    { head: "size", n: true },
    { head: "here" },
    { head: "licence" },
    { head: "source", l: true },
    { head: "what it is", l: true },
  ];
  const rows = record.models.map((model) => [
    model.name,
    model.kind,
    count(model.parameters),
    bytes(model.bytes),
    model.cached ? "yes" : "no",
    model.licence,
    model.source,
    model.description,
  ]);
  const exactly = record.models.map((model) => [model.name, model.parameters, model.bytes]);
  element.append(
    heading("The shelf of models"),
    hint("“Here” says whether the model is already on this computer, so that it needs no network."),
    table(columns, rows),
    twin(
      "Exact sizes as a table",
      table(
        [
          { head: "name", w: true },
          { head: "parameters", n: true },
          { head: "bytes", n: true },
        ],
        exactly,
      ),
    ),
  );
}

export function drawDatasets(element, record) {
  const columns = [
    { head: "name", w: true },
    { head: "of" },
    { head: "size", n: true },
    { head: "here" },
    { head: "what it is", l: true },
    { head: "licence", l: true },
    { head: "what to cite", l: true },
    { head: "comes in", l: true },
  ];
  const rows = record.datasets.map((entry) => [
    entry.name,
    entry.alphabet,
    bytes(entry.bytes),
    entry.cached ? "yes" : "no",
    entry.description,
    entry.licence,
    entry.citation,
    entry.source,
  ]);
  const exactly = record.datasets.map((entry) => [entry.name, entry.bytes]);
  element.append(
    heading("The shelf of data"),
    hint("“Here” says whether the data are already on this computer, so that they need no network."),
    table(columns, rows),
    twin(
      "Exact sizes as a table",
      table(
        [
          { head: "name", w: true },
          { head: "bytes", n: true },
        ],
        exactly,
      ),
    ),
  );
}

export function drawDataset(element, record) {
  drawModel(element, record, "Data");
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
