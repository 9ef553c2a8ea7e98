// Who looks at whom: all heads as thumbnails, one head large, one token's lines in both directions.
import { colour, count, el, fit, fixed, heading, hint, legible, onTheme, over, plain, ramp, readout, svg, table, twin } from "./draw.js";

// Shade grows with the square root of the weight, so that small weights show; the key says so.
const shadeOf = (weight) => Math.sqrt(Math.max(0, weight));
const WHOLE = 48;

export function drawAttention(element, record) {
  const { layers, heads, tokens } = record;
  const state = { layer: 0, head: 0, row: Math.floor(tokens.length / 2), column: 0, paint: ramp() };
  const now = () => record.weights[state.layer][state.head];
  const line = readout(), large = fit((width) => drawLarge(record, state, now(), width, move));
  const lines = fit((width) => drawLines(record, state, now(), width, move));
  const grid = drawGrid(record, state, move);
  const choose = controls(record, state, move);
  const matrix = twin("This head as a table", () => numbers(record, state, now()));
  function move(change) {
    Object.assign(state, change);
    state.layer = clamp(state.layer, layers), state.head = clamp(state.head, heads);
    state.row = clamp(state.row, tokens.length), state.column = clamp(state.column, tokens.length);
    refresh();
  }
  function refresh() {
    grid.mark(); choose.show(); large.redraw(); lines.redraw(); matrix.refresh();
    line.replaceChildren(`Head ${state.layer}.${state.head}: `, el("code", {}, legible(tokens[state.row])), " looks at ", el("code", {}, legible(tokens[state.column])), ` with weight ${fixed(now()[state.row][state.column], 4)}.`);
  }
  large.addEventListener("keydown", (event) => {
    const turn = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!turn) return;
    event.preventDefault();
    move({ row: state.row + turn[0], column: state.column + turn[1] });
  });
  focusable(large, "application", "One head, rows look at columns; arrow keys move from cell to cell");
  state.column = now()[state.row]?.reduce((best, weight, i, all) => (weight > all[best] ? i : best), 0) ?? 0;
  onTheme(() => { state.paint = ramp(); grid.paint(); refresh(); });
  element.append(heading("Attention", record.model), hint(`${count(layers)} layers × ${count(heads)} heads × ${count(tokens.length)} tokens. Every row adds up to 1: it says where that token looks.${record.causal ? " No token looks ahead." : ""}`),
    over("All heads: layers across, heads down"), grid.node, key(), choose.node, line,
    el("div", { class: "pair" }, el("div", {}, over("One head: rows look at columns"), large), el("div", {}, over("One token, both ways"), lines)), matrix);
  refresh();
}

function clamp(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}

function focusable(node, role, label) {
  node.setAttribute("tabindex", "0");
  node.setAttribute("role", role);
  node.setAttribute("aria-label", label);
}

function key() {
  return el("p", { class: "key" }, "weight 0", el("span", { class: "ramp" }), "1 (shade: square root of the weight)");
}

function controls(record, state, move) {
  const select = (label, options, change) => {
    const box = el("select", { on: { change: () => move(change(Number(box.value))) } }, options.map((text, i) => el("option", { value: i }, text)));
    return [el("label", {}, label, box), box];
  };
  const range = (size) => Array.from({ length: size }, (_, i) => i);
  const [layer, layerBox] = select("layer", range(record.layers), (value) => ({ layer: value }));
  const [head, headBox] = select("head", range(record.heads), (value) => ({ head: value }));
  const [token, tokenBox] = select("token", record.tokens.map((text, i) => `${i}  ${plain(text)}`), (value) => ({ row: value }));
  const show = () => { layerBox.value = state.layer; headBox.value = state.head; tokenBox.value = state.row; };
  return { node: el("div", { class: "controls" }, layer, head, token), show };
}

