// Heads of two models that are each other's best match: small maps to choose from, the chosen two large, side by side.

import { byteOf, canvasOf, clip, hatch, image, MONO, shadesOf } from "./canvas.js";
import { colour, el, fit, fixed, hint, plain, table, twin } from "./draw.js";
import { edges } from "./edges.js";
import { shadeKey } from "./headgrid.js";
import { onTheme } from "./lifetime.js";
import { openMaps } from "./packing.js";
import { option, rover } from "./rover.js";
import { headMap, rowOf, shrink, weight } from "./weights.js";

const SMALL = 84,
  NAMED = 44;

export function drawPairs(element, record, names) {
  const sides = [
      { ...record.a, maps: openMaps(record.maps_a, 1), key: "a" },
      { ...record.b, maps: openMaps(record.maps_b, 1), key: "b" },
    ],
    cells = cellsOf(record);
  const state = { pair: -1, maps: null, shades: shadesOf() },
    loaded = new Map();
  const load = (i) => {
    if (!loaded.has(i))
      loaded.set(
        i,
        Promise.all(sides.map(async (side) => headMap(await side.maps.layer(i), 0, side.maps, side.causal))),
      );
    return loaded.get(i);
  };
  const cards = record.pairs.map((pair, i) =>
    el(
      "div",
      option(i, {
        class: "duo",
        "aria-label": `A ${pair.a.join(".")} and B ${pair.b.join(".")}, similarity ${fixed(pair.similarity, 3)}`,
      }),
      el("div", { class: "thumbs" }),
      el("div", {}, `A ${pair.a.join(".")} · B ${pair.b.join(".")}`),
      el("div", { class: "value" }, fixed(pair.similarity, 3)),
    ),
  );
  const list = el("div", { class: "duos" }, cards),
    about = el("p", { class: "readout", role: "status" });
  const large = fit((width) =>
    state.maps
      ? el(
          "div",
          { class: "two" },
          state.maps.map((map, i) =>
            drawLarge(
              map,
              cells,
              state.shades,
              `${i ? "B" : "A"} · ${names[i]} · ${record.pairs[state.pair][i ? "b" : "a"].join(".")}`,
              width,
            ),
          ),
        )
      : el("div"),
  );
  const numbers = twin("The two maps as tables", () => (state.maps ? tables(names, cells, state) : el("div")));
  const paintSmall = async () => {
    for (const [i, card] of cards.entries()) {
      const maps = await load(i);
      card.firstChild.replaceChildren(...maps.map((map) => drawSmall(map, state.shades)));
    }
  };
  const rove = rover(list, "Pairs of heads; arrow keys choose", async (i) => {
    const maps = await load(i);
    Object.assign(state, { pair: i, maps });
    about.replaceChildren(...describe(record.pairs[i], names, record));
    large.redraw();
    numbers.refresh();
  });
  onTheme(element, () => {
    state.shades = shadesOf();
    paintSmall();
    large.redraw();
  });
  paintSmall();
  rove.pick(0);
  const cell = record.maps_a.pool > 1 ? ` A cell is ${record.maps_a.pool} × ${record.maps_a.pool} segments.` : "";
  return [
    hint(
      "Heads that are each other's best match, then best matches one way. Rows look at columns, segment by " +
        "segment; similarity is the mean over rows of Σ √(p q), 1 where both look alike. All pairs: " +
        `${fixed(record.similarity_mean, 3)} on average.${cell}`,
    ),
    list,
    about,
    large,
    shadeKey("0", "1", "share of a row's attention (shade: square root); hatched: a causal model may not look there"),
    numbers,
  ];
}

function cellsOf(record) {
  const [from, to] = record.compared,
    { pool } = record.maps_a,
    names = [];
  for (let at = from; at < to; at += pool) names.push(plain(record.segments[at].text));
  return names;
}

