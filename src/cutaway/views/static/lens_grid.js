// The grid of a lens, layers × tokens, drawn through a window, and the whole text as a strip.

import { canvasOf, clip } from "./canvas.js";
import { colour, el, fit, plain, ramp, STEPS } from "./draw.js";

const LEFT = 66,
  NARROW = 58,
  WIDE = 118,
  ROW = 20,
  HEAD = 24,
  FOOT = 26;

// A canvas of the window's width that stays put while a spacer as wide as the text scrolls under it.
export function drawCells(record, state, measured, move) {
  const { tokens, positions, grid, settled } = record,
    size = positions.length,
    tall = HEAD + grid.length * ROW + FOOT;
  let pen = null,
    width = 0,
    cell = NARROW;
  const top = (layer) => HEAD + (grid.length - 1 - layer) * ROW;
  const node = fit(
    (wide) => {
      width = wide;
      cell = Math.max(NARROW, Math.min(WIDE, Math.floor((wide - LEFT - 2) / size)));
      const { canvas, pen: own } = canvasOf(Math.min(wide, LEFT + size * cell + 2), tall);
      Object.assign(canvas.style, { position: "sticky", left: "0" });
      pen = own;
      canvas.addEventListener("click", (event) => {
        const column = Math.floor((event.offsetX - LEFT + node.scrollLeft) / cell),
          layer = grid.length - 1 - Math.floor((event.offsetY - HEAD) / ROW);
        node.focus({ preventScroll: true });
        if (event.offsetX >= LEFT) move({ column, layer });
      });
      requestAnimationFrame(() => {
        reveal();
        paint();
      });
      return el("div", { style: { width: `${LEFT + size * cell + 2}px`, height: `${tall}px` } }, canvas);
    },
    { tabindex: "0", role: "application", "aria-label": "What each layer would say", style: { "--keep": `${LEFT}px` } },
  );
  node.addEventListener("keydown", (event) => {
    const { layer, column } = state;
    const turn = {
      ArrowUp: { layer: layer + 1 },
      ArrowDown: { layer: layer - 1 },
      ArrowLeft: { column: column - 1 },
      ArrowRight: { column: column + 1 },
      Home: { column: 0 },
      End: { column: size - 1 },
      PageUp: { layer: grid.length - 1 },
      PageDown: { layer: 0 },
    }[event.key];
    if (!turn) return;
    event.preventDefault();
    move(turn);
  });
  function reveal() {
    const from = state.column * cell,
      room = width - LEFT - 2;
    if (from < node.scrollLeft) node.scrollLeft = from;
    else if (from + cell > node.scrollLeft + room) node.scrollLeft = from + cell - room;
  }
  function window_() {
    const room = Math.max(0, width - LEFT - 2);
    return [node.scrollLeft / cell, Math.min(size, (node.scrollLeft + room) / cell)];
  }
  function paint() {
    if (!pen || !state.shades) return;
    const [first, end] = window_(),
      at = (column) => LEFT + column * cell - node.scrollLeft,
      from = Math.floor(first),
      to = Math.min(size, Math.ceil(end));
    const [ink, muted, lines, accent] = ["--ink", "--muted", "--line", "--accent"].map(colour),
      letters = Math.floor((cell - 6) / 6.7),
      { steps } = measured();
    pen.clearRect(0, 0, width, tall);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT - 1, 0, width, tall);
    pen.clip();
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    const mono = "11px ui-monospace, 'DejaVu Sans Mono', monospace";
    for (let column = from; column < to; column += 1) {
      const x = at(column),
        here = column === state.column,
        target = grid[0].cells[column].target;
      pen.font = mono;
      pen.fillStyle = here ? accent : muted;
      if (target) pen.fillText(clip(plain(target.token), letters), x + 3, HEAD / 2);
      for (let layer = 0; layer < grid.length; layer += 1) {
        const it = grid[layer].cells[column],
          y = top(layer),
          step = steps[layer][column];
        const [fill, on] = step === null ? [colour("--sheet"), muted] : state.shades[step];
        pen.fillStyle = fill;
        pen.fillRect(x, y, cell - 1, ROW - 1);
        if (!it.top.length) continue;
        pen.font = target && it.top[0].id === target.id ? `bold ${mono}` : mono;
        pen.fillStyle = on;
        pen.fillText(clip(plain(it.top[0].token), letters), x + 3, y + ROW / 2);
      }
      pen.font = `600 ${mono}`;
      pen.fillStyle = here ? accent : ink;
      pen.fillText(clip(plain(tokens[positions[column]]), letters), x + 3, tall - FOOT / 2);
    }
    pen.strokeStyle = lines;
    pen.lineWidth = 1;
    pen.strokeRect(at(0) - 0.5, HEAD - 0.5, size * cell, grid.length * ROW);
    pen.beginPath();
    for (let column = from; column < to; column += 1) {
      const y = top(settled[column]) + ROW - 0.5;
      if (column === from) pen.moveTo(at(column), y);
      else pen.lineTo(at(column) - 0.5, y);
      pen.lineTo(at(column + 1) - 0.5, y);
    }
    for (const [ring, wide, box] of [
      [colour("--sheet"), 4, 6],
      [accent, 1.8, 2.8],
    ]) {
      // a rim of paper: accent shows on any shade
      pen.strokeStyle = ring;
      pen.lineWidth = wide;
      pen.stroke();
      pen.lineWidth = box;
      pen.strokeRect(at(state.column) - 0.5, top(state.layer) - 0.5, cell, ROW);
    }
    pen.restore();
    pen.textAlign = "right";
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let layer = 0; layer < grid.length; layer += 1) {
      const chosen = layer === state.layer,
        named = layer === grid.length - 1 ? "output " : layer === 0 ? "emb. " : "";
      pen.fillStyle = chosen ? accent : muted;
      pen.fillText(`${named}${layer}`, LEFT - 7, top(layer) + ROW / 2);
    }
    pen.fillStyle = muted;
    pen.fillText(record.predicts === "same token" ? "right" : "next", LEFT - 7, HEAD / 2);
    pen.fillText("reads", LEFT - 7, tall - FOOT / 2);
  }
  return { node, paint, reveal, window: window_ };
}