// One canvas for all heads: each thumbnail is painted at one pixel a weight and then scaled.
function drawGrid(record, state, move) {
  const { layers, heads, tokens } = record, size = tokens.length, left = 34, top = 20;
  const cell = Math.max(22, Math.min(48, Math.floor(1010 / layers))), gap = 3;
  const wide = left + layers * cell + 2, tall = top + heads * cell + 2;
  const canvas = el("canvas", { style: { width: `${wide}px`, height: `${tall}px` } });
  const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
  canvas.width = wide * sharp; canvas.height = tall * sharp;
  const pen = canvas.getContext("2d"), small = document.createElement("canvas");
  small.width = small.height = size;
  const box = (layer, head) => [left + layer * cell, top + head * cell, cell - gap, cell - gap];
  const picture = document.createElement("canvas");
  picture.width = canvas.width; picture.height = canvas.height;
  const paint = () => {
    const ink = picture.getContext("2d"), soft = small.getContext("2d");
    ink.setTransform(sharp, 0, 0, sharp, 0, 0); ink.clearRect(0, 0, wide, tall);
    ink.font = "11px system-ui, sans-serif"; ink.fillStyle = colour("--muted"); ink.strokeStyle = colour("--line"); ink.textAlign = "center";
    ink.imageSmoothingEnabled = size > cell * sharp;
    for (let layer = 0; layer < layers; layer += 1) ink.fillText(layer, left + (layer + 0.5) * cell - gap / 2, 13);
    for (let head = 0; head < heads; head += 1) ink.fillText(head, 20, top + (head + 0.5) * cell + 2);
    for (let layer = 0; layer < layers; layer += 1) for (let head = 0; head < heads; head += 1) {
      soft.putImageData(pixels(soft, record.weights[layer][head], state.paint), 0, 0);
      const [x, y, w, h] = box(layer, head);
      ink.drawImage(small, x, y, w, h); ink.lineWidth = 0.5; ink.strokeRect(x, y, w, h);
    }
  };
  const mark = () => {
    pen.setTransform(1, 0, 0, 1, 0, 0); pen.clearRect(0, 0, canvas.width, canvas.height); pen.drawImage(picture, 0, 0);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0); pen.strokeStyle = colour("--accent"); pen.lineWidth = 2.5;
    const [x, y, w, h] = box(state.layer, state.head);
    pen.strokeRect(x - 1, y - 1, w + 2, h + 2);
    pen.font = "600 11px system-ui, sans-serif"; pen.fillStyle = colour("--accent"); pen.textAlign = "center";
    node.setAttribute("aria-label", `All heads; layer ${state.layer}, head ${state.head} chosen. Arrow keys choose another.`);
  };
  const node = el("div", { class: "scroll", on: { keydown: (event) => {
    const turn = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
    if (!turn) return;
    event.preventDefault();
    move({ layer: state.layer + turn[0], head: state.head + turn[1] });
    const x = left + state.layer * cell;
    if (x < node.scrollLeft) node.scrollLeft = x - cell; else if (x + cell > node.scrollLeft + node.clientWidth) node.scrollLeft = x + 2 * cell - node.clientWidth;
  } } }, canvas);
  canvas.addEventListener("click", (event) => {
    const layer = Math.floor((event.offsetX - left) / cell), head = Math.floor((event.offsetY - top) / cell);
    if (layer >= 0 && head >= 0) { node.focus({ preventScroll: true }); move({ layer, head }); }
  });
  focusable(node, "application", "All heads");
  paint();
  return { node, mark, paint };
}

function pixels(pen, weights, paint) {
  const size = weights.length, data = pen.createImageData(size, size);
  for (let row = 0; row < size; row += 1) for (let column = 0; column < size; column += 1) {
    const [r, g, b] = paint(shadeOf(weights[row][column])), at = 4 * (row * size + column);
    data.data[at] = r; data.data[at + 1] = g; data.data[at + 2] = b; data.data[at + 3] = 255;
  }
  return data;
}

function drawLarge(record, state, weights, width, move) {
  const size = record.tokens.length, names = record.tokens.map((token) => clip(plain(token), 12));
  const side = Math.min(100, 14 + 7.4 * Math.max(...names.map((name) => [...name].length)));
  const cell = Math.max(11, Math.min(38, Math.floor((width - side - 24) / size)));
  const wide = side + size * cell + 26, tall = side + size * cell + 4, sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
  const canvas = el("canvas", { style: { width: `${wide}px`, height: `${tall}px` } });
  canvas.width = wide * sharp; canvas.height = tall * sharp;
  const pen = canvas.getContext("2d");
  pen.scale(sharp, sharp); pen.font = `${cell < 14 ? 9 : 12}px ui-monospace, 'DejaVu Sans Mono', monospace`; pen.textBaseline = "middle";
  names.forEach((name, i) => {
    const at = side + (i + 0.5) * cell;
    pen.fillStyle = colour(i === state.row ? "--accent" : "--ink"); pen.textAlign = "right"; pen.fillText(name, side - 6, at);
    pen.save(); pen.translate(at, side - 6); pen.rotate(-Math.PI / 3); pen.textAlign = "left";
    pen.fillStyle = colour(i === state.column ? "--accent" : "--ink"); pen.fillText(name, 0, 0); pen.restore();
  });
  for (let row = 0; row < size; row += 1) for (let column = 0; column < size; column += 1) {
    const x = side + column * cell, y = side + row * cell;
    if (record.causal && column > row) continue;
    pen.fillStyle = `rgb(${state.paint(shadeOf(weights[row][column])).join(",")})`; pen.fillRect(x, y, cell - 0.5, cell - 0.5);
  }
  pen.strokeStyle = colour("--line"); pen.lineWidth = 1;
  if (record.causal) hatch(pen, side, cell, size);
  pen.strokeRect(side - 0.5, side - 0.5, size * cell + 1, size * cell + 1);
  pen.strokeStyle = colour("--accent"); pen.lineWidth = 1; pen.strokeRect(side - 0.5, side + state.row * cell - 0.5, size * cell + 1, cell);
  pen.lineWidth = 2.5; pen.strokeRect(side + state.column * cell, side + state.row * cell, cell - 1, cell - 1);
  canvas.addEventListener("click", (event) => {
    const row = Math.floor((event.offsetY - side) / cell), column = Math.floor((event.offsetX - side) / cell);
    if (row >= 0 && row < size) move({ row, column: column >= 0 && column < size ? column : state.column });
  });
  return canvas;
}

