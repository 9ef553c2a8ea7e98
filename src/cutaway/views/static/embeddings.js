// Vectors of texts or of tokens: how alike each is to each other one, and the numbers of the two that are compared.
import { arrows, canvasOf, clip, focusable, hatch, MONO } from "./canvas.js";
import {
  colour,
  columnsOf,
  count,
  el,
  exact,
  fit,
  fixed,
  heading,
  hint,
  legible,
  over,
  plain,
  ramp,
  readout,
  svg,
  table,
  twin,
} from "./draw.js";
import { onTheme } from "./lifetime.js";
import { picture } from "./plots.js";

const MOST = 100,
  WHOLE = 40;

export function drawEmbeddings(element, record) {
  const all = flatten(record),
    rows = all.slice(0, MOST),
    alike = cosines(rows);
  const state = { row: 0, column: Math.min(1, rows.length - 1), paint: ramp() };
  const line = readout(),
    scale = range(alike);
  const matrix = fit((width) => drawMatrix(rows, alike, scale, state, width, move)),
    strips = fit((width) => drawStrips(rows, state, width));
  const twins = [
    twin("The cosines as a table", () => cosineTable(rows, alike, state)),
    twin("The compared vectors as a table", () => vectorTable(rows, state)),
  ];
  function move(change) {
    state.row = clamp(change.row ?? state.row, rows.length);
    state.column = clamp(change.column ?? state.column, rows.length);
    refresh();
  }
  function refresh() {
    matrix.redraw();
    strips.redraw();
    twins.forEach((each) => each.refresh());
    const [a, b] = [rows[state.row], rows[state.column]];
    line.replaceChildren(
      ...(a === b
        ? [
            el("code", {}, legible(a.name, { spaces: false })),
            `: ${count(a.vector.length)} numbers, length ${fixed(a.length, 3)}.`,
          ]
        : [
            el("code", {}, legible(a.name, { spaces: false })),
            " and ",
            el("code", {}, legible(b.name, { spaces: false })),
            `: cosine ${fixed(alike[state.row][state.column], 4)}.`,
          ]),
    );
  }
  matrix.addEventListener(
    "keydown",
    arrows((across, down) => move({ row: state.row + down, column: state.column + across })),
  );
  const what = record.tokens ? "tokens" : "texts",
    left = all.length - rows.length;
  element.append(
    heading("Embeddings", record.model),
    hint(
      `${count(all.length)} ${all.length === 1 ? what.slice(0, -1) : what}, ${count(record.width)} numbers ` +
        `each: ${record.space}. Cosine of the angle between two vectors: 1 is the same direction, 0 is ` +
        `unrelated.${left ? ` The first ${count(rows.length)} are drawn.` : ""}`,
    ),
  );
  if (rows.length > 1) {
    focusable(matrix, "application", "Each vector against each other; arrow keys move from cell to cell");
    element.append(
      over("Each against each"),
      matrix,
      el("p", { class: "key" }, `cosine ${fixed(scale.low, 2)}`, el("span", { class: "ramp" }), fixed(scale.high, 2)),
    );
  }
  element.append(
    line,
    over(rows.length > 1 ? "The two vectors, number by number" : "The vector, number by number"),
    strips,
    ...(rows.length > 1 ? twins : twins.slice(1)),
  );
  onTheme(element, () => {
    state.paint = ramp();
    refresh();
  });
  refresh();
}

function flatten(record) {
  const named = record.tokens
    ? record.texts.flatMap((_, n) => record.tokens[n].map((name, t) => [name, record.vectors[n][t]]))
    : record.texts.map((name, n) => [name, record.vectors[n]]);
  return named.map(([name, vector]) => ({ name, vector, length: Math.hypot(...vector) }));
}

function cosines(rows) {
  const unit = rows.map(({ vector, length }) => vector.map((value) => value / (length || 1)));
  return unit.map((a) => unit.map((b) => a.reduce((sum, value, i) => sum + value * b[i], 0)));
}

// The shades go from the least alike to the most: vectors of one layer often all point into one corner.
function range(alike) {
  const apart = alike.flatMap((row, i) => row.filter((_, j) => j !== i));
  return { low: Math.min(...apart), high: Math.max(...apart) };
}

function clamp(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}

