// All heads of a stack on one canvas, layers across, heads down, drawn as their layers are inflated. They are as large
// as the width allows. If even the smallest do not fit, the canvas scrolls.

import { arrows, focusable, image, sized } from "./canvas.js";
import { colour, el } from "./draw.js";
import { edges } from "./edges.js";
import { onResize } from "./lifetime.js";
import { headMap, shrink } from "./weights.js";

const LEFT = 34,
  TOP = 20,
  GAP = 3;

export function thumbnails(figure) {
  const { stack, state } = figure.now();
  const layers = stack.layers.length,
    heads = stack.heads.length,
    canvas = el("canvas"),
    pen = canvas.getContext("2d");
  const pictures = new Map(),
    picture = document.createElement("canvas"),
    small = document.createElement("canvas");
  let cell,
    side,
    wide,
    tall,
    sharp,
    turn = 0;
  const box = ([layer, head]) => [LEFT + layer * cell, TOP + head * cell, side, side];
  const ink = picture.getContext("2d");
  // The heads with a frame: the one in focus first.
  const marks = () => {
    const { state, heads } = figure.now(),
      others = heads.filter(([layer, head]) => layer !== state.layer || head !== state.head);
    return [[state.layer, state.head], ...(state.mean || state.extra.length ? others : [])];
  };

  // Returns whether the size has changed.
  function size(width) {
    const next = Math.max(22, Math.min(64, Math.floor((width - LEFT - 2) / layers), Math.floor(640 / heads)));
    if (next === cell) return false;
    cell = next;
    side = cell - GAP;
    wide = LEFT + layers * cell + 2;
    tall = TOP + heads * cell + 2;
    sharp = sized(canvas, wide, tall);
    sized(picture, wide, tall);
    return true;
  }

  function paintLayer(layer) {
    ink.setTransform(sharp, 0, 0, sharp, 0, 0);
    ink.imageSmoothingEnabled = false;
    ink.strokeStyle = colour("--line");
    ink.lineWidth = 0.5;
    const found = pictures.get(layer);
    for (let head = 0; head < heads; head += 1) {
      const [x, y] = box([layer, head]);
      ink.clearRect(x, y, side, side);
      if (found) {
        image(small, found[head], figure.now().shades);
        ink.drawImage(small, x, y, side, side);
      }
      ink.strokeRect(x, y, side, side);
    }
  }
  function paint() {
    ink.setTransform(sharp, 0, 0, sharp, 0, 0);
    ink.clearRect(0, 0, wide, tall);
    ink.font = "11px system-ui, sans-serif";
    ink.fillStyle = colour("--muted");
    ink.textAlign = "center";
    stack.layers.forEach((name, layer) => ink.fillText(name, LEFT + (layer + 0.5) * cell - GAP / 2, 13));
    stack.heads.forEach((name, head) => ink.fillText(name, 20, TOP + (head + 0.5) * cell + 2));
    for (let layer = 0; layer < layers; layer += 1) paintLayer(layer);
    mark();
  }
  function mark() {
    const marked = marks(),
      [layer, head] = marked[0];
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.strokeStyle = colour("--accent");
    marked.forEach((one, i) => {
      const [x, y, w, h] = box(one);
      pen.lineWidth = i ? 1.2 : 2.5;
      pen.strokeRect(x - 1, y - 1, w + 2, h + 2);
    });
    node.setAttribute(
      "aria-label",
      `All heads; layer ${stack.layers[layer]}, head ${stack.heads[head]} chosen. Arrow keys choose another, ` +
        "with Shift one more.",
    );
  }
  function follow(layer) {
    const x = LEFT + layer * cell;
    if (x < node.scrollLeft) node.scrollLeft = x - cell;
    else if (x + cell > node.scrollLeft + node.clientWidth) node.scrollLeft = x + 2 * cell - node.clientWidth;
  }
  const node = el(
    "div",
    {
      class: "scroll",
      on: {
        keydown: arrows((across, down, event) => {
          const { layer, head } = figure.now().state,
            next = {
              layer: Math.max(0, Math.min(layers - 1, layer + across)),
              head: Math.max(0, Math.min(heads - 1, head + down)),
            };
          figure.move({ ...next, add: event.shiftKey && "keep" });
          follow(next.layer);
        }),
      },
    },
    canvas,
  );
  canvas.addEventListener("click", (event) => {
    const layer = Math.floor((event.offsetX - LEFT) / cell),
      head = Math.floor((event.offsetY - TOP) / cell);
    if (layer < 0 || head < 0 || layer >= layers || head >= heads) return;
    node.focus({ preventScroll: true });
    figure.move({ layer, head, add: event.shiftKey || event.ctrlKey || event.metaKey });
  });
  focusable(node, "application", "All heads");
  edges(node);
  size(1010);
  onResize(node, (entry) => {
    if (entry.contentRect.width > 0 && size(entry.contentRect.width)) {
      pictures.clear();
      paint();
      if (turn) load();
    }
  });

  // The layer in focus first, then from the input up; the page stays awake between layers.
  async function load() {
    turn += 1;
    const mine = turn,
      order = [state.layer, ...stack.layers.keys()].filter((layer, i, all) => all.indexOf(layer) === i),
      room = Math.round(side * sharp);
    const columns = Math.min(room, stack.maps.columns),
      rows = Math.min(room, stack.maps.rows);
    for (const layer of order) {
      const bytes = await stack.maps.layer(layer);
      if (!node.isConnected || mine !== turn) return false;
      pictures.set(
        layer,
        stack.heads.map((_, head) => shrink(headMap(bytes, head, stack.maps, stack.causal), columns, rows)),
      );
      paintLayer(layer);
      mark();
      await new Promise((done) => setTimeout(done));
    }
    return true;
  }
  return { node, mark, paint, load, shared: () => stack.maps.rows > side * sharp };
}
