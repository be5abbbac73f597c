// The notes panel: how the index stands, rebuilding it, and files dropped into the notes folder.

import { local } from "/ui/words.js";
import { fetched, show, side } from "/ui/side.js";

const LOOK = 1000; // ms between two looks at how the index stands
const SHOWN = 50; // names that fit an address, however long each is
const kept = []; // notes put in from this page: {path, same}
const said = []; // elements: why others were not, and what is on its way
let main = null; // what the panel shows while it is open
let largest = 0; // bytes of a note
let timer = 0;
const drawn = new WeakMap(); // of each section, what the server last gave for it

/** The panel as it is now, with what happened to the files dropped here. */
async function fetchPanel() {
  const names = kept.flatMap(({ path, same }) => [["new", path], ...(same ? [["same", path]] : [])]);
  const page = await fetched(`/notes?${new URLSearchParams(names)}`);
  const found = page.querySelector("main");
  if (found) largest = Number(found.dataset.largest);
  return [page, found];
}

async function open(from) {
  clearTimeout(timer);
  const [page, found] = await fetchPanel();
  const heading = [...(page.querySelector("h1")?.childNodes ?? [])];
  main = found ?? page;
  for (const section of main.querySelectorAll("section")) drawn.set(section, section.innerHTML);
  main.querySelector("#notes-given")?.setAttribute("aria-live", "polite");
  show("notes", { heading, body: main, from, onClose: () => clearTimeout(timer), reopen: () => open(null) });
  tell();
  timer = setTimeout(look, LOOK);
}

/** Draw what has changed since the last look, and nothing else: whoever reads or types is not disturbed. */
async function look() {
  clearTimeout(timer);
  if (side.shown !== "notes") return;
  const [page, found] = document.hidden ? [] : await fetchPanel();
  if (side.shown !== "notes") return;
  if (found && !main.matches("main")) return open(null); // the server is back
  const state = main.querySelector("#notes-state");
  if (page && !found && state) redraw(state, page); // it is away, and says so
  for (const next of found?.querySelectorAll("section") ?? []) {
    const section = main.querySelector(`#${next.id}`);
    if (section && drawn.get(section) !== next.innerHTML) redraw(section, next);
  }
  tell();
  clearTimeout(timer);
  timer = setTimeout(look, LOOK);
}

/** Draw a section anew; what was open stays open, and what had the focus has it. */
function redraw(section, next) {
  drawn.set(section, next.innerHTML);
  const view = section.closest(".view");
  const at = view?.scrollTop ?? 0;
  const opened = [...section.querySelectorAll("details[open]")].map(({ id }) => id);
  const FOCUS = "a, button, input, summary";
  const before = [...section.querySelectorAll(FOCUS)];
  const focused = before.indexOf(document.activeElement);
  const href = before[focused]?.getAttribute("href");
  section.replaceChildren(...next.childNodes);
  for (const id of opened) section.querySelector(`#${id}`)?.setAttribute("open", "");
  if (focused >= 0) {
    const now = [...section.querySelectorAll(FOCUS)];
    const again = (href && now.find((link) => link.getAttribute("href") === href)) || now[focused];
    (again ?? document.getElementById("side-title")).focus({ preventScroll: true });
  }
  if (view) view.scrollTop = at;
}

/** Show what was refused, and what is on its way, under what was taken in. */
function tell() {
  const given = main?.querySelector("#notes-given");
  if (given && said.some((each) => each.parentElement !== given)) given.append(...said);
}

/** Put files into the notes folder, one after the other, and say what became of each. */
async function give(files, from) {
  if (!files.length) return;
  if (side.shown !== "notes") await open(from);
  for (const { file, folder } of files) {
    const line = document.createElement("p");
    const name = document.createElement("bdi");
    name.textContent = file.name;
    line.append(name, " …");
    said.push(line);
    tell();
    const refused = folder ? "no-folders" : await put(file, line);
    if (refused) line.replaceChildren(name, " ", document.getElementById(refused).content.cloneNode(true));
    line.classList.add("notice");
    await look();
  }
  document.querySelector("#notes-given")?.scrollIntoView({ block: "nearest" });
}

/** Send one file; the server says what is wrong with it. Of one too large, no more than shows that. */
async function put(file, line) {
  const address = `/notes/${encodeURIComponent(file.name)}?modified=${file.lastModified}`;
  try {
    const answer = await fetch(address, { method: "PUT", body: file.slice(0, largest + 1) });
    const text = await answer.text();
    if (answer.ok) {
      said.splice(said.indexOf(line), 1);
      line.remove();
      kept.push({ path: text, same: answer.status === 200 });
      if (kept.length > SHOWN) kept.shift();
    } else {
      line.textContent = local(text);
    }
    return "";
  } catch {
    return "unsent";
  }
}

/** What a drop or a paste brings, folders told apart from files. */
function filesOf(transfer) {
  const items = [...transfer.items].filter((item) => item.kind === "file");
  return items.map((item) => ({ file: item.getAsFile(), folder: item.webkitGetAsEntry?.()?.isDirectory }))
    .filter(({ file }) => file);
}

// Files can be let go of anywhere: what the browser does by itself is to leave the page for them.
const curtain = document.getElementById("drop");
const brings = (event) => event.dataTransfer?.types.includes("Files");
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(name, (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    event.stopPropagation();
    curtain.hidden = name === "drop" || (name === "dragleave" && !event.relatedTarget);
    if (name === "dragover") event.dataTransfer.dropEffect = "copy";
    if (name === "drop") give(filesOf(event.dataTransfer), document.activeElement);
  }, true);
}

// A picture pasted into the question box is no question, and no note either: it is said so. Text that was
// copied along with a picture, as word processors do, is pasted as text.
addEventListener("paste", (event) => {
  if (!event.clipboardData?.files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  event.stopPropagation();
  give(filesOf(event.clipboardData), document.activeElement);
}, true);

addEventListener("change", async (event) => {
  if (!event.target.matches?.("#notes-drop input[type=file]")) return;
  const files = [...event.target.files].map((file) => ({ file }));
  event.target.value = ""; // so that the same file can be chosen again
  await give(files, event.target);
});

addEventListener("click", async (event) => {
  const button = event.target.closest?.("#open-notes, .open-notes, #notes-rebuild button");
  if (!button) return;
  if (button.matches("#open-notes, .open-notes")) {
    await open(button);
    if (button.matches(".open-notes")) openSkipped();
    return;
  }
  const sure = document.querySelector("#notes-rebuild .sure");
  const ask = document.querySelector("#notes-rebuild .ask");
  if (button.matches(".yes")) {
    try {
      await fetch("/rebuild", { method: "POST" });
    } catch { /* the next look says that the server is away */ }
    sure.hidden = true;
    await look();
    return;
  }
  sure.hidden = !button.matches(".ask");
  (sure.hidden ? ask : sure.querySelector(".yes")).focus();
});

/** The list of what was not read, opened and in sight. */
function openSkipped() {
  const list = document.getElementById("skipped");
  if (!list) return;
  list.open = true;
  list.scrollIntoView({ block: "nearest" });
  list.querySelector("summary").focus({ preventScroll: true });
}
