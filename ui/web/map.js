// The map of the notes on a canvas: every passage a point, the last question and its hits marked.
// What it says in words comes from the server (ui/map_page.py); the points come with it as JSON.

import { fetched, show, side } from "/ui/side.js";
import { say } from "/ui/words.js";

const BUSY_MS = 700, IDLE_MS = 4000; // between two looks at whether the map has changed
const button = document.getElementById("open-map");
const tip = document.getElementById("tip");
let main = null; // the map's element, kept while another view is open
let title, canvas, pen; // of it
let points = null; // columns of the server's JSON, with `key` and `colour` added
let number = 0; // of the map that is shown
let centre = [0, 0], scale = 1; // what stands in the middle; pixels a unit
let whole = 1; // the scale at which all is seen
let fitted = true; // nobody has moved it: all is shown, whatever the pane's size
let at = -1; // the point in focus
let hits = new Map(); // point → whether it was cited
let question = null; // {text, x, y}
let timer = 0;

async function open(from = null) {
  const page = main ?? await load();
  if (!main) return show("map", { heading: button.textContent, body: page, from });
  show("map", { heading: [...title.cloneNode(true).childNodes], body: main, from, onClose: leave, reopen: again });
  resized.observe(canvas);
  themed.observe(document.documentElement, { attributes: true });
  themed.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  talked.observe(document.querySelector("#chat"), { childList: true, subtree: true });
  recolour();
  mark();
  schedule();
}

async function again() {
  await open();
  canvas?.focus({ preventScroll: true });
}

/** The map's element for the first time; what the server says instead, if it has none. */
async function load() {
  const page = await fetched("/map");
  const made = page.querySelector("main.map");
  if (!made) return page;
  main = made;
  title = page.querySelector("h1");
  canvas = main.querySelector("canvas");
  pen = canvas.getContext("2d");
  listen();
  take(main);
  return main;
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(refresh, main.dataset.busy === "1" ? BUSY_MS : IDLE_MS);
}

async function refresh() {
  const page = await fetched(`/map?seen=${number}`);
  if (side.shown !== "map") return;
  const fresh = page.querySelector("main.map");
  main.querySelector(".state").replaceChildren(...(fresh?.querySelector(".state") ?? page).childNodes);
  if (fresh) {
    main.dataset.busy = fresh.dataset.busy;
    if (fresh.querySelector("script")) {
      for (const part of [".legend", ".notes", "script"]) {
        const opened = main.querySelector(part)?.open;
        main.querySelector(part)?.remove();
        main.append(fresh.querySelector(part));
        if (opened) main.querySelector(part).open = true;
      }
      take(fresh);
      recolour();
      mark();
    }
  }
  schedule();
}

/** Take the points that a page of the server brought; the view stays, unless it is the first. */
function take(page) {
  const json = main.querySelector("script[type='application/json']");
  if (!json) return;
  const before = points?.key[at];
  points = JSON.parse(json.textContent);
  json.textContent = "";
  number = Number(page.dataset.number);
  points.key = points.path.map((path, i) => `${points.paths[path]}\n${points.start[i]}`);
  points.names = middles();
  layer = null;
  at = before === undefined ? -1 : points.key.indexOf(before);
}

/** The notes, of a single note its headings, with the middle (median) of their points; the largest first. */
function middles() {
  const single = points.paths.length === 1;
  const members = new Map();
  (single ? points.heading : points.path).forEach((of, i) => {
    if (!members.has(of)) members.set(of, []);
    members.get(of).push(i);
  });
  const median = (column, list) => list.map((i) => column[i]).sort((a, b) => a - b)[list.length >> 1];
  return [...members].sort((a, b) => b[1].length - a[1].length).flatMap(([of, list]) => {
    const heading = points.headings[of];
    const name = single ? heading.at(-1) : points.shown[of].split("/").at(-1).replace(/\.[^.]+$/, "");
    if (!name || single && heading.length < 2 && members.size > 2) return []; // the whole note's title
    const text = name.length > 14 ? `${name.slice(0, 13)}…` : name;
    return [{ text, x: median(points.x, list), y: median(points.y, list) }];
  });
}

