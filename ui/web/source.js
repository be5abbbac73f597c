// [1] and the places of cards open the note in the pane, at the quote; hovering [1] shows the quote.

import { fetched, show, side } from "/ui/side.js";
import { local } from "/ui/words.js";

const LINKS = "a.cite, a.source";
const tip = document.getElementById("tip");
let marked = null; // the link whose source is open

/** Open the source of a link, with steps to the others of the same answer or list. */
async function open(link, from) {
  const within = Boolean(from?.closest("#side"));
  const page = await fetched(link.href);
  const editor = page.querySelector("a.editor");
  const body = document.createDocumentFragment();
  body.append(...page.querySelectorAll("header p"), contents(page));
  const place = local(link.nextElementSibling?.textContent ?? "");
  marked?.removeAttribute("aria-current");
  marked = link;
  link.setAttribute("aria-current", "true");
  show("source", { heading: place, body, tools: [tools(link, place), ...(editor ? [editor] : [])], from, within, onClose: forget });
  // scrollIntoView would move the whole page on a phone
  const view = document.querySelector("#side .view");
  const first = view.querySelector("mark") ?? view.querySelector(".cited");
  if (first) view.scrollTop += first.getBoundingClientRect().top - view.getBoundingClientRect().top - view.clientHeight / 3;
}

/** What a page shows, no longer its main part: here that is the chat. */
function contents(page) {
  const main = page.querySelector("main");
  if (!main) return page;
  const shown = document.createElement("div");
  shown.className = main.className;
  shown.style.cssText = main.style.cssText;
  shown.append(...main.childNodes);
  return shown;
}

function forget() {
  marked?.removeAttribute("aria-current");
  marked = null;
}

/** The buttons over a source: steps between citations, copying the place, the note by itself. */
function tools(link, place) {
  const made = document.getElementById("source-actions").content.cloneNode(true);
  const among = link.closest(".message, .view");
  const others = [...(among?.querySelectorAll(link.matches(".cite") ? "a.cite" : "a.source") ?? [])];
  const at = others.indexOf(link);
  made.querySelector("output").textContent = `${at + 1}/${others.length}`;
  for (const [name, step] of [["before", -1], ["after", 1]]) {
    const button = made.querySelector(`.${name}`);
    const target = others[at + step];
    button.disabled = !target;
    button.addEventListener("click", async () => {
      await open(target, null);
      const again = document.querySelector(`#side .${name}`);
      (again.disabled ? document.getElementById("side-title") : again).focus();
    });
  }
  if (others.length < 2 || link.closest("#side")) made.querySelector(".steps").remove();
  made.querySelector(".copy").addEventListener("click", (event) => copy(place, event.currentTarget));
  made.querySelector(".whole").href = link.href;
  return made;
}

/** Copy text; also where the page is no secure context, as another machine's address is none. */
export async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text });
    button.after(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    button.focus();
  }
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
}

addEventListener("click", (event) => {
  const link = event.target.closest?.(`${LINKS}, a.like`);
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own, as asked
  event.preventDefault();
  untip();
  if (link.matches(".like")) similar(link);
  else open(link, link);
});

/** The passages like the one of a card. */
async function similar(link) {
  const page = await fetched(link.href);
  const heading = [...(page.querySelector("h1")?.childNodes ?? [])];
  const body = document.createDocumentFragment();
  body.append(...page.querySelectorAll("h1 + p"), contents(page));
  show("similar", { heading, body, from: link, reopen: () => similar(link) });
}

// The quote in its place, over [1]: read without leaving the answer.
function showTip(link) {
  const id = link.id.replace("to-", "");
  const card = document.getElementById(id)?.closest(".card");
  if (!card || side.shown === "source" && link === marked) return;
  tip.replaceChildren(link.nextElementSibling?.textContent ?? "", card.querySelector("pre").cloneNode(true));
  tip.hidden = false;
  const [nth, text] = [numbers(card).findIndex((number) => number.id === id), tip.querySelector("pre")];
  const mark = text.querySelectorAll("mark")[nth] ?? text.querySelector("mark");
  if (mark) text.scrollTop = mark.offsetTop - text.offsetTop - 24; // a line of what stands before it
  link.setAttribute("aria-describedby", "tip");
  beside(link);
}

function beside(link) {
  const [at, box] = [link.getBoundingClientRect(), tip.getBoundingClientRect()];
  tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.width - 8))}px`;
  const below = at.bottom + 6;
  tip.style.top = `${below + box.height < innerHeight ? below : Math.max(8, at.top - box.height - 6)}px`;
}

const numbers = (card) => [...card.querySelectorAll("header b[id]")];

function untip() {
  tip.hidden = true;
  document.querySelector("[aria-describedby=tip]")?.removeAttribute("aria-describedby");
}

for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
  addEventListener(on, (event) => {
    const link = event.target.closest?.("a.cite");
    if (link && (on === "mouseover" || link.matches(":focus-visible"))) showTip(link);
  });
  addEventListener(off, (event) => { if (event.target.closest?.("a.cite")) untip(); });
}
addEventListener("scroll", () => {
  const link = document.querySelector("[aria-describedby=tip]");
  if (link) beside(link);
}, true);
// Escape takes the tip away first, the pane after that.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || tip.hidden) return;
  untip();
  event.preventDefault();
}, true);
