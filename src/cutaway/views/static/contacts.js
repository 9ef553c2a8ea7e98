// A contact map: the model's scores above the diagonal, the known contacts below it. If no contacts are known, the
// scores are drawn on both sides.

import { arrows, canvasOf, focusable } from "./canvas.js";
import {
  changed,
  choice,
  colour,
  columnsOf,
  count,
  el,
  facts,
  fit,
  fixed,
  heading,
  hint,
  over,
  ramp,
  readout,
  table,
  ticks,
  twin,
} from "./draw.js";
import { headGrid, quoted, shadeKey, sortedTable } from "./headgrid.js";
import { onTheme } from "./lifetime.js";
import { unpackArray } from "./packing.js";
import { meanings } from "./terms.js";

const EDGE = 34,
  NEAR = 6,
  WIDEST = 640;

export function drawContacts(element, record) {
  const size = record.residues.length,
    known = new Set((record.truth ?? []).map(([i, j]) => (i - 1) * size + j - 1)),
    told = Array.isArray(record.truth);
  const state = { maps: [], map: null, row: 0, column: Math.min(size - 1, NEAR), paint: ramp() },
    line = readout(),
    key = el("div");
  const names = ["mean of the heads", ...(record.best ? [`best head, ${record.best.layer}.${record.best.head}`] : [])];
  const picture = fit((width) => drawn(record, state, known, width, choose)),
    box = el("div", {}, picture);
  const select = choice([...names.entries()], (i) => {
    state.map = state.maps[Number(i)];
    refresh();
  });
  function choose(row, column) {
    Object.assign(state, {
      row: Math.max(0, Math.min(size - 1, row)),
      column: Math.max(0, Math.min(size - 1, column)),
    });
    refresh();
  }
  function refresh() {
    if (!state.map) return;
    picture.redraw();
    key.replaceChildren(
      shadeKey(
        "0",
        fixed(state.map.most, 3),
        `contact score, ${state.map.name} (the shade grows with its square root)`,
      ),
    );
    line.replaceChildren(...describe(record, state, known));
  }
  focusable(box, "application", "The contact map; arrow keys move from pair to pair");
  box.addEventListener(
    "keydown",
    arrows((across, down) => choose(state.row + down, state.column + across)),
  );
  onTheme(element, () => {
    state.paint = ramp();
    refresh();
  });
  const rest = record.looks_ahead ? "" : " This model only looks back, so each pair is seen from its later residue.";
  element.append(
    heading("Contacts", record.model),
    hint(
      "A strong shade: two residues attend to each other more than to others, which suggests that they touch " +
        `in the folded protein. The model was not trained on contacts.${rest}`,
    ),
    facts([
      ["residues", count(size)],
      ["heads", count(record.heads.length)],
      ...changed(record),
      told ? ["known contacts", count(record.truth.length)] : null,
      record.truth_source ? ["known from", record.truth_source] : null,
    ]),
    meanings(
      "contact score",
      ...(record.apc ? ["average product correction"] : []),
      ...(record.best ? ["precision at L"] : []),
    ),
    quoted(record.text),
  );
  if (record.best)
    element.append(over("Precision: the share of known contacts among the highest pairs"), precisions(record));
  if (names.length > 1) element.append(el("div", { class: "controls" }, el("label", {}, "above the diagonal", select)));
  element.append(
    box,
    key,
    hint(
      told
        ? "Above the diagonal the model, below it the contacts that are known."
        : "The map is the same above and below the diagonal.",
    ),
    line,
    twin("The highest pairs as a table that sorts", () =>
      sortedTable(record.pairs, pairTable(told), (pair) => {
        choose(pair.i - 1, pair.j - 1);
        box.focus();
      }),
    ),
  );
  if (record.best) element.append(...byHead(element, record));
  element.append(
    twin("All heads as a table that sorts", () =>
      sortedTable(record.heads, headTable(told), (one) => {
        choose(one.i - 1, one.j - 1);
        box.focus();
      }),
    ),
  );
  const [first] = record.pairs;
  if (first) Object.assign(state, { row: first.i - 1, column: first.j - 1 });
  open(record, names)
    .then((maps) => {
      Object.assign(state, { maps, map: maps[0] });
      refresh();
      element.setAttribute("data-shown", "");
    })
    .catch((problem) =>
      box.replaceChildren(el("p", { class: "problem" }, `The map can't be read (${problem.message}).`)),
    );
}