/** Left for another view of the pane, or closed. */
function leave() {
  clearTimeout(timer);
  for (const observer of [resized, themed, talked]) observer.disconnect();
  tip.hidden = true;
}

// ── the last question and its hits ────────────────────────────────────────────────────────────

/** Mark what the chat's last answer came from: its cards' links say which passages. */
async function mark() {
  const answer = [...document.querySelectorAll("#chat .bot-row")].pop();
  if (answer?.querySelector(".wait")) return;
  const asked = answer?.querySelector(".searched .question") ?? [...document.querySelectorAll("#chat .user-row .md")].pop();
  const text = answer && asked ? asked.textContent.trim() : "";
  const found = new Map();
  for (const link of answer?.querySelectorAll(".card a.like") ?? []) {
    const address = new URL(link.href);
    const path = decodeURIComponent(address.pathname.slice("/similar/".length));
    found.set(`${path}\n${address.searchParams.get("line")}`, Boolean(link.closest(".card").querySelector("header b")));
  }
  hits = new Map();
  points?.key.forEach((key, i) => { if (found.has(key)) hits.set(i, found.get(key)); });
  let place = null;
  if (text && points) {
    try {
      place = await (await fetch(`/map/place?question=${encodeURIComponent(text)}`)).json();
    } catch { /* the server is away: the hits are marked all the same */ }
  }
  question = place && { text, x: place[0], y: place[1] };
  main.querySelector(".marks").classList.toggle("of-question", Boolean(question || hits.size));
  const cited = [...hits.values()].filter(Boolean).length;
  canvas.setAttribute("aria-label", [
    say("mapLabel", { count: points?.x.length ?? 0 }),
    ...(question ? [say("mapLabelQuestion", { question: text })] : []),
    ...(hits.size ? [say("mapLabelHits", { cited, near: hits.size - cited })] : []),
    say("mapKeys"),
  ].join("、"));
  draw();
}

// ── drawing ───────────────────────────────────────────────────────────────────────────────────

let colours = [], inks = {}, drawing = 0;

/** Read the theme's colours, which are CSS's to choose. */
function recolour() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
  const style = (name) => {
    const probe = Object.assign(document.createElement("i"), { className: name });
    if (name.startsWith("--")) probe.style.color = `var(${name})`;
    main.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  colours = [0, 1, 2, 3, 4, 5, 6].map((n) => style(`c${n}`));
  for (const name of ["ink", "faint", "card", "ai", "warn"]) inks[name] = style(`--${name}`);
  const groups = points ? Math.max(...points.group, 0) + 1 : 0;
  for (let n = colours.length; n < groups; n++) { // pale, by the golden angle
    colours.push(`hsl(${(n * 137.5) % 360} ${dark ? "28% 58%" : "32% 62%"})`);
  }
  layer = null;
  draw();
}

function draw() {
  drawing ||= requestAnimationFrame(() => { drawing = 0; paint(); });
}

/** The middle of all points, and the scale that shows them all. */
function fit(width, height) {
  const [x0, x1, y0, y1] = [Math.min(...points.x), Math.max(...points.x), Math.min(...points.y), Math.max(...points.y)];
  const margin = Math.min(width, height) * 0.09 + 8;
  whole = Math.min((width - 2 * margin) / Math.max(x1 - x0, 0.5), (height - 2 * margin) / Math.max(y1 - y0, 0.5));
  if (fitted) [centre, scale] = [[(x0 + x1) / 2, (y0 + y1) / 2], whole];
}

const across = (x) => (x - centre[0]) * scale + canvas.clientWidth / 2;
const down = (y) => (y - centre[1]) * scale + canvas.clientHeight / 2;

function radius(width, height) {
  const free = Math.sqrt(width * height / Math.max(points.x.length, 1));
  return Math.min(Math.max(free * 0.11, 1.5), 5.5) * Math.min(Math.max((scale / whole) ** 0.4, 1), 3);
}

