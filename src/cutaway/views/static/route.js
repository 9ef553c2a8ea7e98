// The path of the data, read from a module tree: embeddings, the parts of a block with their sizes, the final norm, the
// head. The place of a norm in a block follows from the names that models give their parts.
import { count } from "./draw.js";

// Families that normalise the sum after a part, and families whose two parts read the same input.
const AFTER = /^(bert|roberta|xlm-roberta|distilbert|albert|electra|camembert|bart|marian)$/,
  PARALLEL = /^(gpt_neox|gptj|phi|falcon|cohere2?)$/;
const POSITIONS = /pos|wpe/i,
  NORM = /norm|^ln(_|$)/i;

export function leaves(node) {
  return node.children.length ? node.children.flatMap(leaves) : [node];
}

export function labelOf(node) {
  return String(node.module.label ?? node.module.name ?? "").replace(/^\((.*)\)$/, "$1") || String(node.module.type);
}

// The parts with weights of their own, in the order of their definition, and how many those are.
const weighted = (node) => [
  ...(Object.keys(node.module.shapes ?? {}).length ? [node] : []),
  ...node.children.flatMap(weighted),
];
const sizeOf = (part) =>
  Object.values(part.module.shapes).reduce((total, shape) => total + shape.reduce((a, b) => a * b, 1), 0);
const isNorm = (leaf) => NORM.test(leaf.module.type) || NORM.test(labelOf(leaf));
const isEmbedding = (leaf) => /Embedding/.test(leaf.module.type) && Object.keys(leaf.module.shapes ?? {}).length > 0;
const sum = (parts) => parts.reduce((total, leaf) => total + sizeOf(leaf) * (leaf.module.repeat || 1), 0);
const shapeOf = (leaf) => Object.values(leaf?.module.shapes ?? {})[0] ?? [];

// One column for a decoder or an encoder, two for a model with both. A step: {kind, title, says: lines, name: the part
// in the tree, parameters, before, after, seen}; "part" steps lie beside the stream and add to it, the others lie in
// it.
export function routeOf(record, root) {
  const stacks = stacksOf(root);
  if (!stacks.length) return [];
  const two =
    stacks.length === 2 && ["encoder", "decoder"].every((side, i) => stacks[i].list.module.name.includes(side));
  const used = two ? stacks : stacks.slice(0, 1),
    all = weighted(root),
    within = new Set(stacks.flatMap((stack) => weighted(stack.list)));
  const place = (leaf) => all.indexOf(leaf),
    last = place(weighted(used[used.length - 1].list).at(-1));
  const outside = all.filter((leaf) => !within.has(leaf)),
    behind = outside.filter((leaf) => place(leaf) > last && !isNorm(leaf) && !isEmbedding(leaf));
  const tokens =
    outside.find(
      (leaf) => isEmbedding(leaf) && !POSITIONS.test(labelOf(leaf)) && shapeOf(leaf)[0] === record.vocab_size,
    ) ?? outside.find(isEmbedding);
  return used.map((stack, i) => {
    const side = two ? ["encoder", "decoder"][i] : "",
      sides = outside.filter((leaf) => !two || leaf.module.name.includes(side) || leaf === tokens);
    const steps = [
      ...begin(
        sides,
        sides.filter((leaf) => place(leaf) < place(weighted(stack.list)[0])),
        tokens,
        two && i === 0 ? "the text to read" : two ? "the text written so far" : "",
      ),
    ];
    const norm = sides
      .filter((leaf) => isNorm(leaf) && place(leaf) > place(weighted(stack.list).at(-1)))
      .find((leaf) => !behind.some((head) => place(head) < place(leaf)));
    const causal = two
      ? i === 1
      : /CausalLM|LMHead/.test(record.class_name ?? "")
        ? true
        : /MaskedLM|PreTraining/.test(record.class_name ?? "")
          ? false
          : null;
    steps.push({
      kind: "block",
      title: "block",
      width: record.width,
      times: timesOf(record, stack, two),
      steps: partsOf(record, stack.block, causal, root),
    });
    if (norm)
      steps.push({
        kind: "station",
        title: "final norm",
        says: ["brings the numbers to a common size"],
        name: norm.module.name,
        parameters: norm.module.parameters,
      });
    if (!two || i === 1) steps.push(...end(record, behind, root));
    else
      steps.push({
        kind: "data",
        title: "what the encoder read",
        says: [`a vector of ${count(record.width)} numbers for each token`],
      });
    return { title: side, steps };
  });
}

