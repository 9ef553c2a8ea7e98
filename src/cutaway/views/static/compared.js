// Tokenizers compared: bars of one measure for every sample, and all measures in a table that sorts.
import { bars, count, el, exact, facts, fixed, heading, hint, legible, percent } from "./draw.js";
import { sortedTable } from "./headgrid.js";

const share = (value) => percent(value),
  small = (value, digits) => (value > 0 && value < 0.001 ? "< 0.001" : fixed(value, digits));
const MEASURES = [
  {
    key: "fertility",
    name: (sample) => `tokens per ${sample.unit}`,
    label: "tokens per word or symbol",
    said: (value) => small(value, 3),
    why:
      "Fewer tokens: more fits in a context. Words stand between spaces; sequences without words are counted by " +
      "symbol.",
  },
  {
    key: "bits_per_symbol",
    name: (sample) => `bits per ${sample.symbol}`,
    label: "bits per symbol, bigram model",
    said: (value) => small(value, 3),
    why:
      "A bigram model of the tokens, learned on half of the records and scored on the other half: all its bits, " +
      "divided by the symbols. This compares across vocabularies. If a tokenizer loses text, its bits leave out " +
      "what is lost: do not compare them.",
  },
  {
    key: "symbols_per_token",
    name: (sample) => `${sample.symbol}s per token`,
    label: "symbols per token",
    said: (value) => small(value, 2),
    why: "How much a token holds: characters, or numbers of a series.",
  },
  {
    key: "bytes_per_token",
    name: () => "bytes per token",
    label: "bytes per token",
    said: (value) => small(value, 2),
    why: "Bytes per token: of UTF-8 for text; a number of a series counts as eight.",
  },
  {
    key: "exact",
    name: () => "records that come back",
    label: "exact round trip",
    most: 1,
    lossless: true,
    said: share,
    why: "The share of records that are the same to the letter after encoding and decoding.",
  },
  {
    key: "error",
    name: () => "standard deviations",
    label: "how far numbers are off",
    lossless: true,
    said: (value) => small(value, 4),
    why:
      "Of a series: the root mean square by which its numbers are off after encoding and decoding, in standard " +
      "deviations of their channel. No bar: the tokens do not decode to numbers.",
  },
  {
    key: "unknown",
    name: () => "tokens that are unknown",
    label: "unknown",
    lossless: true,
    said: share,
    why: "The share of tokens that are <unk>, the stand-in for text that the vocabulary lacks. That text is lost.",
  },
  {
    key: "byte_fallback",
    name: () => "tokens that are bytes",
    label: "bytes instead of characters",
    lossless: true,
    said: share,
    why: "The share of tokens that are single bytes of a longer character. Nothing is lost, but there are more tokens.",
  },
  {
    key: "used",
    name: () => "of the vocabulary",
    label: "use of the vocabulary",
    said: share,
    why: "The share of the vocabulary that occurs at all.",
  },
  {
    key: "substitution",
    name: () => "tokens",
    label: "tokens changed by one replaced symbol",
    said: (value) => small(value, 2),
    why: "One symbol is replaced at random. Counted: the tokens from the first that changes to the last, on average.",
  },
  {
    key: "indel",
    name: () => "tokens",
    label: "tokens changed by one symbol in or out",
    said: (value) => small(value, 2),
    why:
      "One symbol is inserted or deleted at random, in a window of at most 200 symbols. With words of a fixed " +
      "length all later tokens change.",
  },
  {
    key: "encode_mb_per_s",
    name: () => "MB a second",
    label: "speed of encoding (measured)",
    said: (value) => small(value, 2),
    why: "Measured in the run that made this page, on that machine: another run gives other numbers.",
  },
];