async function open(record, names) {
  const packed = [record.scores, ...(record.best ? [record.best_scores] : [])];
  return Promise.all(
    packed.map(async (one, i) => {
      const { values, shape } = await unpackArray(one),
        size = shape[0];
      let most = 0;
      for (let row = 0; row < size; row += 1)
        for (let column = row + NEAR; column < size; column += 1) most = Math.max(most, values[row * size + column]);
      return { name: names[i], values, most: most || 1 };
    }),
  );
}

function drawn(record, state, known, width, choose) {
  const { map, paint } = state,
    size = record.residues.length;
  if (!map) return el("p", { class: "hint" }, "…");
  const side = Math.max(60, Math.min(width - EDGE - 14, WIDEST, size * 16)),
    unit = side / size,
    small = document.createElement("canvas");
  small.width = size;
  small.height = size;
  const soft = small.getContext("2d"),
    data = soft.createImageData(size, size),
    told = Array.isArray(record.truth);
  const ink = [1, 3, 5].map((at) => parseInt(colour("--ink").slice(at, at + 2), 16) || 0),
    paper = paint(0);
  for (let row = 0; row < size; row += 1)
    for (let column = 0; column < size; column += 1) {
      const below = row > column,
        at = row * size + column;
      const rgb =
        below && told
          ? known.has(column * size + row)
            ? ink
            : paper
          : paint(Math.sqrt(Math.max(0, Math.min(1, map.values[at] / map.most))));
      data.data.set([...rgb, 255], 4 * at);
    }
  soft.putImageData(data, 0, 0);
  const { canvas, pen } = canvasOf(EDGE + side + 14, EDGE + side + 6),
    at = (index) => EDGE + index * unit;
  pen.imageSmoothingEnabled = unit < 1;
  pen.drawImage(small, EDGE, EDGE, side, side);
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(EDGE - 0.5, EDGE - 0.5, side + 1, side + 1);
  pen.beginPath();
  pen.moveTo(EDGE, EDGE);
  pen.lineTo(EDGE + side, EDGE + side);
  pen.stroke();
  pen.fillStyle = colour("--muted");
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  for (const position of ticks(1, size, Math.min(8, size))) {
    if (!Number.isInteger(position)) continue;
    pen.textAlign = "center";
    pen.fillText(String(position), at(position - 0.5), EDGE - 10);
    pen.textAlign = "right";
    pen.fillText(String(position), EDGE - 6, at(position - 0.5));
  }
  const cell = Math.max(unit, 5),
    x = at(state.column) - (cell - unit) / 2,
    y = at(state.row) - (cell - unit) / 2;
  for (const [ring, wide] of [
    [colour("--sheet"), 4],
    [colour("--accent"), 2],
  ]) {
    pen.strokeStyle = ring;
    pen.lineWidth = wide;
    pen.strokeRect(x - 1, y - 1, cell + 2, cell + 2);
  }
  pen.strokeStyle = colour("--accent");
  pen.lineWidth = 0.7;
  pen.setLineDash([2, 3]);
  pen.beginPath();
  pen.moveTo(EDGE, y + cell / 2);
  pen.lineTo(x - 2, y + cell / 2);
  pen.moveTo(x + cell / 2, EDGE);
  pen.lineTo(x + cell / 2, y - 2);
  pen.stroke();
  canvas.addEventListener("click", (event) =>
    choose(Math.floor((event.offsetY - EDGE) / unit), Math.floor((event.offsetX - EDGE) / unit)),
  );
  return canvas;
}

