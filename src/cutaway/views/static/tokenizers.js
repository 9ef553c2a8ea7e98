// A tokenizer that was trained and saved, and the result of its check with adversarial input.
import { columnsOf, count, el, facts, heading, legible, over, percent, table } from "./draw.js";

function losses(record) {
  const rules = Object.entries(record.loses ?? {});
  if (!rules.length) return el("p", {}, "It declares that it loses nothing.");
  return [
    over("what it declares to lose"),
    el(
      "dl",
      { class: "pairs" },
      rules.map(([rule, words]) => [
        el("dt", {}, legible(rule, { spaces: false })),
        el("dd", {}, legible(words, { spaces: false })),
      ]),
    ),
  ];
}

export function drawSavedTokenizer(element, record) {
  element.append(
    heading("Tokenizer", record.name),
    facts([
      ["tokens", count(record.vocab_size)],
      ["of them special", count(record.special_tokens.length)],
      ["records read", count(record.records)],
    ]),
    el(
      "p",
      {},
      "In ",
      el("code", {}, legible(record.directory, { spaces: false })),
      ", a folder that transformers’ AutoTokenizer loads.",
    ),
  );
  element.append(...[losses(record)].flat());
  const read = Object.entries(record.read ?? {});
  if (read.length) element.append(over("what reading changed or found"), table(columnsOf("`rule | >times"), read));
}

export function drawTokenizerCheck(element, record) {
  const share = record.tried ? percent(record.exact / record.tried) : "–";
  element.append(
    heading("Check of a tokenizer", record.model),
    facts([
      ["inputs tried", count(record.tried)],
      ["came back exactly", share],
      ["kinds of loss", count(record.lost.length)],
    ]),
  );
  const numbers =
    typeof record.worst === "number" ? ` The largest error is ${percent(record.worst)} of what rounding allows.` : "";
  const verdict = record.passed
    ? "Every input came back, or was lost as declared."
    : "Some inputs were lost without a word; the shortest is below.";
  element.append(el("p", {}, `${verdict}${numbers} Adversarial ${record.alphabet}, seed ${record.seed}.`));
  if (record.lost.length) {
    const columns = columnsOf("`loss | >times | ~shortest input | ~comes back as");
    element.append(
      table(
        columns,
        record.lost.map((loss) => [loss.rule, loss.count, legible(loss.text), legible(loss.decoded)]),
      ),
    );
  }
  element.append(...[losses(record)].flat());
}
