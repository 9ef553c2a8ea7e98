// A sweep: what each setting does to legibility in sentences and plots, texts side by side, and every run.
import { choice, columnsOf, count, el, fit, heading, legible, over, svg, table, twin } from "./draw.js";
import { called, levelsPlot, linesOf, mark, SHORT, shown } from "./levels.js";
import { runsTable } from "./runs.js";
import { sideBySide } from "./sweep_texts.js";

const TELLING = ["scorer_perplexity", "dictionary_words", "repeated_4grams", "self_bleu", "reading_ease", "finished"],
  PLOTS = 5;
const GLANCE = 24; // combinations

export function drawSweep(element, record) {
  const of = (run, name) => (name === "model" ? run.model : (run.settings?.[name] ?? null));
  const swept = Object.entries(record.swept ?? {}),
    values = Object.fromEntries(
      swept.length ? swept : [["temperature", [...new Set(record.runs.map((run) => of(run, "temperature")))]]],
    );
  element.append(heading("Sweep", record.models.map(called).join(", ")), ...sentences(record.summary));
  if (swept.length && record.effects.length) element.append(over("Legibility against each setting"), ...plots(record));
  if (!record.runs.length) return;
  const texts = sideBySide(record, values, of);
  if (swept.length) element.append(...combinations(record, Object.keys(values)));
  element.append(
    over("The same prompt, side by side"),
    texts.node,
    over("Every run"),
    runsTable(record, values, of, texts.show),
  );
}

// What was found first; the numbers it rests on smaller.
function sentences(summary) {
  return summary.map((sentence, i) =>
    el(
      "p",
      {
        class:
          i === 0 || /^(Measured|No clear|No interval|In brackets)/.test(sentence) ? "summary hint" : "summary found",
      },
      legible(sentence, { spaces: false }),
    ),
  );
}

function plots(record) {
  const known = record.measures.filter((measure) => record.effects.some((effect) => effect.measure === measure.key));
  const telling = [...TELLING, "perplexity", "distinct_2"]
    .map((key) => known.find((measure) => measure.key === key))
    .filter(Boolean)
    .slice(0, PLOTS);
  const note = el("p", { class: "hint" }),
    meanings = el("div", {}),
    keys = el("p", { class: "key" });
  let chosen = telling.length ? telling : known.slice(0, PLOTS);
  const box = fit((width) =>
    el(
      "div",
      {},
      Object.keys(record.swept).map((setting) => {
        const across = Math.max(1, Math.min(chosen.length, Math.floor((width + 16) / (146 + 16)))),
          wide = chosen.length === 1 ? Math.min(width, 620) : Math.floor((width - 16 * (across - 1)) / across);
        return el(
          "div",
          {},
          el("p", { class: "against" }, "against ", el("b", {}, setting.replaceAll("_", " "))),
          el(
            "div",
            { class: "levels" },
            chosen.map((measure) =>
              levelsPlot({
                lines: linesOf(record, setting, measure.key),
                measure,
                width: wide,
                height: chosen.length === 1 ? 260 : 160,
                title: SHORT[measure.key] ?? measure.name,
              }),
            ),
          ),
        );
      }),
    ),
  );
  const change = (i) => {
    chosen = i === "" ? telling : [known[Number(i)]];
    say();
    box.redraw();
  };
  const options = [["", "the most telling"], ...known.map((measure, i) => [i, measure.name])],
    select = choice(options, change, { class: "long" });
  function say() {
    const scorer = record.scorer ? ` The scorer is ${called(record.scorer)}.` : "";
    meanings.replaceChildren(
      ...(chosen.length === 1
        ? []
        : chosen.map((measure) =>
            el("p", { class: "hint meaning" }, el("b", {}, SHORT[measure.key] ?? measure.name), `: ${measure.meaning}`),
          )),
    );
    note.replaceChildren(
      legible(
        chosen.length === 1
          ? `${chosen[0].meaning}${/scorer/.test(chosen[0].key) ? scorer : ""}`
          : "Dots are means, lines 95 % intervals over the " +
              `${record.prompts.length > 1 ? "prompts" : "samples"}; in the accent colour: clearly other than at ` +
              `the first value${record.prompts.length > 1 ? ", prompt by prompt" : ""}. Surprise is on a ` +
              `logarithmic scale.${scorer}`,
        { spaces: false },
      ),
    );
  }
  const models = record.swept.model ?? [];
  if (models.length > 1)
    keys.append(
      ...models
        .slice(0, 4)
        .map((model, i) =>
          el(
            "span",
            {},
            svg(
              "svg",
              { width: 14, height: 12, style: { display: "inline-block" }, "aria-hidden": "true" },
              mark(i, 6, 6, `pt${i}`),
            ),
            " ",
            legible(called(model), { spaces: false }),
          ),
        ),
    );
  say();
  return [
    el("div", { class: "controls" }, el("label", {}, "measure", select), models.length > 1 ? keys : null),
    note,
    box,
    meanings,
    twin("The means with their intervals as a table", () => numbers(record)),
  ];
}

// Every combination and its means; open if they are few.
function combinations(record, names) {
  const known = record.measures.filter((measure) =>
    record.cells.some((cell) => typeof cell.means?.[measure.key] === "number"),
  );
  const columns = [
    ...names.map((name) => ({
      head: name.replaceAll("_", " "),
      n: name !== "model",
      key: (cell) => cell.settings?.[name],
      of: (cell) => called(cell.settings?.[name]),
    })),
    { head: "runs", n: true, of: (cell) => cell.runs },
    ...known.map((measure) => ({
      head: SHORT[measure.key] ?? measure.name,
      n: true,
      key: (cell) => cell.means?.[measure.key],
      of: (cell) => shown(cell.means?.[measure.key], measure),
    })),
  ];
  const rows = () =>
    table(
      columns,
      record.cells.map((cell) => columns.map((column) => column.of(cell))),
      100,
    );
  return record.cells.length <= GLANCE
    ? [over(`The ${count(record.cells.length)} combinations: means over their runs`), rows()]
    : [twin(`All ${count(record.cells.length)} combinations: means over their runs`, rows)];
}

function numbers(record) {
  const columns = [
    ...columnsOf("setting | value | model | measure"),
    ...["mean", "low", "high", "over", "change", "from", "to"].map((head) => ({ head, n: true })),
    { head: "clear" },
  ];
  return table(
    columns,
    record.effects.flatMap((effect) =>
      effect.levels.map((level) => {
        const change = effect.changes.find((one) => one.to === level.value) ?? {};
        return [
          effect.setting.replaceAll("_", " "),
          called(level.value),
          effect.model === null ? "all" : called(effect.model),
          effect.measure.replaceAll("_", " "),
          level.mean,
          level.low,
          level.high,
          level.n,
          change.change,
          change.low,
          change.high,
          change.clear === undefined ? "" : change.clear ? "yes" : "no",
        ];
      }),
    ),
    100,
  );
}
