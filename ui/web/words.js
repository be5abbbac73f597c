// The interface's plain words in one language: labels and attributes, which cannot hold both as HTML
// does (ui/html.py). They come as 「日本語⁣English」, parted by an invisible sign.

const PARTED = "\u2063";
const NAMES = ["title", "aria-label", "placeholder"];
// Where Gradio writes our labels. Notes are elsewhere, and are left as they are.
const LABELS = "#question button, [data-testid=block-info]:not(#talk *), #filter .label-wrap, #filter-clear, [role=option], [role=alert]";
const shown = new WeakMap(); // for each text, attribute or field: both languages, and the one put

/** The reader's language of a text in both. */
export function local(text) {
  const [japanese, english] = text.split(PARTED);
  return english !== undefined && document.documentElement.dataset.words === "en" ? english : japanese;
}

/** A sentence of the frame (ui/templates/frame.html) with its {names} filled in. */
export function say(key, facts = {}) {
  const text = local(document.getElementById("says").dataset[key]);
  return text.replace(/\{(\w+)\}/g, (_, name) => facts[name]);
}

function put(node, property = "nodeValue") {
  const text = node[property]; // Gradio may have written anew since
  const before = shown.get(node);
  const both = before && text === before.put ? before.both : text;
  if (!both.includes(PARTED)) return;
  const now = local(both);
  shown.set(node, { both, put: now });
  if (now !== text) node[property] = now;
}

function all() {
  for (const name of NAMES) {
    for (const element of document.querySelectorAll(`[${name}]`)) put(element.getAttributeNode(name));
  }
  for (const field of document.querySelectorAll("#filter input")) put(field, "value");
  for (const label of document.querySelectorAll(LABELS)) {
    const texts = document.createTreeWalker(label, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) put(texts.currentNode);
  }
}

let waiting = false;
function soon() {
  if (waiting) return;
  waiting = true; // a frame's changes at once; an answer makes hundreds
  requestAnimationFrame(() => { waiting = false; all(); });
}
new MutationObserver(soon).observe(document, {
  subtree: true, childList: true, characterData: true, attributeFilter: [...NAMES, "data-words"],
});
for (const type of ["change", "click", "focusout"]) addEventListener(type, soon); // of fields' values
all();
