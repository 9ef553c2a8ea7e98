// Which view draws which record. A record no view knows is shown as it is.
import { drawAblation } from "./ablation.js";
import { drawArchitecture } from "./architecture.js";
import { drawAttention } from "./attention.js";
import { drawClassification } from "./classification.js";
import { drawTokenizerComparison } from "./compared.js";
import { drawComparison } from "./comparison.js";
import { drawContacts } from "./contacts.js";
import { drawCorrections } from "./corrections.js";
import { el, heading, legible } from "./draw.js";
import { drawEmbeddings } from "./embeddings.js";
import { drawEvaluation } from "./evaluation.js";
import { drawFilling } from "./filling.js";
import { drawForecast } from "./forecast.js";
import { drawGeneration } from "./generation.js";
import { drawHeads } from "./heads.js";
import { drawChecked, drawCollection, drawHomework, drawSubmission } from "./homework.js";
import { drawLens } from "./lens.js";
import { begin, end } from "./lifetime.js";
import { drawDataset, drawDatasets, drawDoctor, drawModel, drawModels, drawSaved } from "./lists.js";
import { drawMap } from "./map.js";
import { drawMutations } from "./mutations.js";
import { drawNeighbours } from "./neighbours.js";
import { drawPlan } from "./plan.js";
import { drawPrediction } from "./prediction.js";
import { drawRunComparison } from "./run_pair.js";
import { drawSampleEvaluation } from "./samples.js";
import { drawScore } from "./score.js";
import { drawSheet } from "./sheet.js";
import { drawSweep } from "./sweep.js";
import { drawSavedTokenizer, drawTokenizerCheck } from "./tokenizers.js";
import { drawTokenComparison, drawTokens } from "./tokens.js";
import { drawTour } from "./tour.js";
import { drawTraining } from "./training.js";
import { drawTranslation } from "./translation.js";

const VIEWS = {
  tokens: drawTokens,
  generation: drawGeneration,
  score: drawScore,
  classification: drawClassification,
  filling: drawFilling,
  translation: drawTranslation,
  corrections: drawCorrections,
  architecture: drawArchitecture,
  attention: drawAttention,
  embeddings: drawEmbeddings,
  neighbours: drawNeighbours,
  map: drawMap,
  training: drawTraining,
  evaluation: drawEvaluation,
  forecast: drawForecast,
  sample_evaluation: drawSampleEvaluation,
  samples: drawSheet,
  plan: drawPlan,
  prediction: drawPrediction,
  run_comparison: drawRunComparison,
  saved: drawSaved,
  models: drawModels,
  model: drawModel,
  datasets: drawDatasets,
  dataset: drawDataset,
  doctor: drawDoctor,
  heads: drawHeads,
  ablation: drawAblation,
  lens: drawLens,
  comparison: drawComparison,
  sweep: drawSweep,
  mutations: drawMutations,
  contacts: drawContacts,
  saved_tokenizer: drawSavedTokenizer,
  tokenizer_check: drawTokenizerCheck,
  tokenizer_comparison: drawTokenizerComparison,
  homework: drawHomework,
  checked: drawChecked,
  submission: drawSubmission,
  collection: drawCollection,
};

export function nameOf(record) {
  return /^cutaway\.([a-z_-]+)\/1$/.exec(record?.schema ?? "")?.[1] ?? "";
}

// Draw records one after the other; those that compare the same (tokenizers of one text, neighbours of the same words)
// and follow each other share one figure. Records that were drawn in the element before are erased.
export function drawRecords(element, records) {
  eraseRecords(element);
  for (let i = 0; i < records.length; ) {
    let end = i + 1;
    while (end < records.length && compared(records[i]) && compared(records[end]) === compared(records[i])) end += 1;
    drawRecord(element, records.slice(i, end));
    i = end;
  }
}

function compared(record) {
  const name = nameOf(record);
  if (name === "tokens") return `tokens ${record.text}`;
  return name === "neighbours" && Array.isArray(record.queries)
    ? `neighbours ${record.queries.map((query) => String(query?.token).trim().toLowerCase()).join(" ")}`
    : "";
}

// Remove what `drawRecords` drew in an element, and end all that listens for it.
export function eraseRecords(element) {
  for (const drawn of element.querySelectorAll(":scope > .drawing")) {
    end(drawn);
    drawn.remove();
  }
}

function drawRecord(element, group) {
  const [record] = group,
    name = nameOf(record);
  if (name === "tour") {
    const box = el("div", { class: "drawing" });
    element.append(box);
    begin(box, () => drawTour(box, record, drawRecords));
    return;
  }
  const figure = el("figure", {
    class: "view drawing",
    "data-schema": record?.schema ?? "",
    "aria-label": name || "record",
  });
  element.append(figure);
  begin(figure, () => drawFigure(figure, group, name));
  if (group.length === 1 && record?.caption)
    figure.append(el("figcaption", {}, legible(record.caption, { spaces: false })));
}

function drawFigure(figure, group, name) {
  const [record] = group;
  try {
    if (group.length > 1 && name === "neighbours") drawNeighbours(figure, ...group);
    else if (group.length > 1) drawTokenComparison(figure, group);
    else if (Object.hasOwn(VIEWS, name)) VIEWS[name](figure, record);
    else
      figure.append(
        heading(`Record · ${record?.schema ?? "without a schema"}`),
        el("pre", {}, JSON.stringify(record, null, 2)),
      );
  } catch (problem) {
    console.error(problem);
    figure.replaceChildren(
      heading(`Record · ${name}`),
      el("p", { class: "problem" }, `This record can't be drawn (${problem.message}); here it is as it stands.`),
      el("pre", {}, JSON.stringify(record, null, 2)),
    );
  }
}
