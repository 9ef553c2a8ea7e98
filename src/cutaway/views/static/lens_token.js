// One position of a lens: its sentence, its likeliest tokens, its way through the layers, its numbers.

import { clip } from "./canvas.js";
import {
  bars,
  columnsOf,
  count,
  el,
  fixed,
  hint,
  legible,
  likeliest,
  percent,
  plain,
  svg,
  table,
  ticks,
} from "./draw.js";
import { picture, rules } from "./plots.js";

export function describe(record, state, cell) {
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

export function drawGuesses(record, state, cell) {
  const answer = record.grid[record.grid.length - 1].cells[state.column].top[0];
  const rows = likeliest(cell.top, (top) => top.id === answer?.id);
  return [
    bars(rows, 1),
    rows.some((row) => row.chosen)
      ? hint("▸ marks the output's answer.")
      : hint("The output's answer is not among them."),
  ];
}

// How the answer's and the real token's probabilities grow from the embeddings to the output.
export function drawPath(record, state, width, move) {
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
  const image = picture(
    wide,
    head + tall + 40,
    "Lines: the probability of the output's answer, and of the real token, at each layer. The table below " +
      "has the numbers.",
  );
  const share = (at) => `${100 * at} %`;
  image.append(...rules([0, 0.5, 1], left, x(last), (at) => y(at) + 0.5, { name: share }));
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

export function drawNumbers(record, state) {
  const { tokens, positions, grid, settled } = record,
    last = grid.length - 1,
    position = positions[state.column];
  const columns = columnsOf(
    ">layer | `top token | >id | >probability | >answer's probability | >entropy, bits",
    ">KL, bits | >real token's rank | >probability | >surprisal, bits",
  );
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
    table(columnsOf(">rank | `token | >id | >probability"), best),
  );
}

export function nameOf(layer, last) {
  return layer === last ? `Layer ${layer} (output)` : layer === 0 ? "Layer 0 (embeddings)" : `Layer ${layer}`;
}
