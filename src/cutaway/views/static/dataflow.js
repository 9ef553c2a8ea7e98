// The path of the data as a drawing: a channel from the ids to the probabilities, the residual stream, with the parts
// of a block beside it, each of which reads the stream and adds to it.
import { columnsOf, count, el, fit, hint, short, svg, table, twin } from "./draw.js";

const STREAM = 30,
  LEFT = 74,
  GAP = 18,
  LINE = 16;

// reveal(name) shows the part of that name in the list of all parts.
export function dataflow(columns, reveal) {
  const box = fit((width) => draw(columns, width, reveal));
  return el(
    "div",
    { class: "dataflow" },
    box,
    hint(
      "⊕: what the part computed is added to the stream. T: the number of tokens. Choose a part to find it " +
        "among all parts.",
    ),
    steps(columns),
  );
}

function draw(columns, width, reveal) {
  const beside = columns.length > 1 && width >= 600,
    wide = Math.min(beside ? (width - 40) / 2 : width, 440),
    image = svg("svg", {
      role: "group",
      "aria-label":
        "The path of the data from token ids to the result, step by step; the table below says the same in words.",
    });
  image.append(
    svg(
      "defs",
      {},
      svg(
        "pattern",
        { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(-45)" },
        svg("line", { class: "l", x1: 0, x2: 6, y1: 0, y2: 0 }),
      ),
    ),
  );
  let x = 0,
    y = 0,
    tall = 0,
    read = null;
  for (const { title, steps: own } of columns) {
    const group = svg("g", { transform: `translate(${x} ${y})` });
    if (title) group.append(svg("text", { x: 0, y: 13, "font-weight": "600" }, title));
    const made = column(group, own, wide, title ? 26 : 4, reveal),
      at = { x, y, ...made };
    image.append(group);
    if (read && made.cross !== null) image.append(crossing(read, at, beside, wide));
    read ??= at;
    tall = Math.max(tall, y + made.height);
    if (beside) x += wide + 40;
    else y += made.height + 34;
  }
  for (const [name, value] of [
    ["width", Math.max(width, beside ? x - 40 : wide)],
    ["height", tall + 6],
  ])
    image.setAttribute(name, value);
  return image;
}

// From the end of the encoder to the part of the decoder that reads it.
function crossing(from, to, beside, wide) {
  const [x0, y0, y1] = [from.x + wide, from.y + from.end, to.y + to.cross];
  const path = beside ? `M${x0} ${y0}h20V${y1}H${to.x + LEFT}` : `M${x0 - 6} ${y0}h5V${y1}h-5`;
  return svg("path", { class: "al", d: path });
}

// Draws the steps from top to bottom; returns the height, the middle of the last station, and where cross-attention is.
function column(group, own, wide, top, reveal) {
  let y = top,
    cross = null,
    end = top,
    started = null;
  const stream = (to) => {
    if (started !== null) group.prepend(svg("line", { class: "stream", x1: STREAM, x2: STREAM, y1: started, y2: to }));
    started = to;
  };
  const arrow = (at) => group.append(svg("path", { d: `M${STREAM} ${at}l-5 -8h10z`, fill: "currentColor" }));
  const put = (step, inset = 0) => {
    if (step.kind === "block") {
      block(step);
      return;
    }
    if (step.kind === "part") {
      part(step, inset);
      return;
    }
    const lines = wrap(step.says, wide - 26),
      tall = 28 + lines.length * LINE;
    stream(y);
    if (y > top) arrow(y);
    group.append(face(step, 0, y, wide, tall, lines, reveal));
    end = y + tall / 2;
    started = y + tall;
    y += tall + GAP;
  };
  const part = (step, inset) => {
    const side = wide - LEFT - inset,
      lines = wrap(step.says, side - 20),
      tall = 28 + lines.length * LINE,
      norms = (step.before ? 22 : 0) + (step.after ? 22 : 0),
      from = y + 11;
    group.append(
      svg("path", { class: "i", d: `M${STREAM} ${from}H${LEFT - 7}` }),
      svg("path", { d: `M${LEFT} ${from}l-8 -4v8z`, fill: "currentColor" }),
    );
    if (step.before) {
      group.append(strip(LEFT, y, side, "norm"));
      y += 22;
    }
    group.append(face(step, LEFT, y, side, tall, lines, reveal));
    if (step.crossed) cross = y + tall / 2;
    y += tall;
    if (step.after) {
      group.append(strip(LEFT, y, side, "norm"));
      y += 22;
    }
    const back = y + 10;
    group.append(
      svg("path", { class: "i", d: `M${LEFT + 16} ${y}V${back}H${STREAM + 9}` }),
      svg("circle", { class: "box", cx: STREAM, cy: back, r: 8 }),
      svg("path", { class: "i", d: `M${STREAM - 5} ${back}h10m-5 -5v10` }),
    );
    y = back + GAP + (norms ? 0 : 2);
    if (step.onStream) {
      group.append(strip(8, y, wide - 8 - inset, "norm"));
      y += 22 + GAP;
    }
  };
  const block = (step) => {
    if (step.width) {
      group.append(
        svg("text", { class: "m", x: STREAM + 12, y: y + 6 }, `residual stream: T × ${count(step.width)} numbers`),
      );
      y += 20;
    }
    const from = y,
      frame = svg("g");
    group.append(frame);
    y += 34;
    step.steps.forEach((inner) => put(inner, 32));
    const tall = y - from,
      side = wide - 22,
      many = step.times.count > 1;
    if (many)
      for (let i = 2; i >= 1; i -= 1)
        frame.append(svg("rect", { class: "box", x: 0.5 + i * 7, y: from + i * 7, width: side, height: tall + 14 }));
    frame.append(
      svg("rect", { class: "box", x: 0.5, y: from, width: side, height: tall + 14 }),
      svg("rect", { x: 1, y: from + tall, width: side - 1, height: 14, fill: many ? "url(#hatch)" : "none" }),
    );
    frame.append(
      svg(
        "text",
        { x: LEFT, y: from + 21, "font-weight": "600" },
        step.title,
        many ? svg("tspan", { class: "a" }, ` × ${count(step.times.count)}`) : null,
        step.times.note ? svg("tspan", { class: "m", "font-weight": "400" }, `  ${step.times.note}`) : null,
      ),
    );
    // The frame is opaque, so the stream inside is drawn on it.
    frame.append(svg("line", { class: "stream", x1: STREAM, x2: STREAM, y1: from, y2: from + tall + 14 }));
    y = from + tall + 14 + (many ? 14 : 0) + GAP;
  };
  own.forEach((step) => put(step));
  return { height: y - GAP, end, cross };
}

function strip(x, y, wide, text) {
  return svg(
    "g",
    {},
    svg("rect", { class: "tint", x, y, width: wide, height: 22 }),
    svg("text", { class: "m", x: x + 10, y: y + 15 }, text),
  );
}

function face(step, x, y, wide, tall, lines, reveal) {
  const data = step.kind === "data",
    size = step.parameters ? `${short(step.parameters)} parameters` : "";
  const whole = svg(
    "g",
    {},
    svg("rect", {
      class: data ? "tint" : "box",
      x: x + 0.5,
      y: y + 0.5,
      width: wide - 1,
      height: tall - 1,
      rx: data ? 12 : 0,
    }),
    svg("text", { x: x + 12, y: y + 19, "font-weight": "600" }, step.title),
    size && (step.title.length + size.length) * 7 + 30 < wide
      ? svg("text", { class: "m", x: x + wide - 10, y: y + 19, "text-anchor": "end", "font-size": "11" }, size)
      : null,
    lines.map((line, i) => svg("text", { class: "m", x: x + 12, y: y + 36 + i * LINE }, line)),
  );
  if (!step.name) return whole;
  return svg(
    "a",
    {
      href: "#",
      "aria-label": `${step.title}: show it among all parts`,
      on: {
        click: (event) => {
          event.preventDefault();
          reveal(step.name);
        },
      },
    },
    whole,
  );
}

function wrap(texts, room) {
  const most = Math.floor(room / 6.5),
    lines = [];
  for (const text of texts.filter(Boolean)) {
    let line = "";
    for (const word of text.split(" ")) {
      if (line && line.length + word.length + 1 > most) {
        lines.push(line);
        line = "";
      }
      line = line ? `${line} ${word}` : word;
    }
    lines.push(line);
  }
  return lines;
}

function steps(columns) {
  const rows = columns.flatMap(({ title, steps: own }) =>
    own.flatMap((step) =>
      step.kind === "block"
        ? step.steps.map((inner) => [
            title,
            `in each of ${count(step.times.count)} blocks: ${inner.title}`,
            [
              inner.before ? "normalised first" : "",
              ...inner.says,
              "is added to the stream",
              inner.onStream || inner.after ? "followed by a norm" : "",
            ]
              .filter(Boolean)
              .join("; "),
            inner.parameters ?? null,
          ])
        : [[title, step.title, step.says.join("; "), step.parameters ?? null]],
    ),
  );
  const two = columns.length > 1,
    cut = (row) => (two ? row : row.slice(1));
  return twin(
    "The path of the data as a table",
    table(cut(columnsOf("side | ~step | ~what happens | >parameters")), rows.map(cut)),
  );
}
