// Records that a model wrote, measured beside records of known worth; the first of them as they are.
import { count, el, facts, fit, heading, over } from "./draw.js";
import { howMeasured, measuresTable, panels, words } from "./measures.js";

export function drawSampleEvaluation(element, record) {
  const counts = record.counts;
  element.append(
    heading("Evaluation · written records", record.model),
    el("p", { class: "summary found" }, words(record.verdict)),
    facts([
      ["records", count(record.n)],
      ["where from", words(record.source)],
      ["compared with", words(record.data)],
      ["test records", count(counts["test records"])],
      ...(counts["train records"] ? [["records it learned from", count(counts["train records"])]] : []),
    ]),
    over("Measures, with 95 % intervals"),
    el(
      "p",
      { class: "hint" },
      "The records of the model come first; their interval is shaded through all rows. ↓ lower is better, " +
        "↑ higher is better, ≈ best near the value of the test records.",
    ),
    fit((width) => panels(record, width)),
    measuresTable(record),
  );
  if (record.examples.length)
    element.append(
      over("The first records, as they are"),
      el(
        "ol",
        { class: "written" },
        record.examples.map((one) => el("li", {}, el("code", {}, words(one)))),
      ),
    );
  element.append(howMeasured(record));
}
