// One measure as dots with 95 % intervals: the model and, below it, the baselines, the best first.
import { count, legible, svg, ticks } from "./draw.js";
import { picture } from "./plots.js";

const ROW = 24,
  LETTER = 6.4,
  WIDE = 9.2, // a capital, or one of @ = + % &
  BOLD = 1.2, // times as wide
  NAME = 26; // letters of a name that have room

// A number with the digits that are read.
export function shown(value) {
  if (typeof value !== "number") return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(1).replace("e+", "e");
  const text = size >= 1000 ? count(value) : value.toFixed(size < 10 ? 3 : size < 100 ? 2 : 1);
  return text.replace("-", "−");
}

export function range(measured) {
  return typeof measured?.low === "number" ? `${shown(measured.low)} to ${shown(measured.high)}` : "–";
}

// entries: {name, own, measured}, in the order in which they are drawn. `log`: values that are far apart lie on a
// logarithmic scale.
export function intervalsPlot({ title, entries, width, log }) {
  const names = entries.map((entry) => clipped(legible(entry.name, { spaces: false }).textContent)),
    wide = entries.map((entry, i) => widthOf(names[i]) * (entry.own ? BOLD : 1)),
    pad = { left: Math.max(...wide) + 14, right: 62, top: 26 },
    bottom = pad.top + entries.length * ROW + 4,
    edge = width - pad.right;
  const image = picture(width, bottom + 24, `${title}: values with 95 % intervals; the table below has the numbers.`);
  const values = entries.flatMap(({ measured }) => [measured.value, measured.low, measured.high]);
  const scale = scaleOf(
    values.filter((value) => typeof value === "number"),
    pad.left + 6,
    edge - 8,
    log,
  );
  image.append(svg("text", { x: 0, y: 13, "font-weight": "600" }, title));
  const own = entries.find((entry) => entry.own)?.measured;
  if (typeof own?.low === "number") {
    const from = scale.to(own.low);
    image.append(
      svg("rect", {
        class: "tint",
        x: from,
        y: pad.top,
        width: Math.max(1, scale.to(own.high) - from),
        height: bottom - pad.top,
        "stroke-width": 0,
      }),
    );
  }
  for (const at of scale.marks)
    image.append(
      svg("line", {
        class: "l",
        x1: scale.to(at),
        x2: scale.to(at),
        y1: pad.top,
        y2: bottom,
        "stroke-dasharray": "1 4",
      }),
      svg(
        "text",
        { class: "m", x: scale.to(at), y: bottom + 16, "text-anchor": "middle", "font-size": "11" },
        marked(at),
      ),
    );
  image.append(svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${bottom}H${edge}` }));
  entries.forEach((entry, i) => {
    image.append(row(entry, names[i], pad.top + (i + 0.5) * ROW + 2, pad.left, width, scale));
  });
  return image;
}

function widthOf(name) {
  return [...name].reduce((sum, letter) => sum + (/[A-Z@=+%&]/.test(letter) ? WIDE : LETTER), 0);
}

function row({ own, measured }, name, y, left, width, scale) {
  const line = own ? "al" : "i",
    known = typeof measured.value === "number";
  return svg(
    "g",
    {},
    svg(
      "text",
      { class: own ? "a" : null, x: left - 8, y: y + 4, "text-anchor": "end", "font-weight": own ? "600" : null },
      name,
    ),
    known && typeof measured.low === "number"
      ? svg("path", {
          class: line,
          d: `M${scale.to(measured.low)} ${y - 4}v8m0 -4H${scale.to(measured.high)}m0 -4v8`,
        })
      : null,
    known
      ? svg("circle", { class: own ? "hotdot" : "dot", cx: scale.to(measured.value), cy: y, r: own ? 4.5 : 3.5 })
      : null,
    svg(
      "text",
      { class: own ? "a" : "m", x: width, y: y + 4, "text-anchor": "end", "font-weight": own ? "600" : null },
      shown(measured.value),
    ),
  );
}

function scaleOf(values, left, right, far) {
  if (!values.length) return { to: () => left, marks: [] };
  const log = far && Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > 5,
    bend = log ? Math.log : (value) => value;
  let [from, to] = [Math.min(...values.map(bend)), Math.max(...values.map(bend))];
  const air = (to - from || Math.abs(to) || 1) * 0.06;
  from -= air;
  to += air;
  const place = (value) => left + ((bend(value) - from) / (to - from)) * (right - left);
  const marks = log ? powers(from, to) : ticks(from, to, 4).filter((at) => at >= from && at <= to);
  const room = Math.max(1, Math.floor((right - left) / 52)),
    every = Math.ceil(marks.length / room);
  return { to: place, marks: marks.filter((_, i) => i % every === 0) };
}

function powers(from, to) {
  const marks = [];
  for (let power = Math.floor(from / Math.LN10); power <= to / Math.LN10; power += 1)
    for (const m of [1, 2, 5]) marks.push(Number(`${m}e${power}`));
  const inside = marks.filter((at) => Math.log(at) >= from && Math.log(at) <= to),
    tens = inside.filter((at) => Number.isInteger(Math.log10(at)));
  return tens.length > 2 ? tens : inside;
}

function marked(value) {
  return (Math.abs(value) >= 1e5 ? value.toExponential(0).replace("e+", "e") : String(value)).replace("-", "−");
}

function clipped(name) {
  return name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name;
}
