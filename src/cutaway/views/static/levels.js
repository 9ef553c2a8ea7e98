// A measure against a setting: the mean at every value with its 95 % interval; one line a model where there are
// several.

import { count, svg, ticks } from "./draw.js";
import { path, picture, rules } from "./plots.js";

export const SHORT = {
  scorer_perplexity: "surprise",
  scorer_bits_per_byte: "surprise, bits/byte",
  perplexity: "perplexity to itself",
  entropy_bits: "entropy, bits",
  dictionary_words: "dictionary words",
  repeated_4grams: "repeated 4-grams",
  distinct_1: "distinct-1",
  distinct_2: "distinct-2",
  self_bleu: "self-BLEU",
  compression_ratio: "compression",
  reading_ease: "reading ease",
  finished: "finished",
  tokens: "tokens",
};
const MARKS = 4,
  LETTER = 7; // lines that marks tell apart; pixels a letter of a tick's name needs at most

// What a value of a setting is called; a model that is a folder by its last part.
export function called(value) {
  if (value === null || value === undefined) return "off";
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = String(value);
  return /^[./]/.test(text) ? text.replace(/\/+$/, "").split("/").pop() : text;
}

export function shown(value, measure) {
  if (typeof value !== "number") return "–";
  if (measure?.unit === "share")
    return `${String(Number((100 * value).toPrecision(value > 0.1 ? 3 : 2))).replace("-", "−")} %`;
  return (Math.abs(value) >= 1000 ? count(value) : String(Number(value.toPrecision(3)))).replace("-", "−");
}

// The lines of a plot: the effect on all models together, or on each of a few.
export function linesOf(record, setting, key) {
  const found = record.effects.filter((effect) => effect.setting === setting && effect.measure === key);
  const own = found.filter((effect) => effect.model !== null).slice(0, MARKS);
  return own.length > 1 ? own : found.filter((effect) => effect.model === null);
}

export function levelsPlot({ lines, measure, width, height = 168, title }) {
  const image = picture(width, height, `${title}: means with 95 % intervals; the table below has the numbers.`);
  const pad = { left: 46, right: 8, top: 28, bottom: 24 },
    bottom = height - pad.bottom;
  const values = lines
    .flatMap((line) => line.levels.flatMap((level) => [level.mean, level.low, level.high]))
    .filter((value) => typeof value === "number");
  const scale = values.length ? scaleOf(values, measure, bottom - 5, pad.top + 4) : { marks: [] };
  pad.left = Math.max(pad.left, ...scale.marks.map((at) => shown(at, measure).length * LETTER + 10));
  image.append(
    svg("text", { x: 0, y: 14, "font-weight": "600" }, title),
    svg("path", { class: "i", d: `M${pad.left} ${pad.top}V${bottom}H${width - pad.right}` }),
  );
  if (!values.length) {
    image.append(svg("text", { class: "m", x: pad.left + 8, y: pad.top + 20 }, "no numbers"));
    return image;
  }
  const levels = lines[0].levels,
    room = (width - pad.left - pad.right) / levels.length;
  const name = (at) => shown(at, measure);
  image.append(
    ...rules(scale.marks, pad.left, width - pad.right, scale.to, { name, gap: 5, size: "11", dotted: true }),
  );
  const names = levels.map((level) => called(level.value)),
    longest = Math.max(...names.map((name) => name.length)),
    every = Math.ceil((longest * LETTER + 7) / Math.max(room, 12)),
    fits = Math.max(4, Math.floor((room * every - 7) / LETTER));
  names.forEach((name, i) => {
    if (i % every === 0)
      image.append(
        svg(
          "text",
          { class: "m", x: pad.left + (i + 0.5) * room, y: bottom + 16, "text-anchor": "middle", "font-size": "11" },
          name.length > fits ? `${name.slice(0, fits - 1)}…` : name,
        ),
      );
  });
  lines.forEach((line, which) => {
    const aside = (which - (lines.length - 1) / 2) * 6,
      known = line.levels
        .map((level, i) => ({ ...level, x: pad.left + (i + 0.5) * room + aside }))
        .filter((level) => typeof level.mean === "number");
    const clear = new Set(line.changes.filter((change) => change.clear).map((change) => change.to));
    if (line.setting !== "model")
      image.append(
        svg("path", {
          class: "l",
          d: path(known.map((level) => [level.x, scale.to(level.mean)])),
        }),
      );
    for (const level of known) {
      if (typeof level.low === "number")
        image.append(
          svg("line", {
            class: clear.has(level.value) ? "al" : "i",
            x1: level.x,
            x2: level.x,
            y1: scale.to(level.low),
            y2: scale.to(level.high),
          }),
        );
      image.append(
        mark(
          which,
          level.x,
          scale.to(level.mean),
          lines.length > 1 ? `pt${which}` : clear.has(level.value) ? "hotdot" : "dot",
        ),
      );
    }
  });
  return image;
}

export function mark(which, x, y, name) {
  if (which === 1) return svg("rect", { class: name, x: x - 3.5, y: y - 3.5, width: 7, height: 7 });
  if (which === 2) return svg("path", { class: name, d: `M${x} ${y - 4.5}l4.5 8h-9z` });
  if (which === 3) return svg("path", { class: name, d: `M${x} ${y - 5}l5 5l-5 5l-5 -5z` });
  return svg("circle", { class: name, cx: x, cy: y, r: 4 });
}

function scaleOf(values, measure, low, high) {
  const log = measure?.log === true,
    bend = log ? (value) => Math.log(Math.max(value, 1e-9)) : (value) => value;
  let [from, to] = [Math.min(...values.map(bend)), Math.max(...values.map(bend))];
  if (measure?.unit === "share") {
    from = Math.max(-0.02, Math.min(0, from));
    to = Math.min(1.02, Math.max(0.05, to));
  }
  const range = to - from || 1,
    place = (value) => low - ((Math.min(Math.max(bend(value), from), to) - from) / range) * (low - high);
  return {
    to: place,
    marks: log ? powers(from, to) : ticks(from, to, 4).filter((at) => at >= from - 1e-9 && at <= to + 1e-9),
  };
}

function powers(from, to) {
  const marks = [];
  for (let power = Math.floor(from / Math.LN10); power <= to / Math.LN10; power += 1)
    for (const m of [1, 2, 5]) marks.push(m * 10 ** power);
  const inside = marks.filter((at) => Math.log(at) >= from - 1e-9 && Math.log(at) <= to + 1e-9),
    tens = inside.filter((at) => Math.abs(Math.log10(at) - Math.round(Math.log10(at))) < 1e-9);
  if (inside.length < 2)
    return ticks(Math.exp(from), Math.exp(to), 3).filter(
      (at) => Math.log(at) >= from - 1e-9 && Math.log(at) <= to + 1e-9,
    );
  const marked = tens.length > 2 ? tens : inside,
    every = Math.ceil(marked.length / 6);
  return marked.filter((_, i) => i % every === 0);
}
