// Measures with their intervals: panels of dots, the numbers as a table, and how they came about.
import { columnsOf, el, legible, table, twin } from "./draw.js";
import { intervalsPlot, range } from "./intervals.js";

const GAP = 28,
  LEAST = 330; // pixels between panels, and of a panel
const SIGNS = { lower: "↓", higher: "↑", test: "≈" };

export function words(text) {
  return legible(text, { spaces: false });
}

function signOf(note) {
  return Object.entries(SIGNS).find(([better]) => String(note.better).startsWith(better))?.[1] ?? "";
}

function titleOf(note) {
  return `${note.title}${note.unit && !note.title.startsWith(note.unit) ? `, ${note.unit}` : ""} ${signOf(note)}`;
}

// The model first, then the baselines that have this measure, the best first.
function entriesOf(record, note) {
  const sign = signOf(note),
    wanted = (record.baselines.exact ?? record.baselines.test)?.[note.key]?.value;
  const others = Object.entries(record.baselines)
    .filter(([, measured]) => measured[note.key])
    .map(([name, measured]) => ({ name, own: false, measured: measured[note.key] }));
  const worth = ({ measured: { value } }) => {
    if (typeof value !== "number") return Infinity;
    return sign === "≈" ? Math.abs(value - wanted) : sign === "↓" ? value : -value;
  };
  others.sort((a, b) => (worth(a) === worth(b) ? 0 : worth(a) - worth(b)));
  return [{ name: record.model, own: true, measured: record.metrics[note.key] }, ...others];
}

export function panels(record, width) {
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

// All measures of all, and what each means. `differences` has the model minus the best baseline, by measure.
export function measuresTable(record, differences = {}) {
  const compared = Object.keys(differences).length > 0;
  const rows = record.about.flatMap((note) =>
    entriesOf(record, note).map((entry) => {
      const gap = entry.name === differences[note.key]?.baseline ? differences[note.key] : null;
      const numbers = [note.title, entry.name, entry.measured.value, entry.measured.low, entry.measured.high];
      return compared ? [...numbers, gap ? gap.value : "", gap ? range(gap) : ""] : numbers;
    }),
  );
  const columns = columnsOf("measure | by | >value | >low | >high | >model minus the best baseline", "its interval");
  return twin(
    "The measures as a table",
    el(
      "div",
      {},
      table(compared ? columns : columns.slice(0, 5), rows),
      el(
        "dl",
        { class: "pairs" },
        record.about.map((note) => [el("dt", {}, note.title), el("dd", {}, words(note.meaning))]),
      ),
    ),
  );
}

export function howMeasured(record) {
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
