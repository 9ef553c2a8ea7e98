// What a model says of records: numbers with their intervals, or labels with their probabilities, and what to distrust.
import { bars, columnsOf, count, facts, fit, heading, hint, legible, over, percent, table } from "./draw.js";
import { intervalsPlot, shown } from "./intervals.js";

const MOST = 40; // records drawn; the table has all

export function drawPrediction(element, record) {
  const { records, refused } = record,
    numbers = record.objective === "numbers",
    drawn = records.slice(0, MOST);
  element.append(
    heading(numbers ? "Prediction · numbers" : "Prediction · labels", record.model),
    facts([
      ["records", count(records.length)],
      refused.length ? ["refused", count(refused.length)] : null,
      ["made of", record.alphabet],
      numbers
        ? ["a number is", words([record.quantity || "what the model learned", record.unit].filter(Boolean).join(", "))]
        : null,
      typeof record.level === "number" ? ["intervals", percent(record.level)] : null,
    ]),
    over(
      numbers
        ? words([record.quantity || "number", record.unit].filter(Boolean).join(", "))
        : "Label and its probability",
    ),
    numbers
      ? fit((width) => intervalsPlot({ title: "", entries: drawn.map((one) => entry(one, records.length)), width }))
      : bars(
          drawn.map((one) => ({
            name: nameOf(one, records.length),
            spaces: false,
            value: one.score,
            text: `${one.label ? plainly(one.label) : "none"} ${percent(one.score)}`,
          })),
          1,
          { long: true },
        ),
  );
  if (drawn.length < records.length)
    element.append(hint(`The first ${count(drawn.length)} of ${count(records.length)} are drawn; the table has all.`));
  element.append(all(record, numbers));
  const doubtful = records.filter((one) => one.warnings.length);
  if (doubtful.length)
    element.append(
      over(`To distrust: ${count(doubtful.length)} of ${count(records.length)}`),
      table(
        columnsOf("`record | ~why"),
        doubtful.map((one) => [words(one.sequence), words(one.warnings.join("; "))]),
      ),
    );
  if (refused.length)
    element.append(
      over(`Refused: ${count(refused.length)}`),
      table(
        columnsOf("`record | ~why"),
        refused.map((one) => [words(one.sequence || one.id), words(one.why)]),
      ),
    );
  element.append(...record.notes.map((note) => hint(words(note))));
}

function entry(one, many) {
  return { name: nameOf(one, many), own: many === 1, measured: { value: one.number, low: one.low, high: one.high } };
}

// The sequence, with the name that a file gives it.
function nameOf(one, many) {
  return plainly(many > 1 && !/^\d+$/.test(one.id) ? `${one.id} ${one.sequence}` : one.sequence);
}

function words(text) {
  return legible(String(text), { spaces: false });
}

// The same as a text.
function plainly(text) {
  return words(text).textContent;
}

function all(record, numbers) {
  const near = record.records.some((one) => typeof one.similarity === "number");
  const heads = [
    "record",
    "`sequence",
    ...(numbers
      ? [">number", ">low", ">high"]
      : ["label", ">probability", ...record.labels.map((name) => `>p(${plainly(name)})`)]),
    ...(near ? [">similarity", ">nearest record has"] : []),
  ];
  return table(
    columnsOf(heads.join(" | ")),
    record.records.map((one) => [
      words(one.id),
      words(one.sequence),
      ...(numbers
        ? [one.number, one.low, one.high].map(shown)
        : [words(one.label), ...[one.score, ...one.probabilities].map(shown)]),
      ...(near ? [shown(one.similarity), words(one.nearest ?? "")] : []),
    ]),
  );
}
