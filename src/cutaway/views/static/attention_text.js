// The sentences of a figure of attention.

import { count, el, hint, legible } from "./draw.js";
import { cellText, whatOf } from "./matrix.js";
import { neuronOf } from "./neuron.js";
import { quoted } from "./reading.js";
import { scoreOf } from "./scores.js";

export const TITLES = { self: "Self-attention", encoder: "Encoder", decoder: "Decoder", cross: "Cross-attention" };

// One sentence on what one sees.
export function sentence(scene) {
  const { state, stack } = scene,
    score = state.view !== "rollout" && scene.heads.length === 1 ? scoreOf(stack, state.layer, state.head) : null;
  const several = scene.selected.length > 1,
    sure = typeof score?.certainty === "number" ? `, at ${Math.round(100 * score.certainty)} % of the tokens` : "",
    role = score?.role && score.role !== "mixed" ? ` (role: ${score.role}${sure})` : "";
  const names = scene.selected.map((row) => scene.rows[row].name);
  const exactly =
    state.view !== "rollout" && scene.heads.length === 1 && neuronOf(scene) && state.view !== "neuron"
      ? " The Neuron view has it exactly."
      : "";
  return [
    `${whatOf(scene)}${role}: ${several ? "the mean of" : ""}`,
    ...quoted(names).flat(9),
    ` ${scene.chosen ? "gives" : "looks most at"} `,
    el("code", {}, legible(scene.columns[scene.column].name)),
    scene.chosen ? " the weight " : ", with weight ",
    `${cellText(scene)}.${exactly}`,
  ];
}

export function shadeKey() {
  return el("p", { class: "key" }, "weight 0", el("span", { class: "ramp" }), "1 (shade: square root of the weight)");
}

export function note(stack, shared) {
  const pool = stack.maps.pool,
    parts = [
      stack.causal ? "No token looks ahead: what is blank or hatched can't be seen." : null,
      "Weights are kept as bytes / 255, off by at most 0.002; the table of heads and the Neuron view hold " +
        "exact numbers.",
    ];
  if (pool > 1)
    parts.push(`Every cell stands for ${pool} × ${pool} tokens: the sum over its keys, the mean over its queries.`);
  if (shared) parts.push("In a thumbnail many cells share a pixel: the largest weight is shown.");
  return hint(parts.filter(Boolean).join(" "));
}

export function introduction(record, stacks) {
  const sizes = stacks
    .map(
      (one) =>
        `${stacks.length > 1 ? `${TITLES[one.kind] ?? one.kind}: ` : ""}${count(one.layers.length)} layers × ` +
        `${count(one.heads.length)} heads × ` +
        `${count(one.queries.length)}${one.crossed ? ` × ${count(one.keys.length)}` : ""} ` +
        `token${one.queries.length === 1 ? "" : "s"}`,
    )
    .join("; ");
  const sink = (record.neurons ?? []).some((one) => typeof one.sink === "number")
    ? ", less what a learned sink takes"
    : "";
  return (
    `${sizes}. Every row adds up to 1${sink}: it says where that token looks. Click a head, or move with the ` +
    "arrow keys; Shift adds heads to a mean."
  );
}