function paint() {
  const [width, height, fine] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio];
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * fine) || canvas.height !== Math.round(height * fine)) {
    [canvas.width, canvas.height] = [Math.round(width * fine), Math.round(height * fine)];
  }
  pen.setTransform(fine, 0, 0, fine, 0, 0);
  pen.clearRect(0, 0, width, height);
  if (!points?.x.length) return;
  fit(width, height);
  const size = radius(width, height);
  dots(size, width, height);
  const buttons = main.querySelector(".zoom");
  const taken = [[buttons.offsetLeft - 8, buttons.offsetTop - 8, 999, 999]]; // boxes: left, top, width, height
  pen.lineJoin = "round";
  for (const [i, cited] of hits) {
    const [x, y] = [across(points.x[i]), down(points.y[i])];
    if (question) line(across(question.x), down(question.y), x, y, cited);
    ring(x, y, size + (cited ? 4 : 3), cited ? 2.5 : 1.25, inks.ai);
    taken.push([x - size - 6, y - size - 6, 2 * size + 12, 2 * size + 12]);
  }
  if (at >= 0) ring(across(points.x[at]), down(points.y[at]), size + 3, 2, inks.ink);
  if (question) asked(across(question.x), down(question.y), width, height, taken);
  names(width, height, taken);
}

const SETTLED_MS = 120; // after a move that long ago all points are drawn anew
const MARGIN = 0.4; // of the canvas on each side that is drawn too, to be moved into sight
let layer = null; // all points as a picture: while they are moved, it is, for a frame's time is short
let moved = 0; // when the view last did

function dots(size, width, height) {
  const [w, h] = [width, height].map((side) => side + 2 * Math.round(side * MARGIN)); // else it blurs
  const right = layer && layer.scale === scale && layer.x === centre[0] && layer.y === centre[1];
  const fits = layer && layer.w === w && layer.h === h && layer.fine === devicePixelRatio;
  if (!fits || !right && performance.now() > moved + SETTLED_MS) layer = picture(size, w, h);
  else if (!right) setTimeout(draw, SETTLED_MS + 20);
  const grown = scale / layer.scale;
  const [left, top] = [across(layer.x) - w * grown / 2, down(layer.y) - h * grown / 2];
  pen.drawImage(layer.canvas, left, top, w * grown, h * grown);
}

function picture(size, w, h) {
  const canvas = document.createElement("canvas");
  const fine = devicePixelRatio;
  [canvas.width, canvas.height] = [Math.round(w * fine), Math.round(h * fine)];
  const ink = canvas.getContext("2d");
  ink.scale(fine, fine);
  const stamps = colours.map((colour) => stamp(colour, size)); // 10,000 arcs take ten times as long
  const half = size + 1;
  points.x.forEach((_, i) => {
    const [x, y] = [(points.x[i] - centre[0]) * scale + w / 2, (points.y[i] - centre[1]) * scale + h / 2];
    if (x < -size || y < -size || x > w + size || y > h + size) return;
    ink.drawImage(stamps[points.group[i]], x - half, y - half, 2 * half, 2 * half);
  });
  return { canvas, w, h, fine, scale, x: centre[0], y: centre[1] };
}

function stamp(colour, size) {
  const canvas = document.createElement("canvas");
  const side = Math.ceil(2 * (size + 1) * devicePixelRatio);
  [canvas.width, canvas.height] = [side, side];
  const ink = canvas.getContext("2d");
  ink.globalAlpha = 0.78;
  ink.fillStyle = colour;
  ink.arc(side / 2, side / 2, size * devicePixelRatio, 0, 7);
  ink.fill();
  return canvas;
}

function ring(x, y, size, width, colour) {
  for (const [wide, stroke] of [[width + 2.5, inks.card], [width, colour]]) {
    pen.lineWidth = wide;
    pen.strokeStyle = stroke;
    pen.beginPath();
    pen.arc(x, y, size, 0, 7);
    pen.stroke();
  }
}