// The lists of equal blocks, outermost first.
function stacksOf(node) {
  const inner = node.children.filter((child) => child.children.length && child.module.parameters);
  if (node.module.type === "ModuleList" && inner.length)
    return [{ list: node, kinds: inner, block: deepest(inner[0]) }];
  return node.children.flatMap(stacksOf);
}

// A block that only holds a list of one holds that one's parts.
function deepest(block) {
  const [only, ...others] = block.children.filter((child) => child.module.parameters);
  return others.length === 0 && only?.module.type === "ModuleList" && only.children.length === 1
    ? deepest(only.children[0])
    : block;
}

function timesOf(record, { kinds }, two) {
  const built = kinds.reduce((total, kind) => total + (kind.module.repeat || 1), 0);
  const shared = !two && built === 1 && record.layers > 1;
  return {
    count: shared ? record.layers : built,
    note: shared ? "the same weights each time" : kinds.length > 1 ? `${kinds.length} kinds; the first is drawn` : "",
  };
}

function begin(sides, early, tokens, whose) {
  const positions = sides.find((leaf) => isEmbedding(leaf) && POSITIONS.test(labelOf(leaf))),
    shape = shapeOf(tokens);
  const steps = [
    {
      kind: "data",
      title: "token ids",
      says: [whose ? `${whose}: T whole numbers` : "T whole numbers, one for each token"],
    },
  ];
  if (tokens)
    steps.push({
      kind: "station",
      title: "embedding",
      says: [`a table of ${shape.map(count).join(" × ")}: each id takes its row`],
      name: tokens.module.name,
      parameters: tokens.module.parameters,
    });
  if (positions)
    steps.push({
      kind: "part",
      title: "positions",
      says: [`${shapeOf(positions).map(count).join(" × ")}: a vector for each place in the text`],
      name: positions.module.name,
      parameters: positions.module.parameters,
    });
  const norm = early.find(isNorm);
  if (norm)
    steps.push({
      kind: "station",
      title: "norm",
      says: ["brings the numbers to a common size"],
      name: norm.module.name,
      parameters: norm.module.parameters,
    });
  return steps;
}

function end(record, behind, root) {
  if (!behind.length)
    return [{ kind: "data", title: "vectors", says: [`T × ${count(record.width)}: one for each token`] }];
  const shape = shapeOf(behind.at(-1)),
    masked = /MaskedLM|PreTraining/.test(record.class_name ?? "");
  return [
    {
      kind: "station",
      title: labelOf(root.children.find((child) => weighted(child).includes(behind.at(-1))) ?? behind.at(-1)),
      says: [
        `${shape.length > 1 ? `${shape.map(count).join(" × ")}: ` : ""}compares each vector with every token ` +
          "of the vocabulary",
      ],
      name: behind.at(-1).module.name,
      parameters: sum(behind),
    },
    {
      kind: "data",
      title: "logits → softmax → probabilities",
      says: [
        masked
          ? `for each position: ${count(record.vocab_size)} probabilities of what stands there`
          : `for each position: ${count(record.vocab_size)} probabilities of the next token`,
      ],
    },
  ];
}

