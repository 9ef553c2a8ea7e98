// The figure's switches: which layer, head and token, words or tokens, means, and which view.
import { el, legible } from "./draw.js";

// One stop for the tab key; arrows choose. items: [[id, name]]; now(): the chosen id.
export function tabs(label, items, now, pick) {
  const buttons = items.map(([id, name]) =>
    el("button", { type: "button", role: "tab", on: { click: () => pick(id) } }, name),
  );
  const show = () =>
    items.forEach(([id], i) => {
      buttons[i].setAttribute("aria-selected", String(id === now()));
      buttons[i].tabIndex = id === now() ? 0 : -1;
    });
  const node = el(
    "div",
    {
      class: "tabs",
      role: "tablist",
      "aria-label": label,
      on: {
        keydown: (event) => {
          const by = { ArrowLeft: -1, ArrowRight: 1, Home: -1e3, End: 1e3 }[event.key],
            here = items.findIndex(([id]) => id === now());
          if (!by) return;
          event.preventDefault();
          const next = Math.max(0, Math.min(items.length - 1, here + by));
          pick(items[next][0]);
          buttons[next].focus();
        },
      },
    },
    buttons,
  );
  show();
  return { node, show };
}

// views: [[id, title]]. `show(key)` brings the switches in line with the scene.
export function controls(figure, views) {
  const { stack } = figure.now(),
    state = () => figure.now().state;
  const select = (label, names, change) => {
    const box = el(
      "select",
      { on: { change: () => change(Number(box.value)) } },
      names.map((text, i) => el("option", { value: i }, text)),
    );
    return [el("label", {}, label, box), box];
  };
  const number = (label, names, change) => {
    const box = el("input", {
        type: "number",
        min: 0,
        max: names.length - 1,
        on: { change: () => change(Number(box.value)) },
      }),
      text = el("code");
    return [
      el("label", {}, label, box, text),
      (i) => {
        box.value = i;
        text.replaceChildren(legible(names[i]));
      },
    ];
  };
  const [layer, layerBox] = select("layer", stack.layers, (value) => figure.move({ layer: value }));
  const [head, headBox] = select("head", stack.heads, (value) => figure.move({ head: value }));
  const [token, showToken] = number("token", stack.queries, (value) => figure.move({ tokens: [value], key: null }));
  const [key, showKey] = number("looks at", stack.keys, (value) => figure.move({ key: value }));
  const pressed = (text, on, change) => {
    const button = el("button", { type: "button", on: { click: change } }, text);
    return [button, () => button.setAttribute("aria-pressed", String(on()))];
  };
  const mean = (name, text) =>
    pressed(
      text,
      () => state().mean === name,
      () => figure.move({ mean: state().mean === name ? "" : name, extra: [] }),
    );
  const [whole, showWhole] = mean("layer", "Mean of this layer"),
    [all, showAll] = mean("all", "Mean of all");
  const [words, showWords] = stack.words
    ? pressed(
        "Words",
        () => state().words,
        () => figure.move({ words: !state().words }),
      )
    : [null, () => {}];
  const choose = tabs(
    "View",
    views,
    () => state().view,
    (view) => figure.move({ view }),
  );
  const show = (key) => {
    layerBox.value = state().layer;
    headBox.value = state().head;
    showToken(figure.now().token);
    showKey(key);
    for (const one of [showWhole, showAll, showWords, choose.show]) one();
  };
  return {
    node: el(
      "div",
      {},
      choose.node,
      el("div", { class: "controls" }, layer, head, token, key, words, stack.heads.length > 1 ? whole : null, all),
    ),
    show,
  };
}
