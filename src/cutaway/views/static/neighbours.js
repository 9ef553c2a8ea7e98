// What points the same way: a short ranked list for each query. Tokens are names beside bars; words in context and
// records are read whole. Results of the same queries (static beside learned) stand side by side.
import { bars, columnsOf, el, fixed, heading, hint, legible, plain, table, twin } from "./draw.js";
import { meanings } from "./terms.js";

export function drawNeighbours(element, ...records) {
  const [record] = records;
  const cards = record.queries.flatMap((_, i) =>
    records.map((each) => card(each, each.queries[i], records.length > 1)),
  );
  const wide = record.queries.some((query) => query.neighbours.some(isLong));
  const spaces = records.map((each) =>
    each.space && each.space !== "input embeddings"
      ? ` ${records.length > 1 ? `${each.model}` : "Vectors"}: ${each.space}.`
      : "",
  );
  element.append(
    heading(
      record.space && record.space !== "input embeddings" ? "Neighbours" : "Neighbours in the embedding",
      records.map((each) => each.model).join(" beside "),
    ),
    spaces.join("") ? hint(spaces.join("").trim()) : "",
    meanings("cosine"),
    el("div", { class: wide ? "cards one" : records.length > 1 ? "cards side" : "cards" }, cards),
    ...records.map((each) => numbers(each, records.length > 1)),
  );
}

function isLong(entry) {
  return typeof entry.context === "string" || entry.token.length > 28;
}

function card(record, query, several) {
  const name = el(
    "p",
    { class: "over" },
    "nearest to ",
    el("code", {}, legible(query.token, { spaces: !query.token.trim().includes(" ") })),
    query.id >= 0 && !several ? ` (id ${query.id})` : "",
    several ? [" · ", record.model] : null,
  );
  const asked = query.context ? el("p", { class: "hint" }, "in: ", marked(query.context, query.token)) : null;
  if (!query.neighbours.length) return el("div", {}, name, asked, hint("There is nothing else to compare with."));
  if (!query.neighbours.some(isLong))
    return el(
      "div",
      {},
      name,
      asked,
      bars(
        query.neighbours.map((entry) => ({ name: entry.token, value: entry.cosine, text: fixed(entry.cosine, 3) })),
        1,
      ),
    );
  return el(
    "div",
    {},
    name,
    asked,
    el(
      "ol",
      { class: "near" },
      query.neighbours.map((entry) =>
        el(
          "li",
          {},
          el(
            "span",
            { class: "gauge" },
            el("i", { style: { "--share": Math.max(0, Math.min(1, entry.cosine)) } }),
            fixed(entry.cosine, 3),
          ),
          el(
            "span",
            {},
            entry.context
              ? [el("b", {}, legible(entry.token)), " ", el("span", { class: "m" }, marked(entry.context, entry.token))]
              : legible(entry.token, { spaces: false }),
          ),
        ),
      ),
    ),
  );
}

// The word where it first stands in its text, set off from the rest.
function marked(text, word) {
  const found = new RegExp(
    `(?<![\\p{L}\\p{N}_])${word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\p{L}\\p{N}_])`,
    "iu",
  ).exec(text);
  if (!found) return legible(text, { spaces: false });
  const end = found.index + found[0].length;
  return [legible0(text.slice(0, found.index)), el("u", {}, found[0]), legible0(text.slice(end))];
}

function legible0(text) {
  return text ? legible(text, { spaces: false }) : "";
}

function numbers(record, several) {
  const context = record.queries.some((query) => query.neighbours.some((entry) => entry.context));
  const columns = [
    ...columnsOf("`token | >id | >rank | `neighbour | >neighbour's id | >cosine"),
    ...(context ? [{ head: "in", l: true }] : []),
  ];
  const rows = record.queries.flatMap((query) =>
    query.neighbours.map((entry, i) => [
      plain(query.token),
      query.id,
      i + 1,
      plain(entry.token),
      entry.id,
      entry.cosine,
      ...(context ? [entry.context === null ? null : plain(entry.context)] : []),
    ]),
  );
  return twin(
    several ? `The cosines of ${plain(record.model)} as a table` : "The cosines as a table",
    table(columns, rows),
  );
}
