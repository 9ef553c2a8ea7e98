// What each layer would have said: layers × tokens, embeddings at the bottom, the model's own output at the top.
// The grid is drawn through a window: only the columns in sight are on the canvas, however long the text.
import {
  choice,
  colour,
  count,
  el,
  facts,
  fit,
  heading,
  hint,
  over,
  percent,
  plain,
  readout,
  STEPS,
  short,
  twin,
} from "./draw.js";
import { drawCells, drawStrip } from "./lens_grid.js";
import { describe, drawGuesses, drawNumbers, drawPath, nameOf } from "./lens_token.js";
import { onTheme } from "./lifetime.js";
import { meanings } from "./terms.js";

// What a cell's shade can say. `share` takes a value to 0 … 1, `at` takes it back for the key: a stronger shade is
// surer.
const QUANTITIES = [
  {
    label: "probability of its top token, %",
    of: (cell) => cell.top[0]?.probability,
    share: (v) => v,
    at: (s) => s,
    text: (v) => String(Math.round(100 * v)),
  },
  {
    label: "probability of the output's answer, %",
    of: (cell) => cell.answer_probability,
    share: (v) => v,
    at: (s) => s,
    text: (v) => String(Math.round(100 * v)),
  },
  {
    label: "entropy, bits",
    of: (cell) => cell.entropy_bits,
    share: (v, most) => 1 - v / most,
    at: (s, most) => (1 - s) * most,
    text: (v) => v.toFixed(1),
  },
  {
    label: "KL divergence to the output, bits",
    of: (cell) => cell.kl_bits,
    share: (v, most) => 1 - Math.log1p(v) / Math.log1p(most),
    at: (s, most) => Math.expm1((1 - s) * Math.log1p(most)),
    text: (v) => v.toFixed(v < 9.95 ? 1 : 0),
  },
  {
    label: "rank of the real token",
    of: (cell) => cell.target?.rank,
    share: (v, most) => 1 - Math.log(v) / Math.log(most),
    at: (s, most) => most ** (1 - s),
    text: (v) => (v < 9999.5 ? String(Math.round(v)) : short(Math.round(v))),
  },
];

export function drawLens(element, record) {
  const { tokens, positions, grid, settled } = record,
    last = grid.length - 1,
    size = positions.length;
  const state = { layer: last, column: size <= 40 ? size - 1 : 10, quantity: 0, shades: null };
  const measured = QUANTITIES.map((quantity) => measure(grid, quantity));
  const line = readout(),
    key = el("p", { class: "key" });
  const cells = drawCells(record, state, () => measured[state.quantity], move);
  const strip = drawStrip(record, () => measured[state.quantity], cells, move);
  const guesses = el("div"),
    path = fit((width) => drawPath(record, state, width, move));
  const numbers = twin("The chosen position as a table", () => drawNumbers(record, state));
  const change = (i) => {
    state.quantity = Number(i);
    repaint();
  };
  const labels = QUANTITIES.map((quantity) => quantity.label),
    box = choice([...labels.entries()], change, { style: { "max-width": "100%" } });
  function move(change) {
    Object.assign(state, change);
    state.layer = clamp(state.layer, grid.length);
    state.column = clamp(state.column, size);
    cells.reveal();
    refresh();
  }
  function refresh() {
    cells.paint();
    strip.paint();
    path.redraw();
    numbers.refresh();
    const cell = grid[state.layer].cells[state.column];
    line.replaceChildren(...describe(record, state, cell));
    guesses.replaceChildren(
      over(`${nameOf(state.layer, last)}: likeliest tokens`),
      ...drawGuesses(record, state, cell),
    );
    cells.node.setAttribute(
      "aria-label",
      `What each layer would say. ${nameOf(state.layer, last)}, token ${positions[state.column]}: ` +
        `${plain(cell.top[0]?.token)}, ${percent(cell.top[0]?.probability)}. Arrow keys move through layers and ` +
        "tokens.",
    );
  }
  function repaint() {
    state.shades = Array.from({ length: STEPS }, (_, i) => [colour(`--s${i}`), colour(`--o${i}`)]);
    const quantity = QUANTITIES[state.quantity],
      { most } = measured[state.quantity];
    const steps = Array.from({ length: STEPS }, (_, i) =>
      el("span", { class: `s${i}` }, quantity.text(quantity.at(i / (STEPS - 1), most))),
    );
    key.replaceChildren(quantity.label, el("span", { class: "steps" }, steps), "stronger shade: more certain");
    strip.shade();
    refresh();
  }
  cells.node.addEventListener("scroll", () =>
    requestAnimationFrame(() => {
      cells.paint();
      strip.paint();
    }),
  );
  onTheme(element, repaint);
  const sorted = [...settled].sort((a, b) => a - b),
    late = settled.filter((layer) => layer === last).length;
  const next = record.predicts !== "same token";
  element.append(
    heading("Logit lens", record.model),
    hint(
      "If the model stopped after a layer, which token would it predict? At the bottom are the tokens that it " +
        `reads. Above each stands the top guess for ${next ? "the next token" : "the token in that place"} at ` +
        `every layer, from the embeddings (0) up to the output (${last}).`,
    ),
    facts([
      ["tokens", count(tokens.length)],
      size < tokens.length ? ["positions shown", count(size)] : null,
      ["layers above the embeddings", count(last)],
      ["settled layer, median", sorted.length ? count(sorted[Math.floor((sorted.length - 1) / 2)]) : "–"],
      ["settled only in the output", `${count(late)} of ${count(size)}`],
    ]),
    meanings("settled layer", "entropy", "KL divergence", "rank", "surprisal"),
    el("div", { class: "controls" }, el("label", {}, "shade", box)),
    key,
    strip.node,
    cells.node,
    hint(
      "Above the coloured line the answer is settled: no layer from there up guesses anything else. Bold: the " +
        `guess is right, that is, the token that ${next ? "really comes next" : "is really there"}; it stands ` +
        "above its column.",
    ),
    line,
    el("div", { class: "pair" }, guesses, el("div", {}, over("Through the layers, at this position"), path)),
    numbers,
  );
  repaint();
}

function clamp(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}

function measure(grid, quantity) {
  const values = grid.map((row) => row.cells.map((cell) => quantity.of(cell) ?? null));
  const most = values.reduce((best, row) => row.reduce((top, value) => Math.max(top, value ?? 0), best), 2);
  const steps = values.map((row) =>
    row.map((value) =>
      value === null ? null : Math.round(Math.max(0, Math.min(1, quantity.share(value, most))) * (STEPS - 1)),
    ),
  );
  return { most, steps };
}
