// What a measure means, in one sentence. The first figure of a page that uses a measure shows the
// sentence; later ones keep it folded.
import { el } from "./draw.js";

const TERMS = {
  surprisal:
    "How unexpected a token was, in bits: 0 if it was certain, 1 at a probability of one half, one more for " +
    "each further halving.",
  entropy:
    "How unsure the model was before it saw the token: the surprisal to be expected, in bits. 0: it knew; n " +
    "bits: as unsure as among 2ⁿ equally likely tokens.",
  rank: "The token's place among all tokens when the likeliest is number 1.",
  perplexity:
    "2 to the power of the bits per token: the number of equally likely tokens among which the model would be " +
    "as unsure.",
  "bits per byte":
    "The surprisal of the whole text divided by its bytes; it can be compared between models whose tokens differ.",
  cosine: "How far two vectors point the same way: 1 the same direction, 0 a right angle, −1 opposite directions.",
  "variance kept":
    "The share of the points' variance that the drawing shows; the rest lies in directions that are not drawn.",
  trustworthiness:
    "Whether points that lie near each other on the sheet are near each other in truth, too: 1 if all are, " +
    "about 0.5 by chance.",
  "t-SNE's perplexity": "About how many neighbours of each point the map tries to keep.",
  loss: "The mean surprisal of the right next token; training makes it smaller.",
  floor: "The entropy of the source: what is left to chance in the text itself, which no model can predict.",
  guesses:
    "What guesses without a model lose on the same data: all tokens equally likely, or each as likely as it is in " +
    "the training data.",
  "learning rate": "How far each step moves the model's numbers.",
  "gradient norm": "How strongly the loss of this step asks for a change.",
  parameters: "The numbers in the model that training sets.",
  FLOPs: "Additions and multiplications of numbers with a decimal point: the work of a computer.",
  context: "The longest text, in tokens, that the model can read at once.",
  logit: "A score before it is made a probability: any number, larger for what is more likely.",
  softmax: "Makes probabilities of logits: e to the power of each, divided by the sum of all.",
  "entropy of a head":
    "How widely a head spreads its weight, in bits: 0 if all of it is on one token, n as if on 2ⁿ tokens equally.",
  role: "What a head does at most tokens; certainty is the share of tokens at which it does so.",
  "first token": "The weight on the first token. A head that finds nothing puts its weight there: an attention sink.",
  induction: "The weight on what followed the same token earlier: the head guesses that the text repeats.",
  "same token before": "The weight on earlier copies of the same token.",
  "mean distance": "How many tokens back a head looks, on average.",
  nat:
    "The unit of a natural logarithm. +1 nat: 2.72 times as probable; −1 nat: 2.72 times less probable; 1 nat " +
    "is 1.44 bits.",
  "wild type": "The sequence as you gave it.",
  "masked marginals":
    "One position at a time is hidden from the model. The effect is ln P(mutant letter) − ln P(wild-type " +
    "letter) at that position.",
  "log-likelihood ratio": "ln P(changed sequence) − ln P(sequence as given).",
  "masked prediction":
    "The probability that a masked model gives to a token if its place is hidden, from everything before and after it.",
  posterior:
    "The probability of a candidate after the whole sequence is seen: P(sequence with it) divided by the sum of " +
    "P(sequence) over all candidates.",
  "noisy channel":
    "How mistakes come about: every element may be replaced, lost, or get a surplus one beside it, each with the " +
    "same small probability. It says how many nats an edit must gain before it is believed.",
  "masked marginals and pseudo-likelihood":
    "Replacing: ln P(new) − ln P(old) with that place hidden. Putting in or taking out: the change of the sum of " +
    "ln P(element), each hidden while the others are seen.",
  "column profile":
    "A baseline without a model: the same difference, from how often each letter stands in that column of the " +
    "alignment.",
  "Spearman correlation": "Whether two rankings agree: 1 the same order, 0 no relation, −1 the reverse order.",
  "contact score":
    "The attention between two residues, both ways added up and averaged over the heads. It has no unit; a " +
    "higher score suggests a contact.",
  "average product correction":
    "Some residues attend to everything. From the score of each pair is subtracted what the totals of its two " +
    "residues let us expect: total of one × total of the other ÷ total of all.",
  "precision at L":
    "L is the number of residues. Of the L pairs with the highest scores, the share that are known contacts.",
  "settled layer": "The lowest layer from which the output's top token stays on top in every layer up to the output.",
  beam:
    "One of the unfinished texts that the search follows side by side. Its score is its log-probability divided by " +
    "its number of tokens to the power of the length penalty.",
  "KL divergence": "How far a layer's probabilities are from the output's, in bits: 0 if they are the same.",
};

const told = new Set();

export function meanings(...names) {
  const known = names.filter((name) => Object.hasOwn(TERMS, name)),
    fresh = known.some((name) => !told.has(name));
  known.forEach((name) => told.add(name));
  const list = el(
    "dl",
    { class: "terms" },
    known.map((name) => [el("dt", {}, name), el("dd", {}, TERMS[name])]),
  );
  return el(
    "details",
    { class: "more meanings", open: fresh },
    el("summary", {}, known.length > 1 ? "What these measures mean" : "What this measure means"),
    list,
  );
}
