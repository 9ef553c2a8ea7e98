// How surprised a model is by a text: each token's surprisal in bits, the entropy before it, and what it expects next.

import {
  bars,
  columnsOf,
  count,
  el,
  exact,
  facts,
  fit,
  fixed,
  heading,
  hint,
  legible,
  likeliest,
  over,
  percent,
  plain,
  readout,
  surprise,
  surpriseKey,
  svg,
  table,
  twin,
} from "./draw.js";
import { markBar, strip } from "./plots.js";
import { pieces, rover } from "./rover.js";
import { meanings } from "./terms.js";

export function drawScore(element, record) {
  const line = readout();
  const tokens = record.tokens;
  const words = pieces(
    tokens.map((token) => token.token),
    (i) => surprise(tokens[i].surprisal_bits),
  );
  const text = el(
    "p",
    { class: "text" },
    record.first
      ? el(
          "span",
          { class: "tok first", title: "The first token has nothing before it, so it is not scored" },
          legible(record.first.token, { spaces: false, breaks: true }),
        )
      : null,
    words,
  );
  let chosen = 0;
  const chart = fit((width) => drawStrip(tokens, width, chosen, (i) => rove.pick(i)));
  const rove = rover(words, "The scored tokens; arrow keys move", (i) => {
    chosen = i;
    line.replaceChildren(...describe(tokens[i]));
    markBar(chart, i);
  });
  element.append(heading("Surprisal of a text", record.model), totals(record), text, surpriseKey(), line);
  if (tokens.length)
    element.append(
      meanings("surprisal", "entropy", "rank", "perplexity", "bits per byte"),
      over("Bits per token"),
      chart,
      ...next(record),
      numbers(record),
    );
  if (tokens.length) rove.pick(peak(tokens));
}

function peak(tokens) {
  return tokens.reduce(
    (best, token, i) => ((token.surprisal_bits ?? 0) > (tokens[best].surprisal_bits ?? 0) ? i : best),
    0,
  );
}

function totals(record) {
  return facts([
    ["tokens scored", count(record.tokens.length)],
    ["bits in all", fixed(record.total_bits, 1)],
    ["bits per token", fixed(record.bits_per_token, 3)],
    ["bits per byte of text", fixed(record.bits_per_byte, 3)],
    ["perplexity, tokens", fixed(record.perplexity, 2)],
  ]);
}

function describe(token) {
  return [
    el("code", {}, legible(token.token)),
    ` (id ${token.id}) cost ${fixed(token.surprisal_bits, 2)} bits: the model gave it ` +
      `${percent(Math.exp(token.logprob))}, rank ${count(token.rank)}. `,
    typeof token.entropy_bits === "number"
      ? `Its entropy before that token was ${fixed(token.entropy_bits, 2)} bits.`
      : "",
  ];
}

function drawStrip(tokens, width, chosen, pick) {
  const top = 16,
    most = Math.max(1, ...tokens.map((token) => Math.max(token.surprisal_bits ?? 0, token.entropy_bits ?? 0)));
  const marks = (i, x, slot, y, foot) => {
    const { surprisal_bits: value, entropy_bits: entropy } = tokens[i],
      high = y(value ?? 0);
    return [
      svg("rect", { class: "barfill", x: x + 3, y: high, width: slot - 6, height: Math.max(0.5, foot - high) }),
      typeof entropy === "number"
        ? svg("line", { class: "al", x1: x + 1, x2: x + slot - 1, y1: y(entropy), y2: y(entropy) })
        : null,
    ];
  };
  const { image, end, y } = strip({
    names: tokens.map((token) => token.token),
    most,
    width,
    room: 64,
    slots: [16, 46],
    top,
    label: "Bars: surprisal of each token in bits. Marks: entropy in bits. The table below has the numbers.",
    chosen,
    pick,
    marks,
  });
  const last = tokens[tokens.length - 1].entropy_bits,
    place = typeof last === "number" ? y(last) : top;
  image.append(svg("text", { class: "a", x: end + 4, y: Math.max(top + 4, place + 4) }, "— entropy"));
  return image;
}

function next(record) {
  if (!record.next?.length) return [];
  return [
    over("What would come next: P(next | text)"),
    bars(likeliest(record.next), 1),
    hint(
      "Long bars: the model is sure. A long hatched bar: the probability is spread over the rest of the vocabulary.",
    ),
  ];
}

function numbers(record) {
  const columns = columnsOf(
    ">token | `piece | >id | >log-probability, nats | >surprisal, bits | >rank",
    ">entropy, bits",
  );
  const rows = record.tokens.map((token, i) => [
    i + 1,
    plain(token.token),
    token.id,
    token.logprob,
    token.surprisal_bits,
    token.rank,
    token.entropy_bits,
  ]);
  if (record.first) rows.unshift([0, plain(record.first.token), record.first.id, null, null, null, null]);
  const total = hint(
    `Sum: ${exact(record.total_nats)} nats = ${exact(record.total_bits)} bits; ` +
      `${exact(record.bits_per_token)} bits per token; ${exact(record.bits_per_byte)} bits per byte; perplexity ` +
      `${exact(record.perplexity)}.`,
  );
  return twin("The scores as a table", el("div", {}, total, table(columns, rows)));
}
