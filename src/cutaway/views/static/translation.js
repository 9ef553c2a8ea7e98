// A translation: the beams that were compared, and where the model looked in the text when it wrote each token.

import { shadeKey } from "./attention_text.js";
import { shadesOf } from "./canvas.js";
import {
  bits,
  choice,
  columnsOf,
  count,
  el,
  facts,
  fixed,
  heading,
  hint,
  legible,
  over,
  plain,
  readout,
  step,
  table,
  twin,
} from "./draw.js";
import { onTheme } from "./lifetime.js";
import { matrixView } from "./matrix.js";
import { openMaps } from "./packing.js";
import { pieces, rover } from "./rover.js";
import { meanings } from "./terms.js";
import { meanMap, rowOf, strongest, weight } from "./weights.js";

export function drawTranslation(element, record) {
  const { source, tokens, attention } = record,
    layers = attention.data.length,
    maps = openMaps(attention, record.heads);
  const places = grouped(layers, record.heads),
    line = readout(),
    text = pieces(source);
  const state = { row: 0, column: null, what: places[0], map: null, shades: shadesOf() };
  const axis = (names) => names.map((name, i) => ({ name, start: i, end: i + 1 }));
  const rows = axis(tokens.map((token) => token.token)),
    columns = axis(source);
  const figure = {
    now: () => ({
      ...state,
      rows,
      columns,
      column: state.column ?? most(),
      chosen: state.column !== null,
      selected: [state.row],
    }),
    pick: ({ row, column }) => choose(row ?? state.row, column ?? null),
  };
  const large = matrixView(figure),
    written = pieces(tokens.map((token) => token.token));
  const rove = rover(written, "The tokens of the translation; arrow keys move", (i) => choose(i, null, true));
  const numbers = twin("The attention of every token as a table", () => everyWeight(record, state));
  function most() {
    return state.map ? strongest(rowOf(state.map, [state.row])) : 0;
  }
  function choose(row, column, roved = false) {
    Object.assign(state, { row, column });
    if (!roved && rove.current() !== row) rove.pick(row);
    else refresh();
  }
  function refresh() {
    if (!state.map) return;
    const row = rowOf(state.map, [state.row]);
    text.querySelectorAll("[data-i]").forEach((piece, i) => {
      piece.className = `tok ${step(Math.sqrt(row[i]))}`;
    });
    line.replaceChildren(...describe(record, state, figure.now().column));
    large.update();
    numbers.refresh();
  }
  async function show(what) {
    const map = await meanMap(maps, what.heads, false);
    Object.assign(state, { what, map });
    refresh();
    element.dataset.shown = what.name;
  }
  const select = choice(
    places.map((one, i) => [i, one.name]),
    (i) => attempt(show(places[Number(i)])),
  );
  function attempt(drawing) {
    drawing.catch((problem) => {
      console.error(problem);
      element.dataset.shown = "nothing";
      line.replaceChildren(`The attention can't be drawn: ${problem.message}.`);
    });
  }
  rover(text, "The tokens of the text; arrow keys move", (i) => choose(state.row, i));
  onTheme(element, () => {
    state.shades = shadesOf();
    refresh();
  });
  element.append(
    heading("Translation", record.model),
    ...record.warnings.map((warning) => el("p", { class: "care" }, `Take care: ${warning}.`)),
    over("The text, shaded by where the model looked"),
    el("p", { class: "text" }, text),
    over("The translation: choose a token"),
    el("p", { class: "text" }, written),
    line,
    el("div", { class: "controls" }, el("label", {}, "attention", select)),
    large.node,
    shadeKey(),
    hint(
      "Cross-attention: the row of a token says how the model divided its attention over the text when it wrote that " +
        "token. A row adds up to 1. Weights are kept as bytes / 255, off by at most 0.002.",
    ),
    numbers,
    over("The beams that were compared, best first"),
    beamTable(record),
    facts(known(record)),
    meanings("surprisal", "beam"),
    tokenTable(record),
  );
  if (tokens.length) rove.pick(0);
  attempt(show(places[0]));
}

// What attention can be chosen: the mean of all heads, of the heads of a layer, or one head.
function grouped(layers, heads) {
  const numbers = (size) => Array.from({ length: size }, (_, i) => i),
    of = (layer) => numbers(heads).map((head) => [layer, head]);
  return [
    { name: `mean of all ${layers * heads} heads`, heads: numbers(layers).flatMap(of) },
    ...numbers(layers).map((layer) => ({ name: `mean of layer ${layer}`, heads: of(layer) })),
    ...numbers(layers).flatMap((layer) => of(layer).map((one) => ({ name: `head ${one.join(".")}`, heads: [one] }))),
  ];
}

function describe(record, state, column) {
  const token = record.tokens[state.row],
    value = fixed(weight(state.map, state.row, column), 3);
  return [
    `Token ${state.row + 1} of ${count(record.tokens.length)}, `,
    el("code", {}, legible(token.token)),
    ` (surprisal ${fixed(bits(-token.logprob), 2)} bits), ${state.column === null ? "looked most at" : "gave"} `,
    el("code", {}, legible(record.source[column])),
    `${state.column === null ? ", with" : " the"} weight ${value} (${state.what.name}).`,
  ];
}

function everyWeight(record, state) {
  if (!state.map) return hint("…");
  return el(
    "div",
    {},
    hint(`Weights, ${state.what.name}: a row for each token of the translation, a column for each token of the text.`),
    table(
      [{ head: "token", w: true }, ...record.source.map((piece) => ({ head: plain(piece), n: true }))],
      record.tokens.map((token, row) => [
        plain(token.token),
        ...record.source.map((_, column) => Number(weight(state.map, row, column).toFixed(4))),
      ]),
    ),
  );
}

function beamTable(record) {
  return table(
    columnsOf("~translation | >score, nats | >log-probability, nats | >tokens | ended"),
    record.beams.map((beam) => [
      el("span", {}, legible(beam.text, { spaces: false })),
      fixed(beam.score, 3),
      fixed(beam.logprob, 3),
      beam.tokens,
      beam.ended ? "yes" : "no",
    ]),
  );
}

function known(record) {
  const found = record.familiarity,
    { num_beams: beams, length_penalty: penalty } = record.settings;
  return [
    ["beams", count(beams)],
    ["length penalty", String(penalty)],
    ["tokens of the text", count(record.source.length)],
    found ? [`${found.unit}s that the model knows`, `${count(found.known)} of ${count(found.count)}`] : null,
  ];
}

function tokenTable(record) {
  const columns = columnsOf(">token | `piece | >id | >surprisal, bits | `looked most at | >weight, mean of all heads");
  return twin("The tokens as a table", () =>
    table(
      columns,
      record.tokens.map((token, i) => [
        i,
        plain(token.token),
        token.id,
        bits(-token.logprob),
        plain(record.source[token.source]),
        token.weight,
      ]),
    ),
  );
}
