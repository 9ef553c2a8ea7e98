// What each layer would have said: layers × tokens, embeddings at the bottom, the model's own output at the top.
// The grid is drawn through a window: only the columns in sight are on the canvas, however long the text.
import {
  bars,
  colour,
  count,
  el,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  onTheme,
  over,
  percent,
  plain,
  ramp,
  readout,
  STEPS,
  short,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { meanings } from "./terms.js";

const LEFT = 66,
  NARROW = 58,
  WIDE = 118,
  ROW = 20,
  HEAD = 24,
  FOOT = 26;

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
  const box = el(
    "select",
    {
      style: { "max-width": "100%" },
      on: {
        change: () => {
          state.quantity = Number(box.value);
          repaint();
        },
      },
    },
    QUANTITIES.map((quantity, i) => el("option", { value: i }, quantity.label)),
  );
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
    key.replaceChildren(quantity.label, el("span", { class: "steps" }, steps), "stronger shade: surer");
    strip.shade();
    refresh();
  }
  cells.node.addEventListener("scroll", () =>
    requestAnimationFrame(() => {
      cells.paint();
      strip.paint();
    }),
  );
  onTheme(repaint);
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

function clip(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, Math.max(0, length - 1)).join("")}…` : text;
}

function nameOf(layer, last) {
  return layer === last ? `Layer ${layer} (output)` : layer === 0 ? "Layer 0 (embeddings)" : `Layer ${layer}`;
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

// A canvas of the window's width that stays put while a spacer as wide as the text scrolls under it.
function drawCells(record, state, measured, move) {
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
      const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1)),
        seen = Math.min(wide, LEFT + size * cell + 2);
      const canvas = el("canvas", {
        style: { width: `${seen}px`, height: `${tall}px`, position: "sticky", left: "0" },
      });
      canvas.width = seen * sharp;
      canvas.height = tall * sharp;
      pen = canvas.getContext("2d");
      pen.scale(sharp, sharp);
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

// The whole text at a few pixels a column, where the grid shows but a part of it; the frame is what the grid shows.
function drawStrip(record, measured, cells, move) {
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
    const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
    const canvas = el("canvas", {
      style: { width: `${wide}px`, height: `${tall + 6}px`, cursor: "pointer" },
      role: "img",
      "aria-label": "The whole text, layers up, tokens across; the frame is the part shown below.",
    });
    canvas.width = wide * sharp;
    canvas.height = (tall + 6) * sharp;
    pen = canvas.getContext("2d");
    pen.scale(sharp, sharp);
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

function describe(record, state, cell) {
  const { tokens, positions, grid, settled } = record,
    last = grid.length - 1,
    piece = (text) => el("code", {}, legible(text));
  const answer = grid[last].cells[state.column].top[0],
    target = cell.target,
    at = settled[state.column];
  const says = [
    nameOf(state.layer, last),
    record.predicts === "same token" ? " at " : " after ",
    piece(tokens[positions[state.column]]),
    " predicts ",
    piece(cell.top[0]?.token),
    ` with ${percent(cell.top[0]?.probability)}. `,
  ];
  const ends =
    state.layer === last
      ? at === last
        ? ["The layer below predicts another token. "]
        : [`It is the top guess from layer ${at} on. `]
      : [
          `It gives the output's answer, `,
          piece(answer?.token),
          `, ${percent(cell.answer_probability)}; that is the top guess ` +
            `${at === last ? "only in the output" : `from layer ${at} on`}. `,
        ];
  const real = target
    ? [
        "The right token is ",
        piece(target.token),
        `, rank ${count(target.rank)}, ${percent(target.probability)} (${fixed(target.surprisal_bits, 2)} bits). `,
      ]
    : [];
  return [
    ...says,
    ...ends,
    ...real,
    `Entropy ${fixed(cell.entropy_bits, 2)} bits`,
    state.layer === last ? "." : `; KL divergence to the output ${fixed(cell.kl_bits, 2)} bits.`,
  ];
}

function drawGuesses(record, state, cell) {
  const answer = record.grid[record.grid.length - 1].cells[state.column].top[0];
  const rows = cell.top.map((top) => ({
    name: top.token,
    value: top.probability,
    text: percent(top.probability),
    chosen: top.id === answer?.id,
  }));
  const rest = 1 - cell.top.reduce((sum, top) => sum + top.probability, 0);
  if (rest > 1e-6)
    rows.push({ name: "every other token", spaces: false, value: rest, text: percent(rest), rest: true });
  return [
    bars(rows, 1),
    rows.some((row) => row.chosen)
      ? hint("▸ marks the output's answer.")
      : hint("The output's answer is not among them."),
  ];
}