// What a causal model may not look at is cut away: hatched, not shaded.
function hatch(pen, side, cell, size) {
  pen.save(); pen.beginPath(); pen.moveTo(side + cell, side);
  for (let row = 0; row < size; row += 1) { pen.lineTo(side + (row + 1) * cell, side + row * cell); pen.lineTo(side + (row + 1) * cell, side + (row + 1) * cell); }
  pen.lineTo(side + size * cell, side); pen.closePath(); pen.clip(); pen.beginPath();
  for (let at = 0; at < 2 * size * cell; at += 8) { pen.moveTo(side + at, side); pen.lineTo(side + at - size * cell, side + size * cell); }
  pen.lineWidth = 0.6; pen.stroke(); pen.restore();
}

// The chosen token in the middle: on the left those that look at it, on the right those it looks at.
function drawLines(record, state, weights, width, move) {
  const size = record.tokens.length, step = Math.max(13, Math.min(21, Math.floor(900 / size))), top = 34, tall = top + size * step + 10;
  const wide = Math.max(300, Math.min(width, 460)), names = record.tokens.map((token) => clip(plain(token), 9));
  const middle = wide / 2, y = (i) => top + (i + 0.5) * step, centre = y((size - 1) / 2), left = wide * 0.27, right = wide * 0.73;
  const image = svg("svg", { width: wide, height: tall, role: "img", "aria-label": "Lines from the tokens that look at the chosen token, and to those it looks at; the table below has the numbers." });
  image.append(svg("text", { class: "m", x: left, y: 14, "text-anchor": "end" }, "these look at it"), svg("text", { class: "m", x: wide, y: 14, "text-anchor": "end" }, "it looks at these"));
  const link = (x1, y1, x2, y2, weight, dash) => (weight < 0.004 ? null : svg("path", { d: `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`, fill: "none", stroke: "currentColor", "stroke-width": Math.max(0.4, weight * 9), "stroke-opacity": 0.25 + 0.6 * weight, "stroke-dasharray": dash }));
  const name = (text, x, i, anchor, weight) => svg("text", { class: weight >= 0.1 ? "mono" : "mono m", x, y: y(i) + 4, "text-anchor": anchor, "font-size": step < 16 ? "10" : null, "font-weight": weight >= 0.1 ? "600" : null, cursor: "pointer", on: { click: () => move({ row: i }) } }, text);
  const number = (weight, x, i, anchor) => (weight >= 0.05 ? svg("text", { class: "m", x, y: y(i) + 4, "text-anchor": anchor, "font-size": "10" }, weight.toFixed(2)) : null);
  for (let i = 0; i < size; i += 1) {
    const seen = weights[i][state.row], sees = weights[state.row][i];
    const ahead = record.causal && i > state.row, behind = record.causal && i < state.row;
    for (const part of [behind ? null : link(left + 6, y(i), middle - 38, centre, seen, "5 3"), ahead ? null : link(middle + 38, centre, right - 6, y(i), sees)]) if (part) image.append(part);
    if (!behind) image.append(name(names[i], left, i, "end", seen), number(seen, 0, i, "start") ?? "");
    if (!ahead) image.append(name(names[i], right, i, "start", sees), number(sees, wide, i, "end") ?? "");
  }
  image.append(svg("rect", { class: "box", x: middle - 38, y: centre - 14, width: 76, height: 28 }), svg("text", { class: "mono a", x: middle, y: centre + 4, "text-anchor": "middle", "font-weight": "600" }, names[state.row]));
  return image;
}

function clip(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}

// The whole matrix where a page can hold it; beyond that the chosen token's row and column.
function numbers(record, state, weights) {
  const names = record.tokens.map((token, i) => `${i} ${plain(token)}`);
  if (names.length <= WHOLE) return el("div", {}, hint(`Head ${state.layer}.${state.head}: from the row's token to the column's.`), table([{ head: "from", w: true }, ...names.map((name) => ({ head: name, n: true }))], names.map((name, i) => [name, ...weights[i]])));
  return el("div", {}, hint(`Head ${state.layer}.${state.head}, token ${names[state.row]}.`), table([{ head: "token", w: true }, { head: "it looks there with weight", n: true }, { head: "it is looked at from there with weight", n: true }], names.map((name, i) => [name, weights[state.row][i], weights[i][state.row]])));
}