export function drawTokenizerComparison(element, record) {
  const across = record.tokenizers.length,
    line = el("p", { class: "hint" }),
    box = el("div", { class: "cards lossy" });
  const select = el(
    "select",
    { style: { "max-width": "100%" }, on: { change: () => draw() } },
    MEASURES.map((measure, i) => el("option", { value: i }, measure.label)),
  );
  function draw() {
    const measure = MEASURES[Number(select.value)];
    line.replaceChildren(
      measure.why,
      measure.lossless ? "" : " Hatched: this tokenizer loses text, so some records do not decode to what they were.",
    );
    box.replaceChildren(
      ...record.samples.map((sample, s) => card(sample, record.cells.slice(s * across, (s + 1) * across), measure)),
    );
  }
  element.append(
    heading("Tokenizers compared"),
    el(
      "p",
      { class: "summary" },
      record.summary.map((sentence) => [legible(sentence, { spaces: false }), " "]),
    ),
    facts([
      ["tokenizers", count(across)],
      ["samples", count(record.samples.length)],
      ["places changed in each", count(record.edits)],
      ["seed", exact(record.seed)],
    ]),
    el("div", { class: "controls" }, el("label", {}, "measure", select)),
    line,
    box,
    el("p", { class: "over" }, "Everything that was measured"),
    numbers(record),
    hint("Symbols are characters, or numbers of a series. Shares are from 0 to 1. Click a column head to sort."),
  );
  draw();
}

function card(sample, cells, measure) {
  const rows = cells.map((cell) => {
    const value = cell[measure.key],
      lost = !cell.comparable && !measure.lossless;
    return {
      name: shorter(cell.tokenizer),
      spaces: false,
      value,
      text: typeof value === "number" ? `${measure.said(value)}${lost ? " (lossy)" : ""}` : "–",
      rest: lost,
    };
  });
  const size =
    `${count(sample.records)} record${sample.records === 1 ? "" : "s"}, ${count(sample.symbols)} ` +
    `${sample.symbol}s${sample.words ? `, ${count(sample.words)} words` : ""}`;
  const more = [
    sample.whole ? "" : "; there is more in the file",
    sample.skipped ? `; broken records left out: ${count(sample.skipped)}` : "",
  ].join("");
  return el(
    "div",
    {},
    el("p", { class: "over" }, legible(`${sample.name} (${sample.alphabet})`, { spaces: false })),
    el("p", { class: "hint" }, legible(`${size}${more}. In ${measure.name(sample)}:`, { spaces: false })),
    bars(rows, measure.most),
  );
}

function shorter(name) {
  return String(name).replace(/\/+$/, "").split("/").pop() || String(name);
}

function shown(text) {
  return legible(text, { spaces: false }).textContent;
}

function numbers(record) {
  const entries = record.cells.map((cell, i) => ({
    ...cell,
    i,
    alphabet: record.samples[Math.floor(i / record.tokenizers.length)].alphabet,
    vocabulary: record.tokenizers[i % record.tokenizers.length].vocab_size,
  }));
  const number = (head, key) => ({ head, n: true, of: (entry) => entry[key] });
  const columns = [
    { head: "sample", of: (entry) => shown(entry.sample), key: (entry) => entry.i },
    { head: "of", of: (entry) => entry.alphabet },
    { head: "tokenizer", of: (entry) => shown(entry.tokenizer) },
    number("vocabulary", "vocabulary"),
    number("tokens", "tokens"),
    number("tokens per word or symbol", "fertility"),
    number("symbols per token", "symbols_per_token"),
    number("bytes per token", "bytes_per_token"),
    number("unknown", "unknown"),
    number("tokens that are bytes", "byte_fallback"),
    number("come back", "exact"),
    number("numbers off, SD", "error"),
    number("vocabulary used", "used"),
    number("changed: replaced", "substitution"),
    number("changed: in or out", "indel"),
    number("bits per symbol", "bits_per_symbol"),
    { head: "bits comparable", of: (entry) => (entry.comparable ? "yes" : "no: lossy") },
    number("MB/s, measured", "encode_mb_per_s"),
  ];
  return sortedTable(entries, columns, () => {});
}
