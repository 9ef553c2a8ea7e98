// All runs of a sweep as a table to sort and filter, a page at a time, so that thousands stay quick.

import { choice, count, el, legible, tableBox } from "./draw.js";
import { sortHeads } from "./headgrid.js";
import { called, SHORT, shown } from "./levels.js";

const PAGE = 20;

// `values`: what can be chosen, {name: [values]}; `of(run, name)`: a run's value; choose(run): what its button does.
export function runsTable(record, values, of, choose) {
  const state = { by: -1, down: false, page: 0, only: {}, text: "" };
  const measures = record.measures.filter((measure) =>
    record.runs.some((run) => typeof run.metrics?.[measure.key] === "number"),
  );
  const columns = [
    { head: "run", n: true, key: (_, i) => i },
    { head: "prompt", w: true, key: (run) => run.prompt, text: (run) => begin(run.prompt, 34) },
    ...Object.keys(values).map((name) => ({
      head: name.replaceAll("_", " "),
      n: name !== "model",
      key: (run) => of(run, name),
      text: (run) => called(of(run, name)),
    })),
    { head: "sample", n: true, key: (run) => run.sample },
    { head: "completion", w: true, key: (run) => run.completion, text: (run) => begin(run.completion, 46) },
    ...measures.map((measure) => ({
      head: SHORT[measure.key] ?? measure.name,
      n: true,
      key: (run) => run.metrics?.[measure.key],
      text: (run) => shown(run.metrics?.[measure.key], measure),
    })),
  ];
  const body = el("tbody"),
    said = el("span", { role: "status", class: "key" });
  const { heads, mark } = sortHeads(columns, (i) => sort(i));
  const back = el("button", { type: "button", on: { click: () => turn(-1) } }, "Back"),
    on = el("button", { type: "button", on: { click: () => turn(1) } }, "Next");
  const numbers = new Map(record.runs.map((run, i) => [run, i]));
  let found = record.runs;

  function select() {
    const words = state.text.toLowerCase();
    found = record.runs.filter(
      (run) =>
        Object.entries(state.only).every(([name, value]) => of(run, name) === value) &&
        (!words || `${run.prompt}\n${run.completion}`.toLowerCase().includes(words)),
    );
    if (state.by >= 0) {
      const { key } = columns[state.by],
        sign = state.down ? -1 : 1;
      found = [...found].sort((a, b) => {
        const [x, y] = [key(a, numbers.get(a)) ?? null, key(b, numbers.get(b)) ?? null];
        if (x === null || y === null) return (x === null) - (y === null) || numbers.get(a) - numbers.get(b);
        return (
          sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y))) || numbers.get(a) - numbers.get(b)
        );
      });
    }
    state.page = 0;
    draw();
  }
  function sort(by) {
    state.down = by === state.by ? !state.down : false;
    state.by = by;
    mark(by, state.down);
    select();
  }
  function turn(by) {
    state.page = Math.max(0, Math.min(Math.ceil(found.length / PAGE) - 1, state.page + by));
    draw();
  }
  function draw() {
    const from = state.page * PAGE,
      some = found.slice(from, from + PAGE);
    said.textContent = found.length
      ? `${count(from + 1)} to ${count(from + some.length)} of ${count(found.length)} ` +
        `run${found.length === 1 ? "" : "s"}` +
        (found.length < record.runs.length ? ` (${count(record.runs.length)} in all)` : "")
      : "no run matches";
    back.disabled = state.page === 0;
    on.disabled = from + PAGE >= found.length;
    body.replaceChildren(
      ...some.map((run) =>
        el(
          "tr",
          {},
          columns.map((column, i) =>
            el(
              "td",
              { class: column.n ? "n" : column.w ? "w brief" : "brief" },
              i === 0
                ? el(
                    "button",
                    {
                      type: "button",
                      class: "sort",
                      "aria-label": `Show run ${numbers.get(run) + 1}`,
                      on: { click: () => choose(run) },
                    },
                    numbers.get(run) + 1,
                  )
                : column.w
                  ? legible(column.text(run), { spaces: false })
                  : column.text
                    ? column.text(run)
                    : called(column.key(run)),
            ),
          ),
        ),
      ),
    );
  }
  const boxes = Object.entries(values)
    .filter(([, list]) => list.length > 1)
    .map(([name, list]) => {
      const options = [["", "all"], ...list.map((value, i) => [i, called(value)])];
      const box = choice(options, (value) => {
        if (value === "") delete state.only[name];
        else state.only[name] = list[Number(value)];
        select();
      });
      return el("label", {}, name.replaceAll("_", " "), box);
    });
  const search = el("input", {
    type: "search",
    on: {
      input: () => {
        state.text = search.value;
        select();
      },
    },
  });
  select();
  return el(
    "div",
    {},
    el("div", { class: "controls" }, boxes, el("label", {}, "prompt or text has", search), said, back, on),
    tableBox(el("tr", {}, heads), body, "All runs", "scroll"),
  );
}

function begin(text, most) {
  const letters = [...String(text ?? "").slice(0, 4 * most)];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : letters.join("");
}
