// Enter that confirms a kana-kanji conversion is not a send. Safari ends the composition before that
// Enter's keydown, which then is told only by its key code 229.
let composing = false;
addEventListener("keydown", (event) => { composing = event.isComposing || event.keyCode === 229; }, true);
addEventListener("keypress", (event) => {
  if (event.key !== "Enter") return;
  if (composing || event.isComposing) event.stopImmediatePropagation();
  // A blank question goes nowhere: the answer to it would come back over what is typed meanwhile.
  else if (!event.shiftKey && event.target.matches("#question textarea") && !event.target.value.trim()) {
    event.preventDefault();
    event.stopImmediatePropagation();
  }
}, true);

// Gradio lets a question pass only once the one before is wholly done, and its button is away meanwhile.
function send(box, question, tries = 20) {
  if (box.value !== question || !tries) return;
  document.querySelector("#question .submit-button")?.click();
  setTimeout(send, 250, box, question, tries - 1);
}

// A question that the page offers: one to correct goes into the box, any other is asked.
addEventListener("click", (event) => {
  const button = event.target.closest?.("button.edit, button.suggested");
  if (!button) return;
  const box = document.querySelector("#question textarea");
  const question = button.matches(".edit") ? button.parentElement.querySelector(".question") : button;
  box.value = question.textContent;
  box.dispatchEvent(new Event("input", { bubbles: true })); // for Svelte, which reads it then
  box.focus();
  if (button.matches(".suggested")) setTimeout(send, 0, box, box.value);
});

// A question that was sent while the server was away is gone once the page is drawn anew: it comes
// back into the box.
const UNSENT = "kikigaki.unsent";
const asked = () => [...document.querySelectorAll("#chat .user-row")];
let sent = -Infinity; // when, in ms
let before = Infinity; // questions in the chat then; of a page drawn anew since, nobody knows

function unsent(...text) {
  try {
    return text.length ? sessionStorage.setItem(UNSENT, ...text) : sessionStorage.getItem(UNSENT) ?? "";
  } catch {
    return ""; // forbidden: then it is lost
  }
}

function remember() {
  const box = document.querySelector("#question textarea");
  if (!box?.value.trim()) return;
  [sent, before] = [performance.now(), asked().length];
  unsent(box.value);
}

addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !composing && event.target.matches?.("#question textarea")) remember();
});
addEventListener("click", (event) => { if (event.target.closest?.("#question .submit-button")) remember(); }, true);
setInterval(() => {
  const [question, box] = [unsent(), document.querySelector("#question textarea")];
  if (!question || !box) return;
  const arrived = asked().length > before || asked().at(-1)?.textContent.trim() === question.trim();
  if (arrived) unsent("");
  else if (!box.value && performance.now() - sent > 5000) {
    unsent("");
    box.value = question;
    box.dispatchEvent(new Event("input", { bubbles: true })); // for Svelte, which reads it then
  }
}, 1000);

// A new question or answer: keep its question at the top while the answer is drawn under it, so that
// it is read from its start.
let drawn = 0, until = 0;
new MutationObserver(() => {
  document.querySelector("#chat .examples")?.removeAttribute("role"); // a list, it says, but of buttons
  const now = document.querySelectorAll("#chat .message-row, #chat .md > *").length;
  if (now !== drawn) until = performance.now() + 500;
  drawn = now;
  if (performance.now() > until) return;
  const last = [...document.querySelectorAll("#chat .user-row")].pop();
  last?.closest("[role=log]")?.scrollTo({ top: last.offsetTop });
  // Gradio labels each message with its HTML source, which a screen reader would read out.
  document.querySelectorAll("#chat [aria-label*='message: ']").forEach((text) => text.removeAttribute("aria-label"));
}).observe(document, { childList: true, subtree: true });

// 解除 vanishes under the finger that pressed it: the focus stays in its row.
addEventListener("click", (event) => {
  if (event.target.closest?.("#filter-clear")) document.querySelector("#filter .label-wrap").focus();
});

// The filter: what is typed into a list's field looks for another choice, so it takes the old one's place.
addEventListener("focusin", (event) => { if (event.target.matches("#filter input")) event.target.select(); });
// The Enter of a conversion chooses nothing in a list.
addEventListener("keydown", (event) => {
  if (composing && event.key === "Enter" && event.target.matches?.("#filter input")) event.stopImmediatePropagation();
}, true);

// The button in the status line, which the timer draws anew, keeps the focus. And Gradio's folding row does
// not say whether it is open.
let statusFocused = false;
addEventListener("focusin", (event) => { statusFocused = event.target.matches("#status button"); });
new MutationObserver(() => {
  if (statusFocused && document.activeElement === document.body) {
    document.querySelector("#status button")?.focus({ preventScroll: true });
  }
  const row = document.querySelector("#filter .label-wrap");
  row?.setAttribute("aria-expanded", row.classList.contains("open"));
}).observe(document, { childList: true, subtree: true, attributeFilter: ["class"] });
