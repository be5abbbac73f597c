// Conversations, kept in this browser only: each tab's own is there again after a reload, earlier ones
// open in the pane. The server says each turn as JSON in the hidden field's label (ui/turns.py), and
// takes a whole conversation back as the field's value. Nothing kept is ever used as HTML here.

import { show, side } from "/ui/side.js";
import { copy } from "/ui/source.js";

const VERSION = 1; // as ui/turns.py has it
const MOST = 20; // conversations; with their passages one of ten questions takes about 50 kB
const KEY = "kikigaki.talk.";
const FIELD = "#talk textarea, #talk input";
const root = document.documentElement;

let id = crypto.getRandomValues(new Uint32Array(2)).join("-"); // of this tab's conversation
let turns = []; // and what it holds; here too, so that a full storage loses nothing before a reload
let full = false;
let label = ""; // what the server said last

// --- the storage, which may be forbidden, full, or hold what somebody else wrote

function read(key) {
  try {
    const talk = JSON.parse(localStorage.getItem(key));
    const whole = talk?.version === VERSION && Array.isArray(talk.turns) && talk.turns.length;
    return whole && talk.turns.every((turn) => typeof turn?.question === "string") ? talk.turns : null;
  } catch {
    return null;
  }
}

/** The conversations there are, newest first. */
function talks() {
  let keys = [];
  try { keys = Object.keys(localStorage).filter((key) => key.startsWith(KEY)); } catch { /* forbidden */ }
  const found = keys.map((key) => ({ key, turns: read(key) })).filter((talk) => talk.turns);
  return found.sort((one, other) => lastly(other) - lastly(one));
}

function lastly(talk) {
  return Number(talk.turns.at(-1).when) || 0;
}

function save() {
  const text = JSON.stringify({ version: VERSION, turns });
  const older = talks().filter((talk) => talk.key !== KEY + id);
  for (const talk of older.splice(MOST - 1)) remove(talk.key);
  for (;;) {
    try {
      localStorage.setItem(KEY + id, text);
      sessionStorage.setItem("kikigaki.talk", id);
      full = false;
      return;
    } catch {
      full = true;
      if (!older.length) return;
      remove(older.pop().key);
    }
  }
}

function remove(key) {
  try { localStorage.removeItem(key); } catch { /* forbidden: there is nothing */ }
}

// --- this tab's conversation

/** Take a conversation for this tab; a copy of it when another tab has it open. */
async function take(other) {
  id = await free(other) ? other : crypto.getRandomValues(new Uint32Array(2)).join("-");
  try { sessionStorage.setItem("kikigaki.talk", id); } catch { /* forbidden */ }
}

let release = () => {};
/** Whether no other tab holds a conversation, which this one then does; unknown without HTTPS: yes. */
function free(other) {
  release();
  if (!navigator.locks) return true;
  return new Promise((tell) => {
    navigator.locks.request(KEY + other, { ifAvailable: true }, (lock) => {
      tell(lock !== null);
      return lock && new Promise((end) => { release = end; });
    });
  });
}

/** Show a conversation in the chat, and let follow-ups lean on it. */
async function reopen(kept, key = "") {
  await take(key ? key.slice(KEY.length) : crypto.getRandomValues(new Uint32Array(2)).join("-"));
  turns = kept;
  const before = label;
  let text = JSON.stringify({ version: VERSION, turns });
  // Again until it is heard: Gradio's fields stand in the page some time before it listens to them.
  for (let pause = 250; label === before && turns === kept && pause < 60_000; pause *= 2) {
    const field = document.querySelector(FIELD);
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true })); // for Svelte, which reads it then
    await new Promise((later) => setTimeout(later, pause));
    text += " "; // what stays the same is no news
  }
}

/** A turn was asked, answered or stopped: keep it. */
function heard(said) {
  root.classList.remove("reopening");
  const before = new Map(turns.map((turn) => [turn.when, turn]));
  const goesOn = !turns.length || said.order.includes(turns[0].when) || said.order.some((when) => before.has(when));
  if (!said.order.length) { turns = []; return listed(); }
  if (!goesOn) take(crypto.getRandomValues(new Uint32Array(2)).join("-")); // the server was started anew
  before.set(said.turn.when, said.turn);
  turns = said.order.map((when) => before.get(when)).filter(Boolean);
  save();
  listed();
}