function describe(pair, names, record) {
  const share = (side) =>
    record.matches.find(
      (match) => match.model === side && match.layer === pair[side][0] && match.head === pair[side][1],
    )?.share;
  const said = (side, i) => [
    el("b", {}, `${side.toUpperCase()} ${pair[side].join(".")}`),
    ` of ${names[i]} (${pair[`role_${side}`]}`,
    share(side) < 0.9995
      ? `; ${fixed(100 * share(side), 0)} % of its attention is on the text, the rest on special tokens)`
      : ")",
  ];
  return [
    ...said("a", 0),
    " and ",
    ...said("b", 1),
    `: similarity ${fixed(pair.similarity, 3)}${pair.mutual ? ", each the other's best match" : ""}.`,
  ];
}

function drawSmall(map, shades) {
  const { canvas, pen, sharp } = canvasOf(SMALL, SMALL),
    small = document.createElement("canvas"),
    side = Math.round((SMALL - 2) * sharp);
  image(small, shrink(map, Math.min(side, map.columns), Math.min(side, map.rows)), shades);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 1, 1, SMALL - 2, SMALL - 2);
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(0.5, 0.5, SMALL - 1, SMALL - 1);
  return canvas;
}

function drawLarge(map, cells, shades, title, width) {
  const named = cells.length <= NAMED,
    names = cells.map((name) => clip(name, 10)),
    side = named ? Math.min(88, 12 + 7 * Math.max(...names.map((name) => [...name].length))) : 4;
  const room = (width >= 680 ? (width - 24) / 2 : width) - side - 34,
    unit = Math.max(named ? 8 : 0.1, Math.min(30, room / cells.length)),
    size = unit * cells.length;
  const { canvas, pen } = canvasOf(side + size + (named ? 30 : 4), side + size + 4),
    small = document.createElement("canvas");
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${title}; the table below has the numbers.`);
  pen.imageSmoothingEnabled = false;
  if (named) paintCells(pen, map, shades, side, unit);
  else {
    const most = Math.round(Math.min(size * 2, cells.length));
    image(small, shrink(map, most, most), shades);
    pen.drawImage(small, side, side, size, size);
  }
  if (map.causal)
    hatch(pen, side, side, size, size, () => {
      pen.moveTo(side + unit, side);
      for (let row = 0; row < cells.length; row += 1)
        for (const end of [row, row + 1]) pen.lineTo(Math.min(side + size, side + (row + 1) * unit), side + end * unit);
      pen.lineTo(side + size, side);
    });
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(side - 0.5, side - 0.5, size + 1, size + 1);
  if (named) {
    pen.font = `${unit < 13 ? 9 : 12}px ${MONO}`;
    pen.textBaseline = "middle";
    pen.fillStyle = colour("--ink");
    names.forEach((name, i) => {
      pen.textAlign = "right";
      pen.fillText(name, side - 5, side + (i + 0.5) * unit);
      pen.save();
      pen.translate(side + (i + 0.5) * unit, side - 5);
      pen.rotate(-Math.PI / 3);
      pen.textAlign = "left";
      pen.fillText(name, 0, 0);
      pen.restore();
    });
  }
  return edges(el("div", { class: "scroll" }, el("p", { class: "hint" }, title), canvas));
}

function paintCells(pen, map, shades, side, unit) {
  for (let row = 0; row < map.rows; row += 1)
    for (let column = 0; column < (map.causal ? row + 1 : map.columns); column += 1) {
      pen.fillStyle = shades.css[byteOf(weight(map, row, column))];
      pen.fillRect(side + column * unit, side + row * unit, unit - 0.5, unit - 0.5);
    }
}

function tables(names, cells, state) {
  const shown = cells.slice(0, 64),
    label = (i) => `${i} ${cells[i]}`;
  return el(
    "div",
    {},
    state.maps.map((map, which) => [
      hint(
        `${which ? "B" : "A"} · ${names[which]}: from the row's segment to the ` +
          `column's${shown.length < cells.length ? `; the first ${shown.length} of ${cells.length}` : ""}.`,
      ),
      table(
        [{ head: "from", w: true }, ...shown.map((_, i) => ({ head: label(i), n: true }))],
        shown.map((_, i) => [label(i), ...Array.from(rowOf(map, [i]).slice(0, shown.length))]),
      ),
    ]),
  );
}