// How the answer's and the real token's probabilities grow from the embeddings to the output.
function drawPath(record, state, width, move) {
  const { grid, settled } = record,
    last = grid.length - 1,
    left = 48,
    right = 92,
    head = 22,
    tall = 150,
    wide = Math.max(260, Math.min(width, 460));
  const column = grid.map((row) => row.cells[state.column]),
    answer = column[last].top[0],
    target = column[last].target;
  const x = (layer) => left + (layer / Math.max(1, last)) * (wide - left - right),
    y = (value) => head + tall * (1 - value);
  const image = svg("svg", {
    width: wide,
    height: head + tall + 40,
    role: "img",
    "aria-label":
      "Lines: the probability of the output's answer, and of the real token, at each layer. The table below " +
      "has the numbers.",
  });
  for (const at of [0, 0.5, 1])
    image.append(
      svg("line", {
        class: "l",
        x1: left,
        x2: x(last),
        y1: y(at) + 0.5,
        y2: y(at) + 0.5,
        "stroke-dasharray": at ? "1 4" : null,
      }),
      svg("text", { class: "m", x: left - 6, y: y(at) + 4, "text-anchor": "end" }, `${100 * at} %`),
    );
  for (const at of ticks(0, last, 5))
    image.append(svg("text", { class: "m", x: x(at), y: head + tall + 18, "text-anchor": "middle" }, at));
  image.append(
    svg("text", { class: "m", x: (left + x(last)) / 2, y: head + tall + 35, "text-anchor": "middle" }, "layer"),
  );
  const points = (value) => column.map((cell, layer) => `${x(layer)},${y(value(cell) ?? 0)}`).join(" ");
  const other = target && target.id !== answer?.id;
  image.append(
    svg("line", {
      class: "i",
      x1: x(state.layer),
      x2: x(state.layer),
      y1: head,
      y2: head + tall,
      "stroke-dasharray": "2 3",
    }),
  );
  if (other)
    image.append(
      svg("polyline", { class: "i", points: points((cell) => cell.target?.probability), "stroke-dasharray": "5 3" }),
    );
  image.append(svg("polyline", { class: "al", points: points((cell) => cell.answer_probability) }));
  const at = settled[state.column],
    anchor = at < last * 0.3 ? "start" : "end";
  image.append(
    svg("line", { class: "al", x1: x(at), x2: x(at), y1: head - 5, y2: head + 3 }),
    svg("text", { class: "a", x: x(at), y: 12, "text-anchor": anchor }, `settled at ${at}`),
  );
  // The real token is never likelier in the output than the answer: its label stays below the answer's, above the
  // ticks.
  const low = Math.min(head + tall - 12, y(column[last].target?.probability ?? 0)),
    high = Math.min(y(column[last].answer_probability ?? 0), other ? low - 16 : Infinity);
  image.append(
    svg("text", { class: "a mono", x: x(last) + 6, y: high + 4, "font-weight": "600" }, clip(plain(answer?.token), 11)),
  );
  if (other)
    image.append(
      svg("text", { class: "mono", x: x(last) + 6, y: low + 4 }, clip(plain(target.token), 11)),
      svg("text", { class: "m", x: x(last) + 6, y: low + 15, "font-size": "10" }, "right"),
    );
  const step = (x(last) - left) / Math.max(1, last);
  image.append(
    svg("rect", {
      class: "hot",
      x: left - step / 2,
      y: head,
      width: x(last) - left + step,
      height: tall,
      on: { click: (event) => move({ layer: Math.round((event.offsetX - left) / step) }) },
    }),
  );
  return image;
}

function drawNumbers(record, state) {
  const { tokens, positions, grid, settled } = record,
    last = grid.length - 1,
    position = positions[state.column];
  const columns = [
    { head: "layer", n: true },
    { head: "top token", w: true },
    { head: "id", n: true },
    { head: "probability", n: true },
    { head: "answer's probability", n: true },
    { head: "entropy, bits", n: true },
    { head: "KL, bits", n: true },
    { head: "real token's rank", n: true },
    { head: "probability", n: true },
    { head: "surprisal, bits", n: true },
  ];
  const rows = grid.map((row) => {
    const cell = row.cells[state.column],
      {
        top: [first],
        target,
      } = cell;
    return [
      row.layer,
      plain(first?.token),
      first?.id,
      first?.probability,
      cell.answer_probability,
      cell.entropy_bits,
      cell.kl_bits,
      target?.rank,
      target?.probability,
      target?.surprisal_bits,
    ];
  });
  const target = grid[last].cells[state.column].target;
  const best = grid[state.layer].cells[state.column].top.map((top, i) => [
    i + 1,
    plain(top.token),
    top.id,
    top.probability,
  ]);
  return el(
    "div",
    {},
    hint(
      `Token ${position}, ${plain(tokens[position])}: the output's answer is ` +
        `${plain(grid[last].cells[state.column].top[0]?.token)}, settled at layer ` +
        `${settled[state.column]}${target ? `; the right token: ${plain(target.token)} (id ${target.id})` : ""}.`,
    ),
    table(columns, rows),
    hint(`${nameOf(state.layer, last)}: its likeliest tokens.`),
    table(
      [
        { head: "rank", n: true },
        { head: "token", w: true },
        { head: "id", n: true },
        { head: "probability", n: true },
      ],
      best,
    ),
  );
}
