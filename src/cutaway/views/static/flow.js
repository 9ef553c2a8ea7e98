// The text itself on a canvas, every token shaded by its weight, and the same numbers as a strip of bars.

import { byteOf, canvasOf, clip, MONO } from "./canvas.js";
import { colour, el, fit, legible, plain, STEPS } from "./draw.js";

const AT_ONCE = 1600,
  LINE = 24;

// view() → null or {names, values (or null), marked: [positions], strong: position or null, until: how many are
// revealed, pick(i, event)}
export function flow(view, label) {
  const reveal = (y) =>
    requestAnimationFrame(() => {
      if (y < box.scrollTop || y + LINE > box.scrollTop + box.clientHeight) box.scrollTop = y - box.clientHeight / 2;
    });
  const box = fit((width) => draw(view(), width, reveal), {
    role: "img",
    "aria-label": label,
    class: "scroll tall flow",
  });
  return box;
}

function draw(view, width, reveal) {
  if (!view) return el("div");
  const { names, values, marked, until = names.length } = view,
    middle = marked[0] ?? 0;
  const from = names.length > AT_ONCE ? Math.max(0, Math.min(names.length - AT_ONCE, middle - AT_ONCE / 2)) : 0,
    to = Math.min(names.length, from + AT_ONCE);
  const ruler = document.createElement("canvas").getContext("2d"),
    places = [];
  ruler.font = `13px ${MONO}`;
  let x = 0,
    y = 0;
  for (let i = from; i < to; i += 1) {
    const text = clip(plain(names[i]), 40),
      wide = Math.min(width - 2, ruler.measureText(text).width + 3);
    if (x + wide > width - 1 && x > 0) {
      x = 0;
      y += LINE;
    }
    places.push({ i, text, x, y, wide });
    x += wide + 1;
    if (names[i].includes("\n")) {
      x = 0;
      y += LINE;
    }
  }
  const note =
    from > 0 || to < names.length
      ? el("p", { class: "hint" }, `Tokens ${from} to ${to - 1} of ${names.length}.`)
      : null;
  const { canvas, pen } = canvasOf(width - 1, y + LINE + 2),
    inks = Array.from({ length: STEPS }, (_, i) => colour(`--o${i}`)),
    muted = colour("--muted"),
    accent = colour("--accent"),
    line = colour("--line");
  pen.font = ruler.font;
  pen.textBaseline = "middle";
  for (const { i, text, x: left, y: top, wide } of places) {
    if (i >= until) {
      pen.fillStyle = line;
      pen.fillRect(left + 1, top + LINE - 5, wide - 2, 0.6);
      continue;
    }
    const byte = byteOf(values ? values[i] : 0);
    pen.fillStyle = view.shades.css[byte];
    pen.fillRect(left, top + 2, wide, LINE - 4);
    pen.fillStyle = values ? inks[Math.round(Math.sqrt(byte / 255) * (STEPS - 1))] : muted;
    pen.fillText(text, left + 1.5, top + LINE / 2 + 0.5, wide);
    if (marked.includes(i) || i === view.strong) {
      pen.strokeStyle = accent;
      pen.lineWidth = marked.includes(i) ? 2 : 1;
      pen.strokeRect(left + 0.5, top + 2, wide - 1, LINE - 4);
    }
  }
  const first = places.find(({ i }) => i === marked[marked.length - 1]);
  if (first) reveal(first.y);
  canvas.addEventListener("click", (event) => {
    const found = places.find(
      (place) =>
        event.offsetX >= place.x &&
        event.offsetX < place.x + place.wide + 1 &&
        event.offsetY >= place.y &&
        event.offsetY < place.y + LINE,
    );
    if (found && found.i < until) view.pick?.(found.i, event);
  });
  return el("div", {}, canvas, note);
}

// One bar a position, from the first to the last. Its height is the square root of the value, as the shade is.
export function strip(view, label) {
  return fit((width) => drawStrip(view(), width), { role: "img", "aria-label": label });
}

function drawStrip(view, width) {
  if (!view) return el("div");
  const { values, marked, strong, pick } = view;
  const tall = 84,
    left = 34,
    wide = Math.max(40, width - left - 2),
    { canvas, pen } = canvasOf(width, tall + 22),
    unit = wide / Math.max(1, values.length);
  const top = Math.max(0.01, ...values),
    height = (value) => Math.sqrt(Math.max(0, value) / top) * (tall - 12);
  pen.font = "10px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "right";
  for (const mark of [1, 0.5, 0.25, 0.1, 0.05, 0.01, 0.001]
    .filter((value) => value <= top * 1.001 && height(value) > 8)
    .filter((value, i, all) => i === 0 || height(all[i - 1]) - height(value) > 9)) {
    pen.fillStyle = colour("--muted");
    pen.fillText(String(mark), left - 5, tall - height(mark));
    pen.fillStyle = colour("--line");
    pen.fillRect(left, tall - height(mark), wide, 0.5);
  }
  const bar = colour("--bar"),
    accent = colour("--accent");
  values.forEach((value, i) => {
    pen.fillStyle = marked.includes(i) || i === strong ? accent : bar;
    pen.fillRect(left + i * unit, tall - height(value), Math.max(0.8, unit - (unit > 3 ? 1 : 0)), height(value));
  });
  pen.fillStyle = colour("--ink");
  pen.fillRect(left, tall, wide, 1);
  pen.fillStyle = colour("--muted");
  pen.textAlign = "left";
  pen.fillText("token 0", left, tall + 16);
  pen.textAlign = "right";
  if (values.length > 12) pen.fillText(String(values.length - 1), left + wide, tall + 16);
  for (const i of marked) {
    pen.fillStyle = accent;
    pen.beginPath();
    pen.moveTo(left + (i + 0.5) * unit, tall + 2);
    pen.lineTo(left + (i + 0.5) * unit - 4, tall + 8);
    pen.lineTo(left + (i + 0.5) * unit + 4, tall + 8);
    pen.fill();
  }
  canvas.addEventListener("click", (event) => {
    const i = Math.floor((event.offsetX - left) / unit);
    if (i >= 0 && i < values.length) pick?.(i, event);
  });
  return canvas;
}

export function named(text) {
  return el("code", {}, legible(text));
}
