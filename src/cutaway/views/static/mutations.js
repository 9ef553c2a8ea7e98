// What every substitution does: positions across, letters down, around a zero that means as likely as the wild type.
import { bars, changed, choice, count, el, facts, fixed, heading, hint, over, ramp, readout, twin } from "./draw.js";
import { headGrid, quoted, shadeKey, sortedTable } from "./headgrid.js";
import { meanings } from "./terms.js";

const METHODS = {
  "masked marginals": "each position in turn is hidden from the model, which then predicts its letter",
  "log-likelihood ratio": "the model scores the whole sequence with each substitution",
};
const MOST = 2000; // positions drawn; the table has all

export function drawMutations(element, record) {
  const { letters, wild, positions, profile } = record,
    shown = Math.min(MOST, positions.length);
  const layers = [["model", record.effects], ...(profile ? [["column profile", profile.effects]] : [])].map(
    ([name, effects]) => ({ name, effects, most: largest(effects) }),
  );
  const state = { paint: ramp("d"), column: 0, row: 0, layer: layers[0] },
    line = readout(),
    here = el("div"),
    key = el("div");
  const columns = positions.slice(0, shown).map((position) => ({ name: String(position), first: false }));
  const grid = headGrid({
    columns,
    rows: letters,
    label: "Substitutions, positions across, letters down; arrow keys choose one",
    pick: (column, row) => choose(column, row),
    cell: (column, row) => {
      const { effects, most } = state.layer,
        effect = effects[column][row];
      return {
        rgb: state.paint(0.5 + (Math.sign(effect) * Math.sqrt(Math.abs(effect) / most)) / 2),
        letter: letters[row] === wild[column] ? "•" : "",
      };
    },
  });
  function choose(column, row) {
    Object.assign(state, { column, row });
    grid.mark(column, row);
    line.replaceChildren(...describe(record, column, row));
    const { effects } = state.layer;
    here.replaceChildren(
      over(`Position ${positions[column]}, now ${wild[column]}: ${state.layer.name}, ${record.unit}`),
      bars(
        letters.map((letter, i) => ({
          name: letter,
          value: effects[column][i],
          text: letter === wild[column] ? "wild type" : signed(effects[column][i]),
          chosen: i === row,
        })),
      ),
    );
  }
  function repaint() {
    state.paint = ramp("d");
    const { most, name } = state.layer;
    key.replaceChildren(
      shadeKey(
        signed(-most),
        signed(most),
        `${record.unit}, ${name} (the shade grows with the square root; • the wild type)`,
        "both",
      ),
    );
    grid.draw();
    choose(state.column, state.row);
  }
  const options = layers.map((layer, i) => [i, layer.name]);
  const box = choice(options, (i) => {
    state.layer = layers[Number(i)];
    repaint();
  });
  const [strictest] = positions
    .map((position, p) => [mean(record, p), `${wild[p]}${position}`])
    .sort((a, b) => a[0] - b[0]);
  element.append(
    heading("Mutations", record.model),
    hint(
      "How each single substitution changes the probability that the model gives to the sequence. Below 0: " +
        "less probable than the wild type; above 0: more probable. Method: " +
        `${record.method}${METHODS[record.method] ? `: ${METHODS[record.method]}` : ""}.`,
    ),
    facts([
      ["positions", count(positions.length)],
      record.alphabet === "codon" ? ["letters", `${letters.length} codons`] : [record.alphabet, letters.join(" ")],
      ...changed(record),
      record.unscored ? ["tokens not scored", count(record.unscored)] : null,
      ["least tolerant position", `${strictest[1]} (mean ${signed(strictest[0])} ${record.unit})`],
      profile
        ? [
            "Spearman, model and profile",
            typeof profile.spearman === "number"
              ? `${fixed(profile.spearman, 3)} over ${count(profile.pairs)}`
              : "undefined",
          ]
        : null,
    ]),
    meanings("wild type", record.method, "nat", ...(profile ? ["column profile", "Spearman correlation"] : [])),
    quoted(record.text),
  );
  if (profile)
    element.append(
      hint(
        "The column profile needs no model: log-odds of how often each letter stands in the column of " +
          `${profile.alignment} (${count(profile.rows)} rows, pseudocount ${profile.pseudocount}).`,
      ),
      el("div", { class: "controls" }, el("label", {}, "shade", box)),
    );
  if (shown < positions.length)
    element.append(
      hint(`The first ${count(shown)} of ${count(positions.length)} positions are drawn; the table has all.`),
    );
  element.append(
    grid.node,
    key,
    line,
    here,
    twin("All substitutions as a table that sorts", () =>
      sortedTable(entries(record), tableOf(record), ({ p, a }) => {
        if (p < shown) {
          choose(p, a);
          grid.node.focus();
        }
      }),
    ),
  );
  const start = best(record, shown);
  Object.assign(state, { column: start[0], row: start[1] });
  repaint();
  requestAnimationFrame(() => grid.show(state.column));
}

function largest(effects) {
  return effects.reduce((most, row) => row.reduce((top, effect) => Math.max(top, Math.abs(effect ?? 0)), most), 0) || 1;
}

function mean(record, p) {
  return record.effects[p].reduce((sum, effect) => sum + effect, 0) / Math.max(1, record.letters.length - 1);
}

// The substitution that the model likes best: something to begin with.
function best(record, shown) {
  let found = [0, 0, -Infinity];
  record.effects.slice(0, shown).forEach((row, p) =>
    row.forEach((effect, a) => {
      if (record.letters[a] !== record.wild[p] && effect > found[2]) found = [p, a, effect];
    }),
  );
  return found;
}

function entries(record) {
  const found = [];
  record.effects.forEach((row, p) =>
    row.forEach((effect, a) => {
      if (record.letters[a] !== record.wild[p])
        found.push({
          p,
          a,
          position: record.positions[p],
          name: `${record.wild[p]}${record.positions[p]}${record.letters[a]}`,
          effect,
          profile: record.profile?.effects[p][a],
        });
    }),
  );
  return found;
}

function tableOf(record) {
  const columns = [
    { head: "mutation", of: (entry) => entry.name, key: (entry) => entry.p * 1e4 + entry.a },
    { head: "position", n: true, of: (entry) => entry.position },
    { head: `effect, ${record.unit}`, n: true, of: (entry) => entry.effect },
  ];
  return record.profile
    ? [...columns, { head: `profile, ${record.unit}`, n: true, of: (entry) => entry.profile }]
    : columns;
}

function signed(value) {
  return `${value > 0 ? "+" : ""}${fixed(value, 3)}`;
}

function describe(record, column, row) {
  const { letters, wild, positions, effects, profile, wild_logprobs: own } = record,
    effect = effects[column][row],
    name = `${wild[column]}${positions[column]}`;
  const sure = own
    ? ` With this position hidden, the model gives the wild type's letter ${fixed(100 * Math.exp(own[column]), 1)} %.`
    : "";
  if (letters[row] === wild[column]) return [el("b", {}, name), `: the wild type.${sure}`];
  const times = Math.exp(Math.abs(effect)),
    said = times < 1e4 ? fixed(times, 2) : times.toExponential(1);
  const ratio = effect < 0 ? `${said} times less probable` : `${said} times more probable`;
  return [
    el("b", {}, `${name}${letters[row]}`),
    `: ${signed(effect)} ${record.unit}, ${ratio} than the wild ` +
      `type${profile ? `; column profile ${signed(profile.effects[column][row])}` : ""}.${sure}`,
  ];
}
