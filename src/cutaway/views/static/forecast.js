// How a series goes on: for each channel what the model read, and the fan of what it thinks may come, beside the
// quantiles of forecasts without a model.
import {
  columnsOf,
  count,
  el,
  exact,
  facts,
  fit,
  heading,
  hint,
  over,
  percent,
  svg,
  table,
  ticks,
  twin,
} from "./draw.js";
import { words } from "./measures.js";
import { path, picture, rules } from "./plots.js";

const DASHES = ["7 4", "2 3", "9 3 2 3"];
const PAD = { left: 48, top: 12, bottom: 34 };

export function drawForecast(element, record) {
  const step = record.step,
    levels = record.levels,
    outer = `${percentile(levels[0])} to ${percentile(levels.at(-1))}`;
  element.append(
    heading("Forecast", record.model),
    facts([
      ["series", words(record.series)],
      [`${step}s ahead`, count(record.horizon)],
      [`${step}s that the model read`, count(record.read)],
      ["continuations", count(record.samples)],
    ]),
    hint(
      `The line is the series, 0 its last ${step}. The shaded fan is the model: the line in it is the median, its ` +
        `edges are quantiles, ${outer} the outermost. Dashed lines are the same outermost quantiles of forecasts ` +
        "without a model.",
    ),
    ...record.channels.flatMap((channel) => [
      over(channel.name),
      fit((width) => fan(record, channel, width)),
      twin(`${channel.name} as a table`, () => numbers(record, channel)),
    ]),
    el(
      "details",
      { class: "twin" },
      el("summary", {}, "How each forecast was made"),
      el(
        "dl",
        { class: "pairs" },
        Object.entries(record.made).map(([name, made]) => [el("dt", {}, words(name)), el("dd", {}, words(made))]),
      ),
      record.notes.map((note) => el("p", { class: "hint" }, words(note))),
    ),
  );
}

function percentile(level) {
  return percent(level).replace(".0 %", " %");
}

function numbers(record, channel) {
  const heads = record.levels.map((level) => `>${percentile(level)}`);
  return el(
    "div",
    {},
    table(
      columnsOf(`>${record.step}s ahead | by | >mean`, ...heads),
      channel.fans.flatMap((one) =>
        one.means.map((mean, h) => [h + 1, one.by, round(mean), ...one.quantiles.map((values) => round(values[h]))]),
      ),
    ),
    twin("The last numbers of the series", () =>
      table(
        columnsOf(`>${record.step} | >number`),
        channel.history.map((value, t) => [t + 1 - channel.history.length, value]),
      ),
    ),
  );
}

function round(value) {
  return typeof value === "number" ? Number(value.toPrecision(4)) : value;
}

function fan(record, channel, width) {
  const [model, ...others] = channel.fans,
    narrow = width < 560,
    height = 250,
    bottom = height - PAD.bottom,
    edge = width - (narrow ? 10 : 120),
    past = channel.history.length - 1;
  const shown = [
    ...channel.history,
    ...channel.fans.flatMap((one) => [...one.quantiles[0], ...one.quantiles.at(-1)]),
  ].filter((value) => typeof value === "number");
  const low = Math.min(...shown),
    high = Math.max(...shown),
    air = (high - low || 1) * 0.05;
  const x = (at) => PAD.left + ((at + past) / (past + record.horizon)) * (edge - PAD.left),
    y = (value) => bottom - ((value - low + air) / (high - low + 2 * air)) * (bottom - PAD.top);
  const image = picture(
    width,
    height,
    `${channel.name}: the series and the fan of what may come; the table below has the numbers.`,
  );
  image.append(
    ...rules(ticks(low, high, 4), PAD.left, edge, y, { name: (at) => exact(at).replace("-", "−"), dotted: true }),
  );
  for (const at of ticks(-past, record.horizon, narrow ? 4 : 8))
    image.append(
      svg("line", { class: "l", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4 }),
      svg("text", { class: "m", x: x(at), y: bottom + 16, "text-anchor": "middle" }, signed(at)),
    );
  image.append(
    svg("line", { class: "i", x1: x(0), x2: x(0), y1: PAD.top, y2: bottom, "stroke-opacity": 0.4 }),
    svg("text", { class: "m", x: edge, y: height - 3, "text-anchor": "end" }, `${record.step}s →`),
  );
  const last = channel.history.at(-1),
    ahead = (values) => [[x(0), y(last)], ...values.map((value, h) => [x(h + 1), y(value)])];
  for (let q = 0; q < Math.floor(model.quantiles.length / 2); q += 1)
    image.append(
      svg("path", {
        class: "fan",
        d: `${path([...ahead(model.quantiles[q]), ...ahead(model.quantiles.at(-1 - q)).reverse()])}Z`,
      }),
    );
  image.append(
    svg("path", { class: "i", d: path(known(channel.history, (t) => x(t - past), y)) }),
    svg("path", { class: "al", d: path(ahead(model.quantiles[Math.floor(model.quantiles.length / 2)])) }),
  );
  others.forEach((one, i) => {
    for (const values of [one.quantiles[0], one.quantiles.at(-1)])
      image.append(
        svg("path", {
          class: "i",
          d: path(values.map((value, h) => [x(h + 1), y(value)])),
          "stroke-dasharray": DASHES[i % DASHES.length],
        }),
      );
  });
  if (!narrow) image.append(...names(channel.fans, edge, y, bottom));
  return narrow ? el("div", {}, image, key(others)) : image;
}

function signed(at) {
  return at > 0 ? `+${at}` : String(at).replace("-", "−");
}

// The points of a series without the numbers that are missing.
function known(values, x, y) {
  return values.flatMap((value, t) => (typeof value === "number" ? [[x(t), y(value)]] : []));
}

// Each forecast is named at the right, with a leader to the end of its upper line.
function names(fans, edge, y, bottom) {
  let before = 4;
  return fans
    .map((one, i) => ({ name: i ? one.by : "model", at: y(one.quantiles.at(-1).at(-1)), own: !i, i }))
    .sort((a, b) => a.at - b.at)
    .flatMap(({ name, at, own, i }) => {
      before = Math.min(Math.max(at, before + 14), bottom);
      return [
        svg("line", { class: "l", x1: edge + 2, x2: edge + 12, y1: at, y2: before }),
        svg("line", {
          class: own ? "al" : "i",
          x1: edge + 14,
          x2: edge + 34,
          y1: before,
          y2: before,
          "stroke-dasharray": own ? null : DASHES[(i - 1) % DASHES.length],
        }),
        svg("text", { class: own ? "a" : "", x: edge + 38, y: before + 4 }, name),
      ];
    });
}

function key(others) {
  const line = (dashes, own) =>
    svg(
      "svg",
      { width: 24, height: 8, "aria-hidden": "true", style: { display: "inline-block" } },
      svg("line", { class: own ? "al" : "i", x1: 0, x2: 24, y1: 4, y2: 4, "stroke-dasharray": dashes }),
    );
  return el(
    "p",
    { class: "key" },
    el("span", {}, line(null, true), " model"),
    others.map((one, i) => el("span", {}, line(DASHES[i % DASHES.length], false), ` ${one.by}`)),
  );
}