function describe(record, state, known) {
  const size = record.residues.length,
    [low, high] = [Math.min(state.row, state.column), Math.max(state.row, state.column)];
  const name = (at) => `${record.residues[at]}${at + 1}`,
    score = state.map.values[low * size + high];
  const said = !Array.isArray(record.truth)
    ? ""
    : known.has(low * size + high)
      ? " They are known to touch."
      : " They are not known to touch.";
  if (low === high) return [el("b", {}, name(low)), ": a residue and itself."];
  return [
    el("b", {}, `${name(low)} – ${name(high)}`),
    `: ${fixed(score, 4)} (${state.map.name}), ${count(high - low)} residues apart.${said}`,
  ];
}

function precisions(record) {
  const columns = [
    ...columnsOf("pairs | >taken | >mean of the heads"),
    { head: `best head, ${record.best.layer}.${record.best.head}`, n: true },
    { head: "by chance", n: true },
  ];
  const rows = record.precisions.map((one, i) => [
    `${one.top}, ≥ ${one.separation} apart`,
    one.taken,
    fixed(one.precision, 3),
    fixed(record.best_precisions[i].precision, 3),
    fixed(one.chance, 3),
  ]);
  return el(
    "div",
    {},
    table(columns, rows),
    hint("The best head was chosen with the known contacts: on another sequence it may do worse."),
  );
}

function pairTable(told) {
  const columns = [
    {
      head: "pair",
      of: (pair) => `${pair.first}${pair.i} – ${pair.second}${pair.j}`,
      key: (pair) => pair.i * 1e5 + pair.j,
    },
    { head: "score", n: true, of: (pair) => pair.score },
    { head: "residues apart", n: true, of: (pair) => pair.j - pair.i },
  ];
  return told ? [...columns, { head: "known", of: (pair) => (pair.known ? "yes" : "no") }] : columns;
}

function headTable(told) {
  const columns = [
    { head: "head", of: (one) => `${one.layer}.${one.head}`, key: (one) => one.layer * 1e4 + one.head },
    { head: "highest pair", of: (one) => `${one.i} – ${one.j}`, key: (one) => one.i * 1e5 + one.j },
    { head: "its score", n: true, of: (one) => one.score },
  ];
  return told ? [...columns, { head: "precision at L", n: true, of: (one) => one.precision }] : columns;
}

function byHead(element, record) {
  const layers = [...new Set(record.heads.map((one) => one.layer))],
    rows = [...new Set(record.heads.map((one) => one.head))],
    line = readout();
  const at = new Map(record.heads.map((one) => [`${one.layer} ${one.head}`, one])),
    state = { paint: ramp() },
    most = record.best.precision || 1;
  const grid = headGrid({
    columns: layers.map((layer) => ({ name: String(layer), first: false })),
    rows: rows.map(String),
    label: "Precision of every head, layers across; arrow keys choose one",
    pick: choose,
    cell: (column, row) => {
      const one = at.get(`${layers[column]} ${rows[row]}`);
      return one
        ? {
            rgb: state.paint(one.precision / most),
            letter: one.layer === record.best.layer && one.head === record.best.head ? "★" : "",
          }
        : null;
    },
  });
  function choose(column, row) {
    const one = at.get(`${layers[column]} ${rows[row]}`);
    if (!one) return;
    grid.mark(column, row);
    line.replaceChildren(
      el("b", {}, `Head ${one.layer}.${one.head}`),
      `: of its highest pairs ${fixed(100 * one.precision, 1)} % are contacts (precision at L, ${NEAR} or more apart).`,
    );
  }
  onTheme(element, () => {
    state.paint = ramp();
    grid.draw();
  });
  grid.draw();
  choose(layers.indexOf(record.best.layer), rows.indexOf(record.best.head));
  return [
    over("Heads: precision at L, layers across, heads down"),
    grid.node,
    shadeKey("0", fixed(most, 2), "precision at L (★ the best head)"),
    line,
  ];
}
