// The pane beside the chat, on a narrow window over it: one view at a time.

import { local, say } from "/ui/words.js";

const frame = await (await fetch("/ui/frame.html")).text();
document.body.insertAdjacentHTML("beforeend", frame);
const pane = document.getElementById("side");
const title = document.getElementById("side-title");
const view = pane.querySelector(".view");
const actions = pane.querySelector(".actions");
let opener = null; // where the focus returns to
let closed = () => {};
let again = null; // opens the view that is shown anew
let before = null; // opens the one from within which that was opened

export const side = { shown: "" }; // the name of the view that is open; empty when none is

/**
 * Show a view. `heading`, `body` and `tools` are nodes or text; `from` is what was pressed for it, in
 * another view perhaps (`within`), to which there is then a way back; `reopen` is the way to this one.
 */
export function show(name, { heading, body, tools = [], from = null, within = false, onClose = () => {}, reopen = null }) {
  if (name !== side.shown) {
    closed();
    before = within ? again : null;
  }
  again = reopen;
  closed = onClose;
  if (from && !pane.contains(from)) opener = from;
  side.shown = name;
  pane.className = name;
  title.replaceChildren(...[heading].flat());
  actions.replaceChildren(...(before ? [backTo(before)] : []), ...tools);
  view.replaceChildren(body);
  view.scrollTo(0, 0);
  pane.hidden = false;
  document.body.classList.add("beside");
  covering();
  title.focus({ preventScroll: true });
}

function backTo(view) {
  const back = document.getElementById("back").content.firstElementChild.cloneNode(true);
  back.addEventListener("click", view);
  return back;
}

/** Close the pane; the focus goes back to where it was opened from. */
export function hide() {
  if (pane.hidden) return;
  closed();
  closed = () => {};
  side.shown = "";
  pane.hidden = true;
  document.body.classList.remove("beside");
  covering();
  (opener?.isConnected ? opener : document.querySelector("#question textarea"))?.focus();
  opener = null;
}

/** The element that a server's answer to `address` holds, or one that says why there is none. */
export async function fetched(address) {
  const page = document.createElement("div");
  try {
    const answer = await fetch(address);
    const text = await answer.text();
    if (answer.ok) return new DOMParser().parseFromString(text, "text/html").body;
    page.textContent = local(text);
  } catch {
    page.textContent = say("unreachable");
  }
  page.className = "notice";
  page.setAttribute("role", "alert");
  return page;
}

// What the pane covers cannot be reached by keyboard or screen reader.
const narrow = matchMedia("(max-width: 60rem)");
function covering() {
  document.querySelector("gradio-app").inert = narrow.matches && !pane.hidden;
}
narrow.addEventListener("change", covering);

pane.querySelector(".close").addEventListener("click", hide);
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.isComposing && !event.defaultPrevented) hide();
});
