// The tokens whose vectors point the same way: a short ranked list for each token asked about.
import { bars, el, fixed, heading, hint, legible, plain, table, twin } from "./draw.js";

export function drawNeighbours(element, record) {
  const cards = record.queries.map((query) => el("div", {},
    el("p", { class: "over" }, "nearest to ", el("code", {}, legible(query.token)), ` (id ${query.id})`),
    bars(query.neighbours.map((entry) => ({ name: entry.token, value: entry.cosine, text: fixed(entry.cosine, 3) })), 1)));
  element.append(heading("Neighbours in the embedding", record.model), hint("Cosine of the angle between two tokens' vectors: 1 is the same direction, 0 is unrelated."), el("div", { class: "cards" }, cards), numbers(record));
}

function numbers(record) {
  const columns = [{ head: "token", w: true }, { head: "id", n: true }, { head: "rank", n: true }, { head: "neighbour", w: true }, { head: "neighbour's id", n: true }, { head: "cosine", n: true }];
  const rows = record.queries.flatMap((query) => query.neighbours.map((entry, i) => [plain(query.token), query.id, i + 1, plain(entry.token), entry.id, entry.cosine]));
  return twin("The cosines as a table", table(columns, rows));
}
