// The marked places of a text, each with what most likely stands there. One place is chosen; its candidates are bars.
import {
  bars,
  columnsOf,
  count,
  el,
  exact,
  facts,
  heading,
  hint,
  legible,
  over,
  percent,
  plain,
  readout,
  table,
  twin,
} from "./draw.js";
import { pieces, rover } from "./rover.js";
import { meanings } from "./terms.js";

export function drawFilling(element, record) {
  const { places } = record,
    left = record.method !== "masked softmax",
    line = readout(),
    here = el("div");
  const { text, marks } = marked(record);
  const rove = rover(text, "The marked places; arrow keys move", (i) => {
    const place = places[i];
    line.replaceChildren(...describe(record, place));
    here.replaceChildren(...candidates(record, place, left));
  });
  element.append(
    heading("Marked places, filled", record.model),
    hint(how(record, left)),
    facts([
      ["marked places", count(places.length)],
      [`${record.kind}s that may stand there`, count(Math.max(...places.map((place) => place.choices)))],
      left ? ["whole sequences compared", `${count(record.compared)}${record.exact ? ", all there are" : ""}`] : null,
    ]),
    over("The text with the likeliest in each place"),
    text,
    line,
    here,
    ...together(record),
    meanings(left ? "posterior" : "masked prediction"),
    numbers(record, left),
  );
  if (marks) rove.pick(0);
}

function how(record, left) {
  if (!left)
    return (
      "A masked model sees both sides of a place. Every marked place is hidden at once, and the model gives a " +
      "probability to everything that may stand there."
    );
  return (
    "A causal model reads from the left only. So each candidate is put in, and the model scores the whole sequence: " +
    "what comes after a place has its say, too. " +
    (record.exact
      ? "All ways to fill the places were compared."
      : `The ${count(record.compared)} likeliest from the left were compared; others have no probability here.`)
  );
}

// The given text with the likeliest element in each place as a piece to choose.
function marked(record) {
  const letters = [...record.text],
    parts = [];
  let at = 0;
  const chips = pieces(record.places.map((place) => place.candidates[0].element));
  const nodes = [...chips.children];
  record.places.forEach((place, i) => {
    parts.push(legibleOr(letters.slice(at, place.start).join("")), nodes[i]);
    nodes[i].classList.add("put");
    at = place.end;
  });
  parts.push(legibleOr(letters.slice(at).join("")));
  return { text: el("p", { class: "text given" }, parts), marks: nodes.length };
}

function legibleOr(text) {
  return text ? legible(text, { spaces: false, breaks: true }) : null;
}

function describe(record, place) {
  const [best, second] = place.candidates;
  return [
    `${record.kind} ${count(place.position)}: `,
    el("code", {}, legible(best.element)),
    ` has ${percent(best.probability)}`,
    second ? [", then ", el("code", {}, legible(second.element)), ` with ${percent(second.probability)}`] : "",
    typeof best.from_left === "number" ? `. From the left alone it had ${percent(best.from_left)}` : "",
    typeof place.share === "number" && place.share < 0.995
      ? `. The model gave ${percent(1 - place.share)} to other tokens`
      : "",
    ".",
  ].flat();
}

function candidates(record, place, left) {
  const rest = 1 - place.candidates.reduce((sum, one) => sum + one.probability, 0);
  const rows = place.candidates.map((one, i) => ({
    name: one.element,
    value: one.probability,
    text: percent(one.probability),
    chosen: i === 0,
  }));
  if (rest > 1e-6)
    rows.push({ name: `every other ${record.kind}`, spaces: false, value: rest, text: percent(rest), rest: true });
  const found = [over(`${record.kind} ${count(place.position)}: given both sides`), bars(rows, 1)];
  if (!left) return found;
  const before = place.candidates.map((one) => ({
    name: one.element,
    value: one.from_left,
    text: percent(one.from_left),
  }));
  return [...found, over("the same, given the left side only"), bars(before, 1)];
}

function together(record) {
  if (record.places.length < 2 || !record.fillings.length) return [];
  const rows = record.fillings.map((way, i) => ({
    name: way.elements.join(" … "),
    spaces: false,
    value: way.probability,
    text: percent(way.probability),
    chosen: i === 0,
  }));
  return [over("All places together"), bars(rows, 1)];
}

function numbers(record, left) {
  const columns = columnsOf(
    ">place",
    ">rank",
    `\`${record.kind}`,
    ">id",
    ">probability",
    ...(left ? [">from the left"] : []),
  );
  const rows = record.places.flatMap((place) =>
    place.candidates.map((one, rank) => [
      place.position,
      rank + 1,
      plain(one.element),
      one.id,
      exact(one.probability),
      ...(left ? [exact(one.from_left)] : []),
    ]),
  );
  return twin("The candidates as a table", table(columns, rows));
}
