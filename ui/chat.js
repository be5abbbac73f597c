document.documentElement.lang = "ja"; // picks Japanese shapes for the Han characters both share

// Enter that confirms a kana-kanji conversion is not a send. Safari ends the composition before that
// Enter's keydown, which then is told only by its key code 229.
let composing = false;
addEventListener("keydown", (event) => { composing = event.isComposing || event.keyCode === 229; }, true);
addEventListener("keypress", (event) => {
  if (event.key !== "Enter") return;
  if (composing || event.isComposing) event.stopImmediatePropagation();
  // A blank question goes nowhere: the answer to it would come back over what is typed meanwhile.
  else if (!event.shiftKey && event.target.value?.trim() === "") {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// [1] leads to its card. Not a plain link: with any ?query in the address the page's <base> reloads it.
addEventListener("click", (event) => {
  const link = event.target.closest?.("a.cite");
  if (!link) return;
  event.preventDefault();
  const card = document.getElementById(link.hash.slice(1))?.closest(".card");
  card?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  card?.focus({ preventScroll: true });
});

// A new question or answer: keep its question at the top while the answer is drawn under it, so that
// it is read from its start.
let drawn = 0, until = 0;
new MutationObserver(() => {
  const now = document.querySelectorAll("#chat .message-row, #chat .md > *").length;
  if (now !== drawn) until = performance.now() + 500;
  drawn = now;
  if (performance.now() > until) return;
  const last = [...document.querySelectorAll("#chat .user-row")].pop();
  last?.closest("[role=log]")?.scrollTo({ top: last.offsetTop });
  // Gradio labels each message with its HTML source, which a screen reader would read out.
  document.querySelectorAll("#chat [aria-label*='message: ']").forEach((text) => text.removeAttribute("aria-label"));
}).observe(document, { childList: true, subtree: true });