function line(x0, y0, x1, y1, cited) {
  pen.globalAlpha = cited ? 0.6 : 0.3;
  pen.setLineDash(cited ? [] : [3, 4]);
  pen.lineWidth = 1;
  pen.strokeStyle = inks.ai;
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** The question: a diamond with its words. */
function asked(x, y, width, height, taken) {
  pen.beginPath();
  for (const [dx, dy] of [[0, -8], [8, 0], [0, 8], [-8, 0]]) pen.lineTo(x + dx, y + dy);
  pen.closePath();
  pen.lineWidth = 4;
  pen.strokeStyle = inks.card;
  pen.stroke();
  pen.fillStyle = inks.warn;
  pen.fill();
  const words = question.text.length > 20 ? `${question.text.slice(0, 20)}…` : question.text;
  font(13, 600);
  const wide = pen.measureText(words).width;
  const left = Math.min(Math.max(x - wide / 2, 6), Math.max(width - wide - 6, 6));
  const top = y > 40 ? y - 18 : y + 24;
  lettered(words, left, top, inks.warn);
  taken.push([left - 4, top - 15, wide + 8, 22], [x - 10, y - 10, 20, 20]);
}

/** Names at the middle of their points, the largest first, where there is room. */
function names(width, height, taken) {
  font(12, 500);
  for (const name of points.names) {
    const [x, y] = [across(name.x), down(name.y)];
    if (x < 0 || y < 12 || x > width || y > height - 12) continue;
    name.wide ??= pen.measureText(name.text).width;
    const left = Math.min(Math.max(x - name.wide / 2, 4), width - name.wide - 4);
    const box = [left - 6, y - 12, name.wide + 12, 22];
    if (taken.some(([a, b, c, d]) => box[0] < a + c && a < box[0] + box[2] && box[1] < b + d && b < box[1] + box[3])) continue;
    taken.push(box);
    lettered(name.text, left, y + 4, inks.ink, 0.8);
  }
}

function font(size, weight) {
  pen.font = `${weight} ${size}px ${getComputedStyle(main).fontFamily}`;
}

function lettered(words, left, base, colour, alpha = 1) {
  pen.globalAlpha = alpha;
  pen.lineWidth = 3.5;
  pen.strokeStyle = inks.card;
  pen.strokeText(words, left, base);
  pen.fillStyle = colour;
  pen.fillText(words, left, base);
  pen.globalAlpha = 1;
}

// ── moving about ──────────────────────────────────────────────────────────────────────────────

function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
  if (!points?.x.length) return;
  const next = Math.min(Math.max(scale * factor, whole * 0.5), whole * 60);
  const [dx, dy] = [x - canvas.clientWidth / 2, y - canvas.clientHeight / 2];
  centre = [centre[0] + dx / scale - dx / next, centre[1] + dy / scale - dy / next];
  scale = next;
  fitted = false;
  moved = performance.now();
  tip.hidden = true;
  draw();
}

/** The point under a place of the canvas, if one is near enough; a marked one before others. */
function under(x, y, reach) {
  let [best, nearest] = [-1, reach];
  points?.x.forEach((_, i) => {
    const far = Math.hypot(across(points.x[i]) - x, down(points.y[i]) - y) - (hits.has(i) ? 4 : 0);
    if (far < nearest) [best, nearest] = [i, far];
  });
  return best;
}

function place(i) {
  const [start, end, page] = [points.start[i], points.end[i], points.page[i]];
  const lines = say(start === end ? "oneLine" : "someLines", { start, end });
  const there = page ? say("linesOnPage", { lines, page }) : lines;
  return [points.shown[points.path[i]], ...points.headings[points.heading[i]], there].join(" › ");
}

function describe(i) {
  const text = document.createElement("pre");
  text.textContent = points.text[i];
  tip.replaceChildren(place(i), text);
  tip.hidden = false;
  const [frame, box] = [canvas.getBoundingClientRect(), tip.getBoundingClientRect()];
  const [x, y] = [frame.left + across(points.x[i]), frame.top + down(points.y[i])];
  tip.style.left = `${Math.max(8, Math.min(x - box.width / 2, innerWidth - box.width - 8))}px`;
  tip.style.top = `${y + 14 + box.height < innerHeight ? y + 14 : Math.max(8, y - box.height - 14)}px`;
}