function listen() {
  const text = document.querySelector("#talk [data-testid=block-info]")?.textContent.trim() ?? "";
  if (text === label || !text.startsWith("{")) return;
  label = text;
  heard(JSON.parse(text));
}

let begun = false;
function look() {
  if (!begun && document.querySelector(FIELD)) {
    begun = true;
    begin();
  }
  listen();
}
new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });

async function begin() {
  let key = null;
  try { key = sessionStorage.getItem("kikigaki.talk"); } catch { /* forbidden */ }
  const kept = key && read(KEY + key);
  if (kept) await reopen(kept, KEY + key);
  else { root.classList.remove("reopening"); take(id); }
}

// --- the pane

function part(name) {
  return document.getElementById(name).content.cloneNode(true);
}

/** A button that asks in its place before it does what cannot be undone. */
function ask(place, act) {
  const button = place.querySelector(".ask");
  button.addEventListener("click", () => {
    place.replaceChildren(part("sure"));
    place.querySelector(".yes").addEventListener("click", act);
    place.querySelector(".no").addEventListener("click", () => { place.replaceChildren(button); button.focus(); });
    place.querySelector(".no").focus();
  });
}

function day(when) {
  const at = new Date(when * 1000);
  return Number.isNaN(at.getTime()) ? "" : at.toLocaleString(root.lang, { dateStyle: "medium", timeStyle: "short" });
}

function row(talk) {
  const made = part("talk-row");
  const open = made.querySelector(".open");
  made.querySelector(".question").textContent = talk.turns[0].question;
  made.querySelector("time").textContent = day(lastly(talk));
  if (talk.key === KEY + id) open.setAttribute("aria-current", "true");
  open.addEventListener("click", async () => {
    if (talk.key !== KEY + id) await reopen(talk.turns, talk.key);
    listed();
  });
  const failed = made.querySelector(".notice");
  for (const [name, act] of [["save", download], ["copy", (file, button) => copy(file.text, button)]]) {
    made.querySelector(`.${name}`).addEventListener("click", async ({ currentTarget }) => {
      const file = await exported(talk.turns);
      failed.hidden = Boolean(file);
      if (file) act(file, currentTarget);
    });
  }
  ask(made.querySelector(".sure"), () => { forget([talk]); document.getElementById("side-title").focus(); });
  return made;
}

function forget(gone) {
  for (const { key } of gone) remove(key);
  if (gone.some(({ key }) => key === KEY + id)) reopen([]);
  listed();
}

/** A conversation as the server writes it in Markdown, and the name of its file; null without it. */
async function exported(kept) {
  try {
    const answer = await fetch(`/export?words=${root.dataset.words}`, {
      method: "POST", body: JSON.stringify({ version: VERSION, turns: kept }),
    });
    if (!answer.ok) return null;
    const name = answer.headers.get("Content-Disposition").split("''")[1];
    return { name: decodeURIComponent(name), text: await answer.text() };
  } catch {
    return null;
  }
}

function download({ name, text }) {
  const href = URL.createObjectURL(new Blob([text], { type: "text/markdown" }));
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}

/** Draw the list anew, if it is open. */
function listed() {
  if (side.shown !== "talks") return;
  const list = document.querySelector("#side .talks");
  const found = talks();
  list.replaceChildren(...found.map(row));
  document.querySelector("#side .none").hidden = found.length > 0;
  document.querySelector("#side .full").hidden = !full;
}

function fresh() {
  reopen([]);
  listed();
  document.querySelector("#question textarea").focus();
}

function open(from) {
  const heading = document.createDocumentFragment();
  heading.append(...from.cloneNode(true).childNodes);
  const tools = part("talks-actions");
  tools.querySelector(".new").addEventListener("click", fresh);
  ask(tools.querySelector(".sure"), () => { forget(talks()); open(from); });
  show("talks", { heading, body: part("talks-view"), tools: [tools], from });
  listed();
}

look();
document.getElementById("open-talks").addEventListener("click", ({ currentTarget }) => open(currentTarget));
addEventListener("storage", listed); // another tab kept or deleted one
