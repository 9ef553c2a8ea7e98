// A paragraph of a lesson: plain text in which `code` stands between backticks and $t_N$ between dollar signs is a
// formula.
import { el } from "./draw.js";

// Only what holds a subscript is a formula, so that two prices in one sentence stay prices.
const FORMULA = /\$([^$]*_[^$]*)\$/;

export function prose(text) {
  return String(text)
    .split("`")
    .map((piece, i) =>
      i % 2 ? el("code", {}, piece) : piece.split(FORMULA).map((part, j) => (j % 2 ? formula(part) : part)),
    );
}

// Letters are variables; what follows "_" is a subscript: one letter or number, or all between braces. No text is
// markup.
export function formula(text) {
  const signs = (part) => part.split(/([A-Za-z]+)/).map((piece, i) => (i % 2 ? el("var", {}, piece) : piece));
  const pieces = String(text).split(/_(\{[^{}]*\}|[A-Za-z]|\d+)/);
  return el(
    "span",
    { class: "formula" },
    pieces.map((piece, i) => (i % 2 ? el("sub", {}, signs(piece.replace(/[{}]/g, ""))) : signs(piece))),
  );
}
