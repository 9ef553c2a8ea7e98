// A grid, layers across and heads down: a cell's shade is a number, its letter says what kind.
import { colour, el, exact, legible, tableBox } from "./draw.js";
import { edges } from "./edges.js";

const LEFT = 34,
  TOP = 22,
  GAP = 10;

// columns: {name, first: begins another kind}; rows: names; cell(column, row): {rgb, letter}, or null if there is no
// such head; pick(column, row) is called for every choice. `draw` paints, `mark` shows which head is chosen, `show`
// scrolls to a column.
export function headGrid({ columns, rows, label, cell, pick }) {
  const size = Math.max(15, Math.min(34, Math.floor(1000 / columns.length)));
  const lefts = [];
  columns.reduce((x, column, i) => {
    lefts[i] = x + (i && column.first ? GAP : 0);
    return lefts[i] + size;
  }, LEFT);
  const wide = lefts[columns.length - 1] + size + 3,
    tall = TOP + rows.length * size + 3;
  const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
  const canvas = el("canvas", {
      style: { flex: "none", width: `${wide}px`, height: `${tall}px`, "margin-left": `${-LEFT}px` },
    }),
    picture = document.createElement("canvas");
  for (const one of [canvas, picture]) {
    one.width = wide * sharp;
    one.height = tall * sharp;
  }
  let chosen = [0, 0];

  function draw() {
    const pen = picture.getContext("2d"),
      every = size >= 19 ? 1 : 2;
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, wide, tall);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = colour("--muted");
    columns.forEach((column, i) => {
      if (i % every === 0) pen.fillText(column.name, lefts[i] + size / 2, TOP - 9);
    });
    pen.lineWidth = 0.5;
    pen.strokeStyle = colour("--line");
    pen.font = `600 ${Math.round(size * 0.5)}px system-ui, sans-serif`;
    columns.forEach((_, i) =>
      rows.forEach((__, j) => {
        const found = cell(i, j),
          [x, y] = [lefts[i], TOP + j * size];
        if (!found) return;
        pen.fillStyle = `rgb(${found.rgb.join(",")})`;
        pen.fillRect(x, y, size - 1, size - 1);
        pen.strokeRect(x, y, size - 1, size - 1);
        if (!found.letter) return;
        pen.fillStyle = bright(found.rgb) > 0.18 ? "#000" : "#fff";
        pen.fillText(found.letter, x + (size - 1) / 2, y + size / 2);
      }),
    );
    mark(...chosen);
  }

  function mark(column, row) {
    chosen = [column, row];
    const pen = canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(picture, 0, 0);
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.strokeStyle = colour("--accent");
    pen.lineWidth = 2.5;
    pen.strokeRect(lefts[column] - 1, TOP + row * size - 1, size + 1, size + 1);
  }

  // The next cell in that direction that holds a head; some cells hold none.
  function turn(across, down) {
    let [column, row] = [chosen[0] + across, chosen[1] + down];
    while (column >= 0 && row >= 0 && column < columns.length && row < rows.length) {
      if (cell(column, row)) {
        pick(column, row);
        show(column);
        return;
      }
      [column, row] = [column + across, row + down];
    }
  }

  function show(column) {
    const x = lefts[column];
    if (x - LEFT < node.scrollLeft) node.scrollLeft = x - LEFT - size;
    else if (x + size > node.scrollLeft + node.clientWidth) node.scrollLeft = x + 2 * size - node.clientWidth;
  }

  // The names of the rows stay in sight while the columns scroll under them.
  const names = el(
    "div",
    { class: "keep", "aria-hidden": "true", style: { width: `${LEFT}px`, height: `${tall}px` } },
    rows.map((name, i) => el("span", { style: { top: `${TOP + (i + 0.5) * size}px` } }, name)),
  );
  const node = el(
    "div",
    {
      class: "scroll",
      style: { display: "flex", "--keep": `${LEFT}px` },
      tabindex: "0",
      role: "application",
      "aria-label": label,
      on: {
        keydown: (event) => {
          const way = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
          if (!way) return;
          event.preventDefault();
          turn(...way);
        },
      },
    },
    names,
    canvas,
  );
  edges(node);
  canvas.addEventListener("click", (event) => {
    const column = lefts.findIndex((x) => event.offsetX >= x && event.offsetX < x + size),
      row = Math.floor((event.offsetY - TOP) / size);
    if (column >= 0 && row >= 0 && row < rows.length && cell(column, row)) {
      node.focus({ preventScroll: true });
      pick(column, row);
    }
  });
  return { node, draw, mark, show };
}

function bright(rgb) {
  const [r, g, b] = rgb.map((value) =>
    value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// The text that was looked at; a long one shows how it begins.
export function quoted(text) {
  if (!text)
    return el(
      "p",
      { class: "hint" },
      "Random tokens, written twice: only by looking back can a head predict the second half.",
    );
  const letters = [...String(text ?? "")];
  return el(
    "p",
    { class: "text" },
    legible(letters.length > 400 ? `${letters.slice(0, 400).join("")} …` : text, { spaces: false, breaks: true }),
  );
}

// What the shades mean: the ends of the scale and its unit, around the ramp itself.
export function shadeKey(low, high, caption, kind = "") {
  return el(
    "p",
    { class: "key" },
    el("span", {}, low),
    el("span", { class: `ramp ${kind}`.trim() }),
    el("span", {}, high),
    el("span", {}, caption),
  );
}

// The heads of a table that sorts, each with a button; `mark` says which column sorts it.
export function sortHeads(columns, sort) {
  const heads = columns.map((column, i) =>
    el(
      "th",
      { scope: "col", class: column.n ? "n" : null },
      el("button", { type: "button", class: "sort", on: { click: () => sort(i) } }, column.head),
    ),
  );
  const mark = (by, down) =>
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== by ? "none" : down ? "descending" : "ascending"));
  return { heads, mark };
}

// A table whose heads sort it. columns as in draw.js's `table`, and `of(entry)`: what a row shows; choose(entry): what
// a click on its first cell does. A value that is missing sorts last.
export function sortedTable(entries, columns, choose) {
  const body = el("tbody"),
    state = { by: 0, down: false };
  const { heads, mark } = sortHeads(columns, (i) => sort(i));
  function sort(by, down = by === state.by ? !state.down : columns[by].n === true && by > 0) {
    Object.assign(state, { by, down });
    const key = columns[by].key ?? columns[by].of,
      sign = down ? -1 : 1;
    const order = [...entries].sort((a, b) => {
      const [x, y] = [key(a), key(b)],
        [none, nought] = [x ?? null, y ?? null].map((value) => value === null);
      if (none || nought) return none - nought;
      return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y)));
    });
    mark(by, down);
    body.replaceChildren(
      ...order.map((entry) =>
        el(
          "tr",
          {},
          columns.map((column, i) =>
            el(
              "td",
              { class: column.n ? "n" : "brief" },
              i === 0
                ? el(
                    "button",
                    { type: "button", class: "sort", on: { click: () => choose(entry) } },
                    exact(column.of(entry)),
                  )
                : exact(column.of(entry)),
            ),
          ),
        ),
      ),
    );
  }
  sort(0, false);
  return tableBox(el("tr", {}, heads), body);
}
