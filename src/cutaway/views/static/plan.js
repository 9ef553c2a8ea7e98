// What a training run needs: the memory of one device as a stack of its parts, time, and the ways that were compared.

import { columnsOf, count, el, facts, fit, heading, over, percent, short, svg, table, twin } from "./draw.js";
import { picture } from "./plots.js";
import { meanings } from "./terms.js";

const ROW = 24,
  NAMES = 96,
  VALUES = 84;

export function drawPlan(element, record) {
  element.append(
    heading("Plan of a training run", record.model),
    summary(record),
    over(`Memory of ${record.count > 1 ? "each of the devices" : "the device"} when it needs most`),
    fit((width) => stack(record, width)),
    el("p", {}, verdict(record)),
    meanings("parameters", "FLOPs"),
    el(
      "ul",
      {},
      (record.assumed ?? []).map((sentence) => el("li", {}, sentence)),
    ),
    twin("The parts of the memory as a table", memory(record)),
    twin("The ways to compute a step that were compared", choices(record)),
    twin("A step in numbers", step(record)),
  );
}

function summary(record) {
  const devices = record.count > 1 ? `${count(record.count)} × ${record.device}` : record.device;
  return facts([
    ["parameters", count(record.parameters)],
    ["device", devices],
    ["of memory at the peak", size(record.peak_bytes)],
    ["rows × tokens of a step", `${count(record.batch_size)} × ${count(record.context)}`],
    ["tokens per second", count(record.tokens_per_second)],
    typeof record.total_seconds === "number"
      ? [`for ${count(record.steps)} steps, ${short(record.tokens)} tokens`, time(record.total_seconds)]
      : null,
    typeof record.device_hours === "number" && record.count > 1
      ? ["device hours", record.device_hours.toPrecision(3)]
      : null,
  ]);
}

function verdict(record) {
  const share = `${percent(record.peak_bytes / record.device_bytes)} of its ${size(record.device_bytes)}`;
  const how =
    `With ${count(record.micro_batch)} ${record.micro_batch === 1 ? "row" : "rows"} at once` +
    (record.checkpointing ? " and layers computed again in the backward pass" : "");
  if (record.fits) return `${how}, the step fits: it takes ${share}.`;
  const enough = record.fewest ? ` It would fit on ${count(record.fewest)} × ${record.device}.` : "";
  return `${how}, the step does not fit: it takes ${share}.${enough}`;
}

// The whole stack on top; under it each part by itself, where it stands in the stack.
function stack(record, width) {
  const parts = record.memory.filter((part) => part.at_peak > 0),
    room = record.device_bytes;
  const near = record.peak_bytes > room / 4,
    most = (near ? Math.max(record.peak_bytes, room) : record.peak_bytes) || 1;
  const left = NAMES,
    right = width - VALUES,
    bottom = (parts.length + 1) * ROW + 8;
  const x = (value) => left + ((right - left) * value) / most;
  const said = parts.map((part) => `${part.name} ${size(part.at_peak)}`).join(", ");
  const image = picture(width, bottom + (near ? 22 : 4), `Memory at the peak, ${size(record.peak_bytes)}: ${said}.`);
  const line = (at, from, to, dots) =>
    svg("path", { class: "l", d: `M${at.toFixed(1)} ${from}V${to}`, "stroke-dasharray": dots ? "1 4" : null });
  let before = 0;
  parts.forEach((part, i) => {
    const from = x(before),
      to = x(before + part.at_peak),
      y = (i + 1) * ROW + 8;
    const fill = `var(--s${Math.min(8, 3 + i)})`;
    const box = (top, high) =>
      svg("rect", { x: from, y: top, width: Math.max(1, to - from - 1), height: high, style: { fill } });
    image.append(
      line(from, ROW, y + 8, true),
      box(4, ROW - 6),
      box(y, ROW - 10),
      svg("text", { class: "m", x: left - 8, y: y + 11, "text-anchor": "end" }, part.name),
      svg("text", { class: "m", x: width - VALUES + 8, y: y + 11 }, size(part.at_peak)),
    );
    before += part.at_peak;
  });
  image.append(
    svg("text", { class: "m", x: left - 8, y: 16, "text-anchor": "end" }, "all"),
    svg("text", { class: "m", x: width - VALUES + 8, y: 16 }, size(record.peak_bytes)),
  );
  if (near) {
    const at = x(room);
    image.append(
      svg("path", { class: "i", d: `M${at.toFixed(1)} 0V${bottom}` }),
      svg(
        "text",
        { class: "m", x: at, y: bottom + 16, "text-anchor": at > width / 2 ? "end" : "start" },
        `the device has ${size(room)}`,
      ),
    );
  }
  return image;
}

function memory(record) {
  return table(
    columnsOf("part", ">bytes at the peak | >bytes at most", "~what it is"),
    record.memory.map((part) => [part.name, part.at_peak, part.bytes, part.what]),
  );
}

function choices(record) {
  return table(
    columnsOf(">rows at once", "layers computed again", ">bytes at the peak", "fits", ">tokens per second", "taken"),
    record.choices.map((choice) => [
      choice.micro_batch,
      choice.checkpointing ? "yes" : "no",
      choice.peak_bytes,
      choice.fits ? "yes" : "no",
      Math.round(choice.tokens_per_second),
      choice.chosen ? "yes" : "",
    ]),
  );
}

function step(record) {
  return table(columnsOf("quantity", ">number", "unit"), [
    ["operations of a token, forward and backward", record.flops_per_token, "FLOPs"],
    ["operations of a step", record.flops_per_step, "FLOPs"],
    ["peak of a device", record.peak_flops, "FLOP/s"],
    ["computing", record.compute_seconds, "s"],
    ["weights (and updates of Muon) sent by a device", record.gathered_bytes, "bytes"],
    ["gradients sent by a device", record.reduced_bytes, "bytes"],
    ["sending, while it computes", record.communication_seconds, "s"],
    ["changing the weights", record.update_seconds, "s"],
    ["a step", record.step_seconds, "s"],
  ]);
}

function size(value) {
  if (typeof value !== "number") return "–";
  return value < 1e9 ? `${(value / 1e6).toPrecision(3)} MB` : `${(value / 1e9).toPrecision(3)} GB`;
}

function time(value) {
  if (value < 120) return `${value.toPrecision(2)} s`;
  if (value < 7200) return `${(value / 60).toFixed(0)} min`;
  return value < 172800 ? `${(value / 3600).toFixed(1)} h` : `${(value / 86400).toFixed(1)} days`;
}
