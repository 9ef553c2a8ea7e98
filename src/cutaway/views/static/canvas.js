// What every drawing on a canvas needs: sharpness, the shades as pixels, arrow keys, hatching, short names.
import { colour, el, ramp } from "./draw.js";

export const MONO = "ui-monospace, 'DejaVu Sans Mono', monospace";

export function canvasOf(wide, tall) {
  const canvas = el("canvas"),
    sharp = sized(canvas, wide, tall),
    pen = canvas.getContext("2d");
  pen.scale(sharp, sharp);
  return { canvas, pen, sharp };
}

// Give a canvas another size; returns how many of its dots make a pixel.
export function sized(canvas, wide, tall) {
  const sharp = Math.max(1, Math.min(2, window.devicePixelRatio || 1));
  canvas.style.width = `${wide}px`;
  canvas.style.height = `${tall}px`;
  canvas.width = Math.round(wide * sharp);
  canvas.height = Math.round(tall * sharp);
  return sharp;
}

// One colour for every byte: shade grows with the square root of the weight, so that small weights show.
export function shadesOf() {
  const paint = ramp();
  const colours = Array.from({ length: 256 }, (_, byte) => paint(Math.sqrt(byte / 255)));
  return {
    pixels: Uint32Array.from(colours, ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0),
    css: colours.map((rgb) => `rgb(${rgb.join(",")})`),
  };
}

export function byteOf(weight) {
  return Math.max(0, Math.min(255, Math.round((weight || 0) * 255)));
}

// Put a shrunken map on a canvas, one pixel a byte; what is hidden stays clear.
export function image(canvas, { bytes, hidden, wide, tall }, shades) {
  canvas.width = wide;
  canvas.height = tall;
  const pen = canvas.getContext("2d"),
    data = pen.createImageData(wide, tall),
    pixels = new Uint32Array(data.data.buffer);
  for (let i = 0; i < bytes.length; i += 1) if (!hidden[i]) pixels[i] = shades.pixels[bytes[i]];
  pen.putImageData(data, 0, 0);
}

export function focusable(node, role, label) {
  node.setAttribute("tabindex", "0");
  node.setAttribute("role", role);
  node.setAttribute("aria-label", label);
}

export function arrows(turn) {
  return (event) => {
    const by = {
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      PageUp: [0, -10],
      PageDown: [0, 10],
      Home: [-1e9, 0],
      End: [1e9, 0],
    }[event.key];
    if (!by || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    turn(by[0], by[1], event);
  };
}

// Hatch what a causal model cannot look at. `path` draws the outline.
export function hatch(pen, x, y, wide, tall, path) {
  pen.save();
  pen.beginPath();
  path();
  pen.closePath();
  pen.clip();
  pen.beginPath();
  for (let at = 0; at < wide + tall; at += 8) {
    pen.moveTo(x + at, y);
    pen.lineTo(x + at - tall, y + tall);
  }
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 0.6;
  pen.stroke();
  pen.restore();
}

export function clip(text, length) {
  const letters = [...text];
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}
