// One map large: rows look at columns. If the cells have no room for names, the whole map is drawn small, and a window
// around the selection with names.

import { arrows, byteOf, canvasOf, clip, focusable, hatch, image, MONO } from "./canvas.js";
import { colour, columnsOf, el, fit, fixed, hint, over, plain, table } from "./draw.js";
import { columnOf, rowOf, shrink, weight } from "./weights.js";

export const WHOLE = 48; // up to so many rows and columns every cell is drawn with its names
const NEAR = 28;

export function matrixView(figure) {
  const { rows, columns } = figure.now(),
    long = Math.max(rows.length, columns.length) > WHOLE;
  const whole = long ? fit((width) => overview(figure, width)) : null,
    near = fit((width) => windowed(figure, width));
  const node = el(
    "div",
    {
      on: {
        keydown: arrows((across, down, event) => {
          const scene = figure.now(),
            row = within(scene.row + down, scene.rows.length),
            column = within(scene.column + across, scene.columns.length);
          figure.pick(down ? { row, column: scene.chosen ? column : null, event } : { column });
        }),
      },
    },
    long
      ? [
          over(`The whole map, ${rows.length} × ${columns.length}`),
          whole,
          over("Around the selection: rows look at columns"),
        ]
      : over("One map: rows look at columns"),
    near,
  );
  focusable(
    node,
    "application",
    "The map, rows look at columns; arrow keys move from cell to cell, Shift selects several rows",
  );
  return {
    node,
    update: () => {
      whole?.redraw();
      near.redraw();
    },
  };
}

function within(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}

// The part of an axis that is shown: `room` positions around the middle one.
function span(size, middle, room) {
  const length = Math.min(size, room),
    from = Math.max(0, Math.min(size - length, middle - Math.floor(length / 2)));
  return [from, from + length];
}

function room(scene, width, side) {
  return Math.max(scene.rows.length, scene.columns.length) <= WHOLE
    ? WHOLE
    : Math.max(8, Math.min(NEAR, Math.floor((width - side - 26) / 14)));
}

function overview(figure, width) {
  const scene = figure.now(),
    { map } = scene;
  if (!map) return el("div");
  const unit = Math.min(width - 4, 520) / Math.max(map.rows, map.columns),
    wide = Math.max(8, unit * map.columns),
    tall = Math.max(8, unit * map.rows);
  const { canvas, pen, sharp } = canvasOf(wide + 4, tall + 4),
    small = document.createElement("canvas");
  image(
    small,
    shrink(map, Math.min(map.columns, Math.round(wide * sharp)), Math.min(map.rows, Math.round(tall * sharp))),
    scene.shades,
  );
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 2, 2, wide, tall);
  if (map.causal)
    hatch(pen, 2, 2, wide, tall, () => {
      pen.moveTo(2 + unit, 2);
      pen.lineTo(2 + wide, 2);
      pen.lineTo(2 + wide, 2 + tall);
    });
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(1.5, 1.5, wide + 1, tall + 1);
  const size = room(scene, width, 110),
    [top, bottom] = span(map.rows, scene.row, size),
    [left, right] = span(map.columns, scene.column, size);
  pen.strokeStyle = colour("--accent");
  pen.strokeRect(2 + left * unit, 2 + top * unit, (right - left) * unit, (bottom - top) * unit);
  pen.lineWidth = Math.max(0.7, Math.min(unit, 2));
  pen.globalAlpha = scene.selected.length > 1 ? 0.35 : 0.8;
  for (const row of scene.selected) {
    pen.beginPath();
    pen.moveTo(2, 2 + (row + 0.5) * unit);
    pen.lineTo(2 + wide, 2 + (row + 0.5) * unit);
    pen.stroke();
  }
  canvas.addEventListener("click", (event) =>
    figure.pick({
      row: within(Math.floor((event.offsetY - 2) / unit), map.rows),
      column: within(Math.floor((event.offsetX - 2) / unit), map.columns),
      event,
    }),
  );
  return canvas;
}