// What a block does to the stream: attention, then attention to the encoder, then the feed-forward network.
function partsOf(record, block, causal, root) {
  const own = weighted(block),
    path = (leaf) => leaf.module.name.slice(block.module.name.length),
    inAttention = (leaf) => /att(e)?n/i.test(path(leaf));
  const norms = own.filter(
      (leaf) => isNorm(leaf) && !(inAttention(leaf) && /^[qk]_?(layer)?_?norm/i.test(labelOf(leaf))),
    ),
    rest = own.filter((leaf) => !norms.includes(leaf));
  const crossed = rest.filter((leaf) => /cross|enc_?dec|encoder_attn/i.test(path(leaf))),
    attends = rest.filter((leaf) => inAttention(leaf) && !crossed.includes(leaf)),
    feeds = rest.filter((leaf) => !inAttention(leaf) && !crossed.includes(leaf));
  const after = AFTER.test(record.model_type ?? ""),
    both = norms.some((leaf) => /^pre_feedforward/.test(labelOf(leaf))),
    behind = !both && norms.some((leaf) => /^post_feedforward/.test(labelOf(leaf)));
  const norm = norms.length ? { before: !after && !behind, after: both || behind, onStream: after } : {};
  const part = (title, says, some) => ({
    kind: "part",
    title,
    says,
    name: holder(block, some).module.name,
    parameters: sum(some),
    ...norm,
  });
  const steps = [],
    where = causal === null ? "other positions" : causal ? "itself and the positions before it" : "all positions";
  if (attends.length)
    steps.push(
      part(
        "self-attention",
        [headsOf(record, attends), `each position fetches from ${where}`, ...placed(attends, root)],
        attends,
      ),
    );
  if (crossed.length)
    steps.push({
      ...part(
        "cross-attention",
        [headsOf(record, crossed), "each position fetches from what the encoder read"],
        crossed,
      ),
      crossed: true,
    });
  if (feeds.length && attends.length)
    steps.push(
      part(
        "feed-forward network (MLP)",
        [
          ...widths(record, feeds),
          PARALLEL.test(record.model_type ?? "") ? "reads the same input as the attention" : "each position by itself",
        ],
        feeds,
      ),
    );
  if (feeds.length && !attends.length)
    steps.push(
      part(
        labelOf(block.children.find((child) => weighted(child).includes(feeds[0])) ?? block),
        ["mixes what stands in the text so far"],
        feeds,
      ),
    );
  return steps;
}

// The highest part that holds some leaves and no other weights but norms.
function holder(node, some) {
  if (weighted(node).every((leaf) => isNorm(leaf) || some.includes(leaf))) return node;
  const inside = node.children.find((child) => weighted(child).includes(some[0]));
  return inside ? holder(inside, some) : node;
}

function headsOf(record, attends) {
  const query = attends.find((leaf) => /^(q|query|q_proj|q_lin)$/.test(labelOf(leaf))),
    size = (query ? shapeOf(query)[0] : record.width) / record.heads;
  const fewer =
    record.kv_heads && record.kv_heads < record.heads ? `, keys and values of ${count(record.kv_heads)}` : "";
  return Number.isInteger(size)
    ? `${count(record.heads)} heads × ${count(size)} numbers${fewer}`
    : `${count(record.heads)} heads${fewer}`;
}

function placed(attends, root) {
  if (attends.some((leaf) => /relative/.test(labelOf(leaf)))) return ["order: a number for each distance"];
  return leaves(root).some((leaf) => /rotary/i.test(labelOf(leaf)))
    ? ["order: queries and keys are turned (rotary)"]
    : [];
}

function widths(record, feeds) {
  const shapes = feeds.flatMap((leaf) => Object.values(leaf.module.shapes)),
    experts = shapes.find((shape) => shape.length === 3)?.[0];
  const inner = shapes.map((shape) => Math.max(...shape.slice(-2))).filter((size) => size > record.width);
  return inner.length
    ? [
        `${count(record.width)} → ${count(Math.min(...inner))} → ${count(record.width)} ` +
          `numbers${experts ? `, ${count(experts)} experts` : ""}`,
      ]
    : [];
}
