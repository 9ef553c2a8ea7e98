// What the statistics say of every head, as a table that sorts, filters by role, and chooses the head of its row.
import { choice, el, hint, table } from "./draw.js";
import { meanings } from "./terms.js";

const COLUMNS = [
  ["role", "role"],
  ["certainty", "certainty"],
  ["entropy_bits", "entropy, bits"],
  ["distance", "mean distance, tokens"],
  ["sink", "first token"],
  ["current", "itself"],
  ["previous", "previous"],
  ["next", "next"],
  ["duplicate", "same token before"],
  ["induction", "after the same token"],
  ["received", "largest share received"],
  ["received_position", "by position"],
];

export function scoreOf(stack, layer, head) {
  return (
    (stack.scores ?? []).find((row) => row.layer === stack.layers[layer] && row.head === stack.heads[head]) ?? null
  );
}

// sort: {key, way, role}, kept by the caller while the table is closed. Returns the table and `mark`, which marks the
// row of the head in focus.
export function scoresTable(figure, sort) {
  const { stack } = figure.now(),
    rows = stack.scores ?? [],
    shown = COLUMNS.filter(([key]) => rows.some((row) => row[key] !== null && row[key] !== undefined));
  const roles = [...new Set(rows.map((row) => row.role).filter(Boolean))].sort(),
    box = el("div");
  const select = choice([["", "every role"], ...roles.map((role) => [role, role])], (role) => {
    sort.role = role;
    draw();
  });
  select.value = sort.role ?? "";
  function draw() {
    const order = (row) => (sort.key === "head" ? row.layer * 1e4 + row.head : row[sort.key]);
    const wanted = rows
      .filter((row) => !sort.role || row.role === sort.role)
      .sort((a, b) => {
        const [x, y] = [order(a), order(b)];
        if (typeof x !== "number" && typeof x !== "string")
          return typeof y === "number" || typeof y === "string" ? 1 : 0;
        if (typeof y !== typeof x) return -1;
        return (x < y ? -1 : x > y ? 1 : 0) * sort.way;
      });
    const by = (key, text) =>
      el(
        "button",
        {
          type: "button",
          class: "plain",
          "aria-pressed": String(sort.key === key),
          on: {
            click: () => {
              sort.way = sort.key === key ? -sort.way : key === "head" || key === "role" ? 1 : -1;
              sort.key = key;
              draw();
              box.querySelector(`[data-key="${key}"]`)?.focus();
            },
          },
          "data-key": key,
        },
        text,
        sort.key === key ? (sort.way > 0 ? " ↑" : " ↓") : "",
      );
    const choose = (row) =>
      el(
        "button",
        {
          type: "button",
          class: "plain",
          on: {
            click: () =>
              figure.move({
                layer: Math.max(0, stack.layers.indexOf(row.layer)),
                head: Math.max(0, stack.heads.indexOf(row.head)),
                extra: [],
                mean: "",
              }),
          },
        },
        `${row.layer}.${row.head}`,
      );
    box.replaceChildren(
      el("div", { class: "controls" }, el("label", {}, "role", select), `${wanted.length} of ${rows.length} heads`),
      table(
        [{ head: by("head", "head") }, ...shown.map(([key, text]) => ({ head: by(key, text), n: key !== "role" }))],
        wanted.map((row) => [choose(row), ...shown.map(([key]) => row[key])]),
      ),
    );
    mark();
  }
  function mark() {
    const { state } = figure.now(),
      now = `${stack.layers[state.layer]}.${stack.heads[state.head]}`;
    box.querySelectorAll("tbody tr").forEach((line) => {
      if (line.cells[0].textContent === now) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    });
  }
  draw();
  const node = el(
    "div",
    {},
    hint(
      "Each number is the mean weight on that position, from 0 to 1, over the positions where it is defined; " +
        "certainty is the share of positions at which the role holds.",
    ),
    meanings("role", "entropy of a head", "mean distance", "first token", "same token before", "induction"),
    box,
  );
  return { node, mark };
}
