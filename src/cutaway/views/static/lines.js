// One token's lines, both ways: who looks at it and at whom it looks. In long texts only its neighbours and the
// strongest others are named, with a gap where positions are left out.

import { clip } from "./canvas.js";
import { el, fit, over, plain, svg } from "./draw.js";
import { picture } from "./plots.js";
import { columnOf, notable, rowOf } from "./weights.js";

const ROOM = 34;

export function linesView(figure) {
  const box = fit((width) => draw(figure, width));
  const title = over(figure.now().stack.crossed ? "One query, one key" : "One token, both ways");
  return { node: el("div", {}, title, box), update: box.redraw };
}

function draw(figure, width) {
  const scene = figure.now(),
    { map, rows, columns, selected } = scene,
    crossed = scene.stack.crossed;
  if (!map) return el("div");
  const sees = rowOf(map, selected),
    seen = columnOf(map, scene.columnCells),
    most = Math.max(rows.length, columns.length);
  const step = most > ROOM ? 19 : Math.max(13, Math.min(21, Math.floor(900 / most))),
    top = 34,
    wide = Math.max(290, Math.min(width, 460));
  const onRight = crossed
    ? notable(sees, scene.column, ROOM)
    : notable(
        sees.map((value, i) => Math.max(value, seen[i])),
        scene.row,
        ROOM,
      );
  const onLeft = crossed ? notable(seen, scene.row, ROOM) : onRight,
    tall = top + Math.max(onLeft.length, onRight.length) * step + 10;
  const middle = wide / 2,
    left = wide * 0.27,
    right = wide * 0.73,
    y = (i) => top + (i + 0.5) * step,
    y0 = y((onRight.length - 1) / 2);
  const image = picture(
    wide,
    tall,
    "Lines from the tokens that look at the chosen token, and to those it looks at; the table below has the numbers.",
  );
  const head = (x, text, anchor) => svg("text", { class: "m", x, y: 14, "text-anchor": anchor }, text);
  image.append(
    head(0, crossed ? "queries" : "these look at it", "start"),
    head(wide, crossed ? "keys" : "it looks at these", "end"),
  );
  const link = (x1, y1, x2, y2, weight, dash) => {
    if (weight >= 0.004)
      image.append(
        svg("path", {
          d: `M${x1} ${y1}C${(x1 + x2) / 2} ${y1} ${(x1 + x2) / 2} ${y2} ${x2} ${y2}`,
          fill: "none",
          stroke: "currentColor",
          "stroke-width": Math.max(0.4, weight * 9),
          "stroke-opacity": 0.25 + 0.6 * weight,
          "stroke-dasharray": dash,
        }),
      );
  };
  const label = (group, x, at, anchor, weight, chosen, pick) =>
    image.append(
      svg(
        "text",
        {
          class: `mono ${chosen ? "a" : weight >= 0.1 ? "" : "m"}`,
          x,
          y: y(at) + 4,
          "text-anchor": anchor,
          "font-size": step < 16 ? "10" : null,
          "font-weight": weight >= 0.1 || chosen ? "600" : null,
          cursor: "pointer",
          on: { click: pick },
        },
        clip(plain(group.name), 9),
      ),
    );
  const number = (weight, x, at, anchor) => {
    if (weight >= 0.05)
      image.append(
        svg("text", { class: "m", x, y: y(at) + 4, "text-anchor": anchor, "font-size": "10" }, weight.toFixed(2)),
      );
  };
  const gaps = (shown, x, named) =>
    shown.forEach((i, at) => {
      if (at && i > shown[at - 1] + 1 && named(shown[at - 1]) && named(i))
        image.append(
          svg("line", {
            class: "l",
            x1: x - 16,
            x2: x + 16,
            y1: y(at - 0.5),
            y2: y(at - 0.5),
            "stroke-dasharray": "2 3",
          }),
        );
    });
  const last = Math.max(...selected),
    first = Math.min(...selected),
    rowAt = (row) => y(onLeft.indexOf(row));
  const onThisLeft = (i) => crossed || !map.causal || i >= first,
    onThisRight = (i) => crossed || !map.causal || i <= last;
  onLeft.forEach((i, at) => {
    if (!onThisLeft(i)) return;
    if (crossed) {
      const key = onRight.indexOf(scene.column);
      if (key >= 0) link(left + 6, y(at), right - 6, y(key), seen[i], "5 3");
    } else link(left + 6, y(at), middle - 38, y0, seen[i], "5 3");
    label(rows[i], left, at, "end", seen[i], crossed && selected.includes(i), (event) =>
      figure.pick({ row: i, event }),
    );
    number(seen[i], 0, at, "start");
  });
  onRight.forEach((i, at) => {
    if (!onThisRight(i)) return;
    if (!crossed) link(middle + 38, y0, right - 6, y(at), sees[i]);
    else for (const row of selected) if (onLeft.includes(row)) link(left + 6, rowAt(row), right - 6, y(at), sees[i]);
    label(columns[i], right, at, "start", sees[i], i === scene.column && crossed, (event) =>
      figure.pick(crossed ? { column: i } : { row: i, event }),
    );
    number(sees[i], wide, at, "end");
  });
  gaps(onLeft, left - 16, onThisLeft);
  gaps(onRight, right + 16, onThisRight);
  if (crossed) return image;
  const name = selected.length > 1 ? `${selected.length} tokens` : clip(plain(rows[scene.row].name), 9);
  image.append(
    svg("rect", { class: "box", x: middle - 38, y: y0 - 14, width: 76, height: 28 }),
    svg("text", { class: "mono a", x: middle, y: y0 + 4, "text-anchor": "middle", "font-weight": "600" }, name),
  );
  return image;
}