/** Put a point in focus: what it is is read out, and Enter opens it. */
function focus(i) {
  at = i;
  const link = Object.assign(document.createElement("a"), { className: "source", tabIndex: -1, target: "_blank" });
  const path = points.paths[points.path[i]].split("/").map(encodeURIComponent).join("/");
  const lines = points.start[i] === points.end[i] ? points.start[i] : `${points.start[i]}-${points.end[i]}`;
  link.href = `/note/${path}?at=${lines}#L${points.start[i]}`;
  link.textContent = place(i);
  const shown = Object.assign(document.createElement("span"), { className: "place", hidden: true, textContent: place(i) });
  main.querySelector(".at").replaceChildren(link, shown, ` ${points.text[i]}`);
  draw();
  return link;
}

/** The next point in a direction: near, and not far aside. */
function step(dx, dy) {
  if (at < 0) return [...hits.keys()][0] ?? under(canvas.clientWidth / 2, canvas.clientHeight / 2, Infinity);
  let [best, least] = [at, Infinity];
  points.x.forEach((_, i) => {
    const [x, y] = [points.x[i] - points.x[at], points.y[i] - points.y[at]];
    const [along, aside] = [x * dx + y * dy, Math.abs(x * dy - y * dx)];
    if (along > 1e-3 && aside <= along && along + 2 * aside < least) [best, least] = [i, along + 2 * aside];
  });
  return best;
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function listen() {
  const held = new Map(); // pointers that are down, by id
  let dragged = 0; // pixels since the first one went down
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    if (!held.size) dragged = 0;
    held.set(event.pointerId, [event.offsetX, event.offsetY]);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!points?.x.length) return;
    const here = [event.offsetX, event.offsetY];
    const before = held.get(event.pointerId);
    if (!before) {
      const i = under(...here, 10);
      canvas.style.cursor = i < 0 ? "" : "pointer";
      if (i < 0) tip.hidden = true; else describe(i);
      return;
    }
    const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
    const [dx, dy] = [here[0] - before[0], here[1] - before[1]];
    dragged += Math.hypot(dx, dy);
    held.set(event.pointerId, here);
    const share = other ? 0.5 : 1; // of two fingers each moves the map half the way
    fitted = false;
    moved = performance.now();
    centre = [centre[0] - share * dx / scale, centre[1] - share * dy / scale];
    if (other) {
      const wide = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      zoom(wide(here) / Math.max(wide(before), 1), (here[0] + other[0]) / 2, (here[1] + other[1]) / 2);
    }
    if (dragged > 4) tip.hidden = true;
    draw();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      const held_ = held.delete(event.pointerId);
      if (!held_ || held.size || dragged > 4 || end === "pointercancel") return;
      const i = under(event.offsetX, event.offsetY, event.pointerType === "touch" ? 22 : 10);
      if (i >= 0) focus(i).click();
    });
  }
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("blur", () => { tip.hidden = true; });
  canvas.addEventListener("keydown", (event) => {
    if (!points?.x.length || event.ctrlKey || event.metaKey || event.altKey) return;
    if (ARROWS[event.key]) {
      const i = step(...ARROWS[event.key]);
      focus(i);
      const [x, y] = [across(points.x[i]), down(points.y[i])];
      if (x < 20 || y < 20 || x > canvas.clientWidth - 20 || y > canvas.clientHeight - 20) {
        centre = [points.x[i], points.y[i]];
        fitted = false;
      }
      describe(i);
    } else if (event.key === "Enter" && at >= 0) main.querySelector(".at a").click();
    else if (event.key === "+" || event.key === ";") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "0") { fitted = true; draw(); }
    else return;
    event.preventDefault();
  });
  main.querySelector(".in").addEventListener("click", () => zoom(1.5));
  main.querySelector(".out").addEventListener("click", () => zoom(1 / 1.5));
  main.querySelector(".all").addEventListener("click", () => { fitted = true; draw(); });
}

const resized = new ResizeObserver(draw);
const themed = new MutationObserver(() => recolour());
let marking = 0;
const talked = new MutationObserver(() => { // an answer is drawn in many small steps
  clearTimeout(marking);
  marking = setTimeout(() => { if (side.shown === "map") mark(); }, 300);
});

button.addEventListener("click", () => open(button));
