// How the loss changes when one head is switched off. The colour scale has 0, no change, in its middle.
import { bars, count, el, facts, fixed, heading, hint, over, ramp, readout, twin } from "./draw.js";
import { headGrid, quoted, shadeKey, sortedTable } from "./headgrid.js";
import { onTheme } from "./lifetime.js";
import { meanings } from "./terms.js";

const METHODS = { zero: "its output set to zero", mean: "its output set to its mean over the text" };
// A head with at least this share of the largest change shows its sign as a character, too.
const SEEN = 0.05,
  BARS = 10;

export function drawAblation(element, record) {
  const columns = Array.from({ length: record.layers }, (_, i) => ({ name: String(i), first: false })),
    rows = Array.from({ length: record.heads_per_layer }, (_, i) => String(i));
  const at = new Map(record.heads.map((entry) => [`${entry.layer} ${entry.head}`, entry]));
  const known = record.heads.filter((entry) => typeof entry.change === "number"),
    most = known.reduce((best, entry) => Math.max(best, Math.abs(entry.change)), 0) || 1;
  const state = { paint: ramp("d"), column: 0, row: 0 },
    line = readout(),
    box = el("div");
  const grid = headGrid({
    columns,
    rows,
    label: "All heads, layers across; arrow keys choose one",
    pick: (column, row) => choose(column, row),
    cell: (column, row) => {
      const change = at.get(`${column} ${row}`)?.change;
      if (typeof change !== "number") return null;
      return {
        rgb: state.paint(0.5 + (Math.sign(change) * Math.sqrt(Math.abs(change) / most)) / 2),
        letter: Math.abs(change) < SEEN * most ? "" : change > 0 ? "+" : "−",
      };
    },
  });
  const ranked = [...known].sort((a, b) => b.change - a.change);
  function choose(column, row) {
    const entry = at.get(`${column} ${row}`);
    if (!entry) return;
    Object.assign(state, { column, row });
    grid.mark(column, row);
    line.replaceChildren(...describe(entry));
    box.replaceChildren(
      bars(
        leading(ranked).map((one) => ({
          name: `${one.layer}.${one.head}`,
          value: one.change,
          text: signed(one.change),
          chosen: one === entry,
        })),
      ),
    );
  }
  onTheme(element, () => {
    state.paint = ramp("d");
    grid.draw();
  });
  element.append(
    heading("Ablation", record.model),
    hint(
      `Each of ${count(record.heads.length)} heads was switched off alone ` +
        `(${METHODS[record.method] ?? record.method}), and the text was scored again. +: the loss is higher ` +
        "without the head; −: it is lower.",
    ),
    facts([
      ["loss with all heads", `${fixed(record.loss, 3)} nats/token`],
      ["tokens", count(record.tokens.length)],
    ]),
    meanings("loss"),
    quoted(record.text),
    grid.node,
    shadeKey(`${signed(-most)}`, `${signed(most)}`, "nats per token (the shade grows with the square root)", "both"),
    known.length < columns.length * rows.length ? hint("Empty places: heads that were not switched off.") : "",
    line,
  );
  if (ranked.length) element.append(over("Largest changes of the loss, nats per token"), box);
  element.append(
    twin("All heads as a table that sorts", () =>
      sortedTable(record.heads, TABLE, (entry) => {
        choose(entry.layer, entry.head);
        grid.node.focus();
      }),
    ),
  );
  grid.draw();
  if (ranked.length) choose(ranked[0].layer, ranked[0].head);
}

const TABLE = [
  { head: "head", of: (entry) => `${entry.layer}.${entry.head}`, key: (entry) => entry.layer * 1e4 + entry.head },
  { head: "change, nats per token", n: true, of: (entry) => entry.change },
  { head: "loss without it, nats per token", n: true, of: (entry) => entry.loss },
];

function signed(value) {
  return `${value > 0 ? "+" : ""}${fixed(value, 3)}`;
}

// The heads with the largest changes up and down.
function leading(ranked) {
  if (ranked.length <= BARS) return ranked;
  const down = ranked.slice(-3).filter((entry) => entry.change < 0);
  return [...ranked.slice(0, BARS - down.length), ...down];
}

function describe(entry) {
  const [loss, change] = [entry.loss, entry.change];
  const verdict =
    change > 0
      ? `${fixed(change, 3)} more: the text becomes exp(${fixed(change, 3)}) = ${fixed(Math.exp(change), 2)} ` +
        "times as perplexing"
      : change < 0
        ? `${fixed(-change, 3)} less: the model predicts this text better without it`
        : "the same as with it";
  return [
    el("b", {}, `Head ${entry.layer}.${entry.head}`),
    `: without it the loss is ${fixed(loss, 3)} nats per token, ${verdict}.`,
  ];
}