function drawMatrix(rows, alike, scale, state, width, move) {
  const size = rows.length,
    letters = Math.max(8, Math.min(34, Math.floor(width / 22)));
  const names = rows.map((row) => clip(plain(row.name).replaceAll("·", " "), letters));
  const side = 34 + 7.3 * Math.max(...names.map((name) => [...name].length)),
    top = 20;
  const cell = Math.max(8, Math.min(52, Math.floor((width - side - 4) / size)));
  const { canvas, pen } = canvasOf(side + size * cell + 2, top + size * cell + 2),
    mono = (px) => `${px}px ${MONO}`;
  pen.textBaseline = "middle";
  const every = cell >= 14 ? 1 : 5;
  names.forEach((name, i) => {
    const at = (i + 0.5) * cell,
      near = cell < 14 ? 8 : 12;
    pen.font = mono(near);
    pen.textAlign = "right";
    pen.fillStyle = colour(i === state.row ? "--accent" : "--ink");
    pen.fillText(`${name} ${String(i).padStart(2)}`, side - 6, top + at);
    pen.textAlign = "center";
    pen.fillStyle = colour(i === state.column ? "--accent" : "--muted");
    if (i % every === 0 || i === state.column) pen.fillText(i, side + at, top - 9);
  });
  const spread = scale.high - scale.low || 1;
  alike.forEach((row, i) =>
    row.forEach((value, j) => {
      const x = side + j * cell,
        y = top + i * cell,
        share = (value - scale.low) / spread;
      if (i === j) {
        // The cosine of a vector with itself says nothing.
        hatch(pen, x, y, cell, cell, () => pen.rect(x, y, cell - 0.5, cell - 0.5));
        return;
      }
      pen.fillStyle = `rgb(${state.paint(share).join(",")})`;
      pen.fillRect(x, y, cell - 0.5, cell - 0.5);
      if (cell < 34) return;
      pen.font = mono(11);
      pen.textAlign = "center";
      pen.fillStyle = colour(`--o${Math.round(8 * Math.max(0, Math.min(1, share)))}`);
      pen.fillText(fixed(value, 2), x + cell / 2, y + cell / 2);
    }),
  );
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(side - 0.5, top - 0.5, size * cell + 1, size * cell + 1);
  pen.strokeStyle = colour("--accent");
  pen.lineWidth = 2.5;
  pen.strokeRect(side + state.column * cell, top + state.row * cell, cell - 1, cell - 1);
  canvas.addEventListener("click", (event) => {
    const row = Math.floor((event.offsetY - top) / cell),
      column = Math.floor((event.offsetX - side) / cell);
    if (row >= 0 && row < size) move({ row, column: column >= 0 && column < size ? column : state.column });
  });
  return canvas;
}

// One thin line a number, up or down from zero: the two vectors have one scale, so that what they share shows.
function drawStrips(rows, state, width) {
  const chosen = state.row === state.column ? [state.row] : [state.row, state.column],
    high = 92,
    gap = 30;
  const most = Math.max(1e-12, ...chosen.flatMap((i) => rows[i].vector.map(Math.abs))),
    left = 46;
  const image = picture(
    width,
    chosen.length * (high + gap) + 22,
    "The numbers of the compared vectors; the table below has them.",
  );
  chosen.forEach((i, at) => {
    const vector = rows[i].vector,
      zero = at * (high + gap) + gap + high / 2,
      step = (width - left - 6) / vector.length;
    image.append(
      svg(
        "text",
        { class: "mono", x: left, y: zero - high / 2 - 6, "font-size": "11" },
        clip(`${i}  ${plain(rows[i].name).replaceAll("·", " ")}`, Math.floor((width - left) / 7)),
      ),
      svg("line", { class: "l", x1: left, x2: width - 6, y1: zero, y2: zero }),
      svg("path", {
        class: "i",
        "stroke-width": Math.max(0.6, Math.min(3, step * 0.7)),
        d: vector
          .map(
            (value, d) =>
              `M${(left + (d + 0.5) * step).toFixed(2)} ${zero}V${(zero - (value / most) * (high / 2)).toFixed(2)}`,
          )
          .join(""),
      }),
    );
    for (const value of [most, 0, -most])
      image.append(
        svg(
          "text",
          {
            class: "m",
            x: left - 6,
            y: zero - (value / most) * (high / 2) + 4,
            "text-anchor": "end",
            "font-size": "10",
          },
          value ? fixed(value, most < 1 ? 2 : 1) : "0",
        ),
      );
  });
  image.append(
    svg(
      "text",
      { class: "m", x: width - 6, y: chosen.length * (high + gap) + 16, "text-anchor": "end" },
      `number 0 to ${rows[chosen[0]].vector.length - 1} →`,
    ),
  );
  return image;
}

function cosineTable(rows, alike, state) {
  const names = rows.map((row, i) => `${i} ${plain(row.name)}`);
  if (rows.length <= WHOLE)
    return table(
      [{ head: "", w: true }, ...names.map((_, i) => ({ head: String(i), n: true }))],
      names.map((name, i) => [name, ...alike[i]]),
    );
  return el(
    "div",
    {},
    hint(`Cosine with ${names[state.row]}.`),
    table(
      columnsOf("` | >cosine"),
      names.map((name, i) => [name, alike[state.row][i]]),
    ),
  );
}

function vectorTable(rows, state) {
  const [a, b] = [rows[state.row], rows[state.column]],
    pair = a === b ? [a] : [a, b];
  const head = hint(pair.map((row) => `${plain(row.name)}: length ${exact(row.length)}`).join("; "));
  return el(
    "div",
    {},
    head,
    table(
      [{ head: "number", n: true }, ...pair.map((row) => ({ head: clip(plain(row.name), 24), n: true }))],
      a.vector.map((_, i) => [i, ...pair.map((row) => row.vector[i])]),
      2000,
    ),
  );
}