function windowed(figure, width) {
  const scene = figure.now(),
    { map } = scene;
  if (!map) return el("div");
  const name = (group) => clip(plain(group.name), 12),
    names = [...scene.rows, ...scene.columns].slice(0, 400).map(name);
  const side = Math.min(100, 14 + 7.4 * Math.max(...names.map((text) => [...text].length))),
    size = room(scene, width, side);
  const [top, bottom] = span(map.rows, scene.row, size),
    [left, right] = span(map.columns, scene.column, size);
  const cell = Math.max(11, Math.min(38, Math.floor((width - side - 24) / Math.max(right - left, bottom - top))));
  const wide = (right - left) * cell,
    tall = (bottom - top) * cell,
    { canvas, pen } = canvasOf(side + wide + 26, side + tall + 4);
  const x = (column) => side + (column - left) * cell,
    y = (row) => side + (row - top) * cell;
  pen.font = `${cell < 14 ? 9 : 12}px ${MONO}`;
  pen.textBaseline = "middle";
  for (let row = top; row < bottom; row += 1) {
    pen.fillStyle = colour(scene.selected.includes(row) ? "--accent" : "--ink");
    pen.textAlign = "right";
    pen.fillText(name(scene.rows[row]), side - 6, y(row + 0.5));
    const end = map.causal ? Math.min(right, row + 1) : right;
    for (let column = left; column < end; column += 1) {
      pen.fillStyle = scene.shades.css[byteOf(weight(map, row, column))];
      pen.fillRect(x(column), y(row), cell - 0.5, cell - 0.5);
    }
  }
  for (let column = left; column < right; column += 1) {
    pen.save();
    pen.translate(x(column + 0.5), side - 6);
    pen.rotate(-Math.PI / 3);
    pen.textAlign = "left";
    pen.fillStyle = colour(column === scene.column ? "--accent" : "--ink");
    pen.fillText(name(scene.columns[column]), 0, 0);
    pen.restore();
  }
  if (map.causal)
    hatch(pen, side, side, wide, tall, () => {
      pen.moveTo(side + wide, side);
      for (let row = top; row < bottom; row += 1)
        for (const end of [row, row + 1]) pen.lineTo(Math.max(side, Math.min(side + wide, x(row + 1))), y(end));
      pen.lineTo(side + wide, side + tall);
    });
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(side - 0.5, side - 0.5, wide + 1, tall + 1);
  pen.strokeStyle = colour("--accent");
  for (const row of scene.selected)
    if (row >= top && row < bottom) pen.strokeRect(side - 0.5, y(row) - 0.5, wide + 1, cell);
  pen.lineWidth = 2.5;
  pen.strokeRect(x(scene.column), y(scene.row), cell - 1, cell - 1);
  canvas.addEventListener("click", (event) => {
    const row = top + Math.floor((event.offsetY - side) / cell),
      column = left + Math.floor((event.offsetX - side) / cell);
    if (row >= top && row < bottom)
      figure.pick({ row, column: column >= left && column < right ? column : null, event });
  });
  if (!performance.getEntriesByName("cutaway:first-head").length) performance.mark("cutaway:first-head");
  return canvas;
}

// The whole map if it is small enough, else the row and the column of the chosen tokens.
export function matrixTable(scene) {
  const { map, rows, columns } = scene,
    label = (group, i) => `${i} ${plain(group.name)}`;
  if (!map) return el("div");
  if (Math.max(rows.length, columns.length) <= WHOLE) {
    return el(
      "div",
      {},
      hint(`${whatOf(scene)}: from the row's token to the column's.`),
      table(
        [{ head: "from", w: true }, ...columns.map((group, i) => ({ head: label(group, i), n: true }))],
        rows.map((group, i) => [label(group, i), ...rowOf(map, [i])]),
      ),
    );
  }
  const sees = rowOf(map, scene.selected),
    seen = columnOf(map, scene.columnCells),
    some = (cells, groups) =>
      cells
        .slice(0, 8)
        .map((i) => label(groups[i], i))
        .join(", ") + (cells.length > 8 ? ", …" : "");
  const longer = rows.length > columns.length ? rows : columns;
  return el(
    "div",
    {},
    hint(
      `${whatOf(scene)}. Left: where ${some(scene.selected, rows)} looks. Right: who looks at ` +
        `${some(scene.columnCells, columns)}.`,
    ),
    rows.length === columns.length
      ? table(
          columnsOf("`token | >it looks there with weight | >it is looked at from there with weight"),
          rows.map((group, i) => [label(group, i), sees[i], seen[i]]),
        )
      : table(
          columnsOf("`key | >looked at with weight | `query | >looks with weight"),
          longer.map((_, i) => [
            columns[i] ? label(columns[i], i) : "",
            sees[i] ?? "",
            rows[i] ? label(rows[i], i) : "",
            seen[i] ?? "",
          ]),
        ),
  );
}

// One sentence about the cell under focus.
export function cellText(scene) {
  return fixed(
    scene.selected.reduce((sum, row) => sum + weight(scene.map, row, scene.column), 0) / scene.selected.length,
    3,
  );
}

// What is shown, in a few words.
export function whatOf({ state, stack, heads }) {
  if (state.view === "rollout") return "Rollout";
  const name = ([layer, head]) => `${stack.layers[layer]}.${stack.heads[head]}`;
  if (state.mean === "all") return `Mean of all ${heads.length} heads`;
  if (state.mean === "layer") return `Mean of the ${heads.length} heads of layer ${stack.layers[state.layer]}`;
  return heads.length === 1
    ? `Head ${name(heads[0])}`
    : `Mean of ${heads.length} heads (${heads.slice(0, 4).map(name).join(", ")}${heads.length > 4 ? ", …" : ""})`;
}