// The whole text at a few pixels a column, if the grid shows only a part of it. The frame marks that part.
export function drawStrip(record, measured, cells, move) {
  const { positions, grid, settled } = record,
    size = positions.length,
    tall = Math.max(48, Math.min(93, 3 * grid.length));
  const small = document.createElement("canvas");
  small.width = size;
  small.height = grid.length;
  let pen = null,
    width = 0;
  const node = fit((wide) => {
    width = wide;
    pen = null;
    if (LEFT + size * NARROW <= wide) return el("span");
    const { canvas, pen: own } = canvasOf(wide, tall + 6);
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "The whole text, layers up, tokens across; the frame is the part shown below.");
    canvas.style.cursor = "pointer";
    pen = own;
    canvas.addEventListener("click", (event) =>
      move({ column: Math.floor(((event.offsetX - LEFT) / (wide - LEFT - 2)) * size) }),
    );
    requestAnimationFrame(paint);
    return canvas;
  });
  function shade() {
    const soft = small.getContext("2d"),
      data = soft.createImageData(size, grid.length),
      paint = ramp(),
      { steps } = measured();
    const palette = Array.from({ length: STEPS }, (_, i) => paint(i / (STEPS - 1)));
    for (let layer = 0; layer < grid.length; layer += 1)
      for (let column = 0; column < size; column += 1) {
        const at = 4 * ((grid.length - 1 - layer) * size + column),
          step = steps[layer][column];
        data.data.set([...palette[step ?? 0], 255], at);
      }
    soft.putImageData(data, 0, 0);
  }
  function paint() {
    if (!pen) return;
    const room = width - LEFT - 2,
      x = (column) => LEFT + (column / size) * room,
      y = (layer) => 2 + ((grid.length - layer) / grid.length) * tall,
      [from, to] = cells.window();
    pen.clearRect(0, 0, width, tall + 6);
    pen.imageSmoothingEnabled = size > room;
    pen.drawImage(small, LEFT, 2, room, tall);
    pen.strokeStyle = colour("--line");
    pen.lineWidth = 1;
    pen.strokeRect(LEFT - 0.5, 1.5, room + 1, tall + 1);
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let column = 0; column < size; column += 1) {
      if (column === 0) pen.moveTo(x(column), y(settled[column]));
      else pen.lineTo(x(column), y(settled[column]));
      pen.lineTo(x(column + 1), y(settled[column]));
    }
    if (room / size >= 3) pen.stroke(); // thinner columns would drown in it
    pen.strokeStyle = colour("--ink");
    pen.lineWidth = 2;
    pen.strokeRect(x(from), 1, Math.max(3, x(to) - x(from)), tall + 2);
    pen.fillStyle = colour("--muted");
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.fillText("all", LEFT - 7, tall / 2);
  }
  return { node, paint, shade };
}
