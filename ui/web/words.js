// The interface's plain words in English: labels and attributes, which cannot hold both languages as
// HTML does (ui/html.py, both). What is written 「日本語 (English)」 needs no entry here.

const ENGLISH = {
  "送る": "Send", "止める": "Stop", "質問": "Question", "質問を書く": "Write a question",
  "解除": "Clear", "絞り込み": "Filter", "議事録": "minutes",
};
const BESIDE = /^[^()]*[\u3040-\u30ff\u4e00-\u9fff][^()]* \(([^()]+)\)$/;
const NAMES = ["title", "aria-label", "placeholder"];
// Where Gradio writes our labels. Notes are elsewhere, and are left as they are.
const LABELS = "#question button, [data-testid=block-info]:not(#talk *), #filter .label-wrap, #filter-clear";
const shown = new WeakMap(); // of a text or an attribute: the Japanese, and the English put for it

function english(text) {
  const [label, ...rest] = text.trim().split(/(?=: )/); // 絞り込み: 仕事/
  if (ENGLISH[label]) return ENGLISH[label] + rest.join("");
  const beside = text.trim().match(BESIDE)?.[1];
  return beside && beside[0].toUpperCase() + beside.slice(1);
}

function say(node) {
  const text = node.nodeValue; // Gradio may have written anew since
  const before = shown.get(node);
  const japanese = before && text === before.english ? before.japanese : text;
  const other = english(japanese);
  if (!other) return;
  shown.set(node, { japanese, english: other });
  const now = document.documentElement.dataset.words === "en" ? other : japanese;
  if (now !== text) node.nodeValue = now;
}

function all() {
  for (const name of NAMES) {
    for (const element of document.querySelectorAll(`[${name}]`)) {
      if (!element.closest(".md, .lines")) say(element.getAttributeNode(name));
    }
  }
  for (const meter of document.querySelectorAll(".card meter[title]")) say(meter.getAttributeNode("title"));
  for (const label of document.querySelectorAll(LABELS)) {
    const texts = document.createTreeWalker(label, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) say(texts.currentNode);
  }
}

let waiting = false;
new MutationObserver(() => {
  if (waiting) return;
  waiting = true; // a frame's changes at once; an answer makes hundreds
  requestAnimationFrame(() => { waiting = false; all(); });
}).observe(document, {
  subtree: true, childList: true, characterData: true, attributeFilter: [...NAMES, "data-words"],
});
all();
