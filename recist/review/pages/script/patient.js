// The reading page of one patient.

import * as api from "./api.js";
import { ask, byId, button, chip, figure, fill, h, say } from "./dom.js";
import { between } from "./geometry.js";
import { KEYS, listen } from "./keys.js";
import { lesionPanel, notesPanel, responsePanel } from "./panels.js";
import { Mask } from "./outlines.js";
import { Scene } from "./scene.js";
import { Viewport } from "./viewport.js";

const TOOLS = [
  ["look", "Look", "V"],
  ["window", "Window", "W"],
  ["caliper", "Caliper", "C"],
  ["short", "Short", "S"],
  ["click", "Click", "G"],
  ["line", "Line", "E"],
  ["brush", "Brush", "B"],
  ["eraser", "Eraser", "R"],
];

const ROLES = [["target", "Target"], ["non-target", "Non-target"], ["new", "New"]];
const ORGANS = ["adrenal", "bone", "brain", "kidney", "liver", "lung", "lymph node", "pancreas", "peritoneum", "pleura", "skin", "soft tissue", "spleen"];
const MEANINGS = [
  ["I reviewed the images and approve this assessment", "I reviewed the images and approve this assessment"],
  ["This is my independent read", "This is my independent read"],
  ["I take responsibility for this assessment", "I take responsibility for this assessment"],
];
const SMALLEST_BRUSH_MM = 1;
const LARGEST_BRUSH_MM = 40;

const asked = new URLSearchParams(location.search);
const subject = asked.get("subject");
const read = Number(asked.get("read")) || null; // a signed read of a trial, which is only looked at
let who = null;
let scene = null;
let columns = []; // one for each date: its head and viewports
let tab = "lesion";
let busy = false;
let newLesion = null; // what the reader said of a lesion that is still to be marked

// ---- all that is shown ------------------------------------------------------------------

function redraw(date) {
  for (const column of columns) {
    if (date && column.date.date !== date) continue;
    column.views.forEach((view) => view.redraw());
  }
}

function seenNow() { return scene.chosen?.seen[scene.active.date] || null; }

/** The networks read CT. */
function hasNetwork() { return who.network && !scene.isPetAlone; }

function mayChange() { return !scene.patient.signed && !read && who.role === "reader"; }

/** A signed read as the adjudicator and the monitor see it. */
async function readOf(number) {
  const { reads } = await api.adjudication(subject);
  return reads.find((each) => each.read === number);
}

function show() {
  const { patient } = scene;
  scene.mayChange = mayChange();
  scene.mayShare = !read && who.role === "reader";
  document.title = `${patient.subject} · reading room`;
  byId("subject").textContent = patient.subject;
  const state = byId("state");
  state.className = `state ${patient.state}`;
  state.textContent = patient.signed ? `signed by ${patient.signed.name}` : patient.state;
  state.title = patient.signed ? `${patient.signed.meaning}, ${patient.signed.time}` : "";
  byId("undo").disabled = !patient.can_undo || !scene.mayChange;
  const sign = byId("sign");
  sign.hidden = Boolean(read) || who.role !== "reader";
  fill(sign, h("span", {}, patient.signed ? "Reopen" : "Sign"));
  showAnswer();
  showLesions();
  showTools();
  columns.forEach(showHead);
  showPanel();
  document.body.classList.toggle("locked", !scene.mayChange);
  redraw();
}

function showAnswer() {
  const [first] = scene.patient.assessment.criteria;
  if (!first) {
    fill(byId("answer"), h("span", { class: "quiet" }, "not assessed"));
    return;
  }
  const last = first.dates[first.dates.length - 1];
  fill(
    byId("answer"),
    h("span", { class: "quiet" }, first.criteria),
    first.dates.map(({ date, response, tone }) => chip(response, tone, `${date}`)),
    first.best ? h("span", { class: "quiet" }, "best ", h("b", {}, first.best)) : null,
    last?.sum_mm ? h("span", { class: "quiet" }, "sum ", h("b", {}, `${last.sum_mm} mm`)) : null,
  );
}

function showLesions() {
  const { patient } = scene;
  const dates = patient.dates.map(({ date }) => date);
  const groups = [...ROLES, ["rejected", "Not lesions"]].map(([role, words]) => [
    words,
    patient.lesions.filter((lesion) => (lesion.state === "rejected" ? "rejected" : lesion.role) === role),
  ]);
  fill(
    byId("lesions"),
    groups.filter(([, own]) => own.length).map(([words, own]) => [
      h("h2", {}, words),
      own.map((lesion) => lesionRow(lesion, dates)),
    ]),
    mayChange() ? button("New lesion", "N", beginNew, { class: "wide" }) : null,
  );
}

function lesionRow(lesion, dates) {
  const chosen = lesion.id === scene.lesion;
  const sizes = dates.map((date) => {
    const seen = lesion.seen[date];
    const words = !seen ? "–" : seen.diameter_mm ? seen.diameter_mm : SHORT[seen.status] || seen.status;
    return h("span", { class: date === scene.active.date ? "now" : "", title: seen ? `${date}: ${seen.status}` : `${date}: nothing recorded` }, words);
  });
  return h(
    "button",
    {
      type: "button",
      class: `lesion ${lesion.state === "rejected" ? "rejected" : lesion.role}${chosen ? " chosen" : ""}`,
      "aria-pressed": String(chosen),
      data: { lesion: lesion.id },
      onclick: () => choose(lesion.id),
    },
    h("span", { class: "name" }, h("i", { class: "dot" }), h("b", {}, lesion.id), " ", h("span", { class: "organ" }, lesion.organ), lesion.state === "confirmed" ? h("span", { class: "tick", title: "confirmed" }, "✓") : null),
    h("span", { class: "sizes" }, sizes),
  );
}

const SHORT = { absent: "absent", "too-small": "small", "not-evaluable": "NE", present: "seen", progression: "PD", increased: "larger", decreased: "smaller", merged: "merged", equivocal: "?" };

function showTools() {
  const pick = (name) => () => setTool(name);
  const toggle = (property, words, key, properties = {}) => button(words, key, () => flip(property), { "aria-pressed": String(scene[property]), ...properties });
  const hasPet = scene.dates.some(({ pet }) => pet);
  fill(
    byId("tools"),
    h("div", { class: "group" }, TOOLS.filter(([name]) => scene.mayChange || name === "look" || name === "window")
      .map(([name, words, key]) => button(words, key, pick(name), { "aria-pressed": String(scene.tool === name), disabled: (name === "click" || name === "line") && !hasNetwork(), data: { tool: name } }))),
    scene.tool === "brush" || scene.tool === "eraser"
      ? h("label", { class: "size" }, h("input", { type: "range", title: "radius of the brush ([ and ])", min: SMALLEST_BRUSH_MM, max: LARGEST_BRUSH_MM, value: scene.brushMm, "aria-label": "radius of the brush", oninput: (event) => { scene.brushMm = Number(event.target.value); redraw(); } }))
      : null,
    h("div", { class: "group" }, h("select", { "aria-label": "window", title: `Window (1 to ${scene.windows.length})`, onchange: (event) => setWindow(scene.windows[event.target.selectedIndex]) },
      scene.windows.map((preset) => h("option", { selected: preset.name === scene.window.name }, preset.name)),
      scene.window.name ? null : h("option", { selected: true }, [scene.window.centre, scene.window.width].map((x) => x.toFixed(scene.isPetAlone ? 1 : 0)).join(" / ")))),
    h("div", { class: "group" },
      hasPet ? toggle("pet", "PET", "P") : null,
      toggle("outlines", "Outlines", "O"),
      toggle("isodoses", "Dose", "I"),
      toggle("linked", "Linked", "L"),
      toggle("threePlanes", "3 planes", "T")),
  );
}

function showHead(column) {
  const { date } = column.date;
  const own = scene.patient.dates.find((each) => each.date === date);
  const answers = (scene.patient.assessment.criteria[0]?.dates || []).find((each) => each.date === date);
  column.element.classList.toggle("active", column.date === scene.active);
  fill(
    column.head,
    h("span", { class: "when" }, date),
    h("span", { class: "quiet label" }, own.label),
    answers ? chip(answers.response, answers.tone) : null,
    column.element.dataset.doubted ? h("span", { class: "doubted", title: column.element.dataset.doubted }, "link doubtful") : null,
    own.signed ? h("span", { class: "tick" }, "✓ signed") : !scene.mayChange ? own.confirmed && h("span", { class: "tick" }, "✓ confirmed")
      : scene.patient.one_by_one
        ? h("button", { type: "button", class: "confirm", data: { confirm: date }, title: "Sign this date; the next one is then shown (D)", onclick: () => confirmDate(date) }, "Sign", h("span", { class: "more" }, " date"))
        : h("button", { type: "button", class: "confirm", "aria-pressed": String(own.confirmed), data: { confirm: date }, title: "Confirm what is recorded at this date (D)", onclick: () => confirmDate(date) }, own.confirmed ? "✓ confirmed" : ["Confirm", h("span", { class: "more" }, " date")]),
  );
}

const TABS = [["lesion", "Lesion"], ["response", "Response"], ["notes", "Notes"]];

function showPanel() {
  fill(byId("tabs"), TABS.map(([name, words]) => h("button", { type: "button", role: "tab", "aria-selected": String(tab === name), onclick: () => { tab = name; showPanel(); } }, words)));
  const made = { lesion: lesionPanel, response: responsePanel, notes: notesPanel }[tab];
  fill(byId("panel"), made(scene, actions));
}

function showChanged(changed) {
  const place = byId("changed");
  place.hidden = !changed.length;
  fill(
    place,
    h("h2", {}, "What this changed"),
    h("ul", {}, changed.map(({ what, before, after }) => h("li", {}, h("span", {}, what), h("span", { class: "from" }, before), " → ", h("b", {}, after)))),
  );
}

// ---- moving about -----------------------------------------------------------------------

function layOut() {
  if (!scene.dates.length) {
    fill(byId("dates"), h("p", { class: "empty none" }, "The images of this patient are not to be had here. What was measured stands beside."));
    return;
  }
  columns = scene.dates.map((date) => {
    const head = h("div", { class: "head" });
    const views = (scene.threePlanes ? ["axial", "coronal", "sagittal"] : ["axial"]).map((plane) => new Viewport(scene, date, plane, hooks));
    return { date, head, views, element: h("div", { class: "date" }, head, h("div", { class: scene.threePlanes ? "planes three" : "planes" }, views.map((view) => view.element))) };
  });
  const place = byId("dates");
  place.classList.toggle("many", columns.length > 4);
  fill(place, columns.map(({ element }) => element));
  columns.forEach(showHead);
}

function activate(date) {
  if (scene.active === date) return;
  scene.active = date;
  columns.forEach(showHead);
  showLesions();
  showPanel();
}

function choose(id, { move = true } = {}) {
  dropPreview();
  scene.lesion = id;
  const lesion = scene.chosen;
  if (lesion && move) {
    scene.goToLesion(scene.active, placesOf(lesion));
  }
  showLesions();
  showPanel();
  redraw();
  byId("lesions").querySelector(".chosen")?.scrollIntoView({ block: "nearest" });
}

/** Where a lesion lies at each date: on the slice of its caliper, else in its middle. */
function placesOf(lesion) {
  const places = new Map();
  for (const date of scene.dates) {
    const seen = lesion.seen[date.date];
    const axis = seen?.caliper?.long;
    if (axis) places.set(date, between(...axis));
    else if (seen?.centre_mm) places.set(date, seen.centre_mm);
  }
  return places;
}

function step(list, now, by) {
  const at = list.indexOf(now);
  return list[(at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by + list.length) % list.length];
}

function setTool(name) {
  if (name !== "look" && name !== "window" && !scene.mayChange) return;
  scene.tool = name;
  byId("dates").dataset.tool = name;
  showTools();
  redraw();
}

function flip(property) {
  scene[property] = !scene[property];
  if (property === "threePlanes") layOut();
  showTools();
  redraw();
}

function setWindow(preset) {
  scene.window = { ...preset };
  showTools();
  redraw();
}

const hooks = {
  onActive: activate,
  onScroll: (date, plane, steps) => { scene.scroll(date, plane, steps); redraw(); },
  onZoom: (factor) => { scene.zoom = Math.min(Math.max(scene.zoom * factor, 0.5), 16); redraw(); },
  onPan: (plane, dx, dy) => { scene.pan(plane, dx, dy); redraw(); },
  onWindow: (dx, dy) => {
    const { centre, width, inverted } = scene.window;
    const step = scene.isPetAlone ? 0.02 : 2; // SUV, or HU, for a pixel
    scene.window = { name: "", centre: centre + dy * step, width: Math.max(width + dx * step, step), inverted };
    showTools();
    redraw();
  },
  onPoint: (date, world) => { scene.goTo(date, world); redraw(); },
  onPick: (date, world) => {
    const lesion = scene.lesionAt(date, world);
    if (lesion) choose(lesion.id, { move: false });
    scene.pointTo(date, world);
    redraw();
  },
  onNothingChosen: () => say("Choose a lesion first, or begin a new one (N).", "error"),
  onPainting: () => redraw(scene.painting.date.date),
  onPainted: async (date) => {
    const { painting } = scene;
    if (!painting) return;
    await save([{ kind: "outline", date: date.date, lesion: painting.lesion, how: "brush", ...painting.mask.packed() }]);
    scene.painting = null;
    redraw();
  },
  onCaliper: (date, id, name, ends) => {
    if (newLesion) {
      const made = newLesion;
      newLesion = null;
      return save([{ kind: "new", date: date.date, ...made, caliper: { long: ends, short: null } }]);
    }
    const lesion = scene.patient.lesions.find((each) => each.id === id);
    if (!lesion) return hooks.onNothingChosen();
    const old = lesion.seen[date.date]?.caliper;
    if (name === "short" && !old) return say("Draw the long axis first.", "error");
    const drawn = { long: old?.long || null, short: old?.short || null, [name]: ends };
    return save([{ kind: "caliper", date: date.date, lesion: id, ...drawn }]);
  },
  onClick: (date, world) => promptNetwork(date, { click: world }, world),
  onLine: (date, line, middle) => promptNetwork(date, { line }, middle),
};

// ---- what the reader does ---------------------------------------------------------------

/** Send changes; the patient comes back as it then is, with what the answer became. */
async function save(changes, reason = "") {
  return send(() => api.change(subject, scene.patient.version, changes, reason), changes.some(({ kind }) => kind !== "comment" && kind !== "confirm"));
}

async function send(request, masksToo = true) {
  if (busy) return false;
  busy = true;
  document.body.classList.add("saving");
  try {
    const answer = await request();
    const before = new Set(scene.patient.lesions.map(({ id }) => id));
    scene.patient = answer;
    const added = answer.lesions.find(({ id }) => !before.has(id));
    if (added) scene.lesion = added.id;
    if (masksToo) await Promise.all(scene.dates.map((date) => scene.fetchMasks(date)));
    showChanged(answer.changed || []);
    show();
    say("");
    return true;
  } catch (refusal) {
    if (refusal.status === 409) {
      say("Someone else changed this patient meanwhile; nothing of theirs was overwritten. The page shows it as it is now.", "error");
      scene.patient = await api.patient(subject);
      await Promise.all(scene.dates.map((date) => scene.fetchMasks(date)));
      show();
    } else {
      say(refusal.message, "error");
      redraw();
    }
    return false;
  } finally {
    busy = false;
    document.body.classList.remove("saving");
  }
}

async function promptNetwork(date, asked, at) {
  if (scene.asking) return;
  dropPreview();
  scene.asking = { date, at, since: performance.now() };
  redraw();
  try {
    const answer = await api.prompt(subject, { date: date.date, ...asked });
    scene.preview = { date, mask: Mask.unpacked(answer) };
    const whose = newLesion ? "the new lesion" : scene.lesion || "a new lesion";
    fill(byId("say"), h("span", {}, `${answer.diameter_mm} mm, ${figure(answer.volume_ml)} ml, in ${Number(answer.seconds).toFixed(1)} s. `),
      button(`Take as ${whose}`, "Enter", takePreview, { class: "primary" }), button("Leave", "Esc", dropPreview));
    byId("say").className = "say offer";
    byId("say").hidden = false;
  } catch (refusal) {
    say(refusal.message, "error");
  } finally {
    scene.asking = null;
    redraw();
  }
}

async function takePreview() {
  const { preview } = scene;
  if (!preview) return;
  const outline = { how: "network", ...preview.mask.packed() };
  if (newLesion || !scene.lesion) {
    const said = newLesion || (await askNew());
    if (!said) return;
    newLesion = null;
    if (await save([{ kind: "new", date: preview.date.date, ...said, outline }])) dropPreview();
  } else if (await save([{ kind: "outline", date: preview.date.date, lesion: scene.lesion, ...outline }])) dropPreview();
}

function dropPreview() {
  if (!scene.preview) return;
  scene.preview = null;
  say("");
  redraw();
}

const askNew = () => ask("A new lesion", [
  { name: "organ", label: "Organ", list: "organs", required: true },
  { name: "is_node", label: "It is a lymph node (a single line is taken as its short axis)", kind: "check" },
  { name: "role", label: "Role", kind: "choice", value: scene.active === scene.dates[0] ? "target" : "new", options: ROLES },
  { name: "reason", label: "Why it is one", kind: "text" },
], { confirm: "Mark it" });

async function beginNew() {
  if (!scene.mayChange) return;
  const said = await askNew();
  if (!said) return;
  newLesion = said;
  scene.lesion = null;
  showLesions();
  showPanel();
  setTool(hasNetwork() ? "click" : "caliper");
  say(who.network ? "Click inside the lesion, draw a line over it (E) or its caliper (C)." : "Draw its caliper.");
}

async function setStatus(status, words) {
  if (!scene.chosen || !scene.mayChange) return say("Choose a lesion first.", "error");
  let reason = "";
  if (status === "not-evaluable") {
    const said = await ask(`${scene.lesion} at ${scene.active.date} is not evaluable`, [{ name: "reason", label: "Reason", required: true, hint: "for example: not in the field of view, motion, other slice thickness" }]);
    if (!said) return null;
    reason = said.reason;
  }
  return save([{ kind: "status", date: scene.active.date, lesion: scene.lesion, status, reason }], reason || words);
}

async function ofLesion(values, why = null) {
  if (!scene.chosen || !scene.mayChange) return say("Choose a lesion first.", "error");
  let reason = "";
  if (why) {
    const said = await ask(why, [{ name: "reason", label: "Reason", required: true }]);
    if (!said) return showPanel();
    reason = said.reason;
  }
  return save([{ kind: "lesion", lesion: scene.lesion, ...values }], reason);
}

async function confirmDate(date) {
  const own = scene.patient.dates.find((each) => each.date === date);
  if (own.signed) return null;
  if (scene.patient.one_by_one) {
    const said = await askSignature(`Sign ${date}`, "A signed date cannot be changed; the next one is then shown.");
    if (!said || !(await send(() => api.sign(subject, { version: scene.patient.version, date, ...said })))) return null;
    return location.reload(); // what the server shows from now on is more
  }
  return save([{ kind: "confirm", date, value: !own.confirmed }]);
}

async function confirmLesion() {
  if (scene.preview) return takePreview();
  if (!scene.chosen) return null;
  return ofLesion({ confirmed: scene.chosen.state !== "confirmed" });
}

async function linkTo(other) {
  return save([{ kind: "link", date: scene.active.date, lesion: scene.lesion, to: other }]);
}

async function comment() {
  const said = await ask("Comment", [
    { name: "text", label: scene.lesion ? `On ${scene.lesion} at ${scene.active.date}` : `On ${scene.active.date}`, kind: "long", required: true },
    ...(who.trial ? [{ name: "site", label: "Send it to the site as a query", kind: "check" }] : []),
  ]);
  if (!said) return;
  if (said.site) {
    try {
      await api.query(subject, said.text, scene.active.date);
      say("The query was sent to the site's list.");
    } catch (refusal) { say(refusal.message, "error"); }
    return;
  }
  await save([{ kind: "comment", text: said.text, date: scene.active.date, lesion: scene.lesion }]);
  tab = "notes";
  showPanel();
}

async function sign() {
  const { patient } = scene;
  if (patient.signed) {
    const said = await ask("Reopen a signed assessment", [{ name: "reason", label: "Reason", kind: "long", required: true }], { confirm: "Reopen", lead: "The signed version stays as it is. What you change makes a new version." });
    if (said) await send(() => api.reopen(subject, patient.version, said.reason));
    return;
  }
  const open = patient.dates.filter(({ confirmed }) => !confirmed).map(({ date }) => date);
  const said = await askSignature("Sign this assessment", open.length ? `Not yet confirmed: ${open.join(", ")}.` : "Every date is confirmed. Signing locks the assessment.");
  if (said) await send(() => api.sign(subject, { version: patient.version, ...said }));
}

const askSignature = (title, lead) => ask(title, [
  { name: "name", label: "Your name", value: who.trial ? who.name : "", required: true },
  { name: "meaning", label: "What the signature means", kind: "choice", options: MEANINGS },
  ...(who.trial ? [{ name: "password", label: "Your password", kind: "password", required: true }] : []),
], { confirm: "Sign", lead });

/** To the fields of the chosen lesion, from where Tab goes on. */
function editFields() {
  tab = "lesion";
  showPanel();
  byId("fields")?.querySelector("input, select")?.focus();
}

/** The reading as the files that `recist correct` takes. */
async function exportFiles() {
  if (!scene.mayShare) return;
  const answer = await fetch(api.exported(subject), { credentials: "same-origin" });
  if (!answer.ok) {
    const { error, remedy } = await answer.json().catch(() => ({}));
    say([error || "There is nothing to export.", remedy].filter(Boolean).join(" "), "error");
    return;
  }
  const address = URL.createObjectURL(await answer.blob());
  h("a", { href: address, download: `${subject}-reading.zip` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A file as it is sent: its name, and its content in base64. */
function sent(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve({ name: file.name, content: String(reader.result).split(",", 2)[1] || "" });
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Take a reading over from files; a table takes the place of what was said of its kind. */
async function importFiles() {
  const input = byId("files");
  try {
    const files = await Promise.all([...input.files].map(sent));
    if (files.length && (await send(() => api.importReading(subject, scene.patient.version, files)))) say("The reading was taken over.");
  } catch {
    say("A file could not be read.", "error");
  } finally {
    input.value = ""; // the same file may be chosen again
  }
}

/** To the button that opens the reader's files: a browser lets nothing but a press of it do that. */
function toFiles() {
  tab = "notes";
  showPanel();
  byId("panel").querySelector("[data-action=import]")?.focus();
}

const actions = {
  exportFiles, importFiles: () => byId("files").click(),
  setStatus, ofLesion, linkTo, comment, confirmLesion, roles: ROLES,
  reject: () => ofLesion({ rejected: scene.chosen?.state !== "rejected" }, scene.chosen?.state === "rejected" ? "Why it is a lesion after all" : "Why it is not a lesion"),
  choose, activate: (name) => { activate(scene.dates.find(({ date }) => date === name)); redraw(); },
};

function showKeys() {
  const dialog = h("dialog", { class: "keys", "aria-label": "Keys" }, h("h2", {}, "Keys"),
    h("div", { class: "columns" }, KEYS.map(([title, rows]) => h("section", {}, h("h3", {}, title), h("dl", {}, rows.map(([keys, words]) => [h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, words)]))))),
    h("form", { method: "dialog" }, h("button", { type: "submit", class: "primary" }, "Close")));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

const axial = () => scene.active.planes.axial;
const scrollBy = (steps) => hooks.onScroll(scene.active, axial(), steps);
const resize = (factor) => { scene.brushMm = Math.min(Math.max(scene.brushMm * factor, SMALLEST_BRUSH_MM), LARGEST_BRUSH_MM); showTools(); redraw(); };

const commands = {
  ArrowUp: () => scrollBy(1),
  ArrowDown: () => scrollBy(-1),
  PageUp: () => scrollBy(5),
  PageDown: () => scrollBy(-5),
  ArrowLeft: () => { activate(step(scene.dates, scene.active, -1)); redraw(); },
  ArrowRight: () => { activate(step(scene.dates, scene.active, 1)); redraw(); },
  j: () => choose(step(scene.patient.lesions, scene.chosen, 1)?.id),
  k: () => choose(step(scene.patient.lesions, scene.chosen, -1)?.id),
  Enter: () => confirmLesion(),
  Escape: () => { dropPreview(); newLesion = null; setTool("look"); },
  x: () => actions.reject(),
  d: () => scene.mayChange && confirmDate(scene.active.date),
  a: () => setStatus("absent", "absent"),
  z: () => setStatus("too-small", "too small to measure"),
  q: () => setStatus("not-evaluable"),
  6: () => setStatus("present", "present"),
  7: () => setStatus("increased", "larger"),
  8: () => setStatus("progression", "unequivocal progression"),
  9: () => setStatus("measured", "as measured"),
  f: () => editFields(),
  End: () => byId("sign").hidden || sign(),
  n: () => beginNew(),
  u: () => byId("undo").click(),
  "/": () => comment(),
  y: () => exportFiles(),
  m: () => toFiles(),
  "?": showKeys,
  "[": () => resize(1 / 1.2),
  "]": () => resize(1.2),
  "+": () => hooks.onZoom(1.2),
  "-": () => hooks.onZoom(1 / 1.2),
  0: () => { scene.zoom = 1; redraw(); },
  p: () => flip("pet"),
  o: () => flip("outlines"),
  i: () => flip("isodoses"),
  l: () => flip("linked"),
  t: () => flip("threePlanes"),
  h: () => { location.assign("/"); },
  ...Object.fromEntries(TOOLS.map(([name, , key]) => [key.toLowerCase(), () => setTool(name)])),
  ...Object.fromEntries([1, 2, 3, 4, 5].map((key) => [key, () => scene.windows[key - 1] && setWindow(scene.windows[key - 1])])),
};

/** Say where the link of a date is not to be trusted. */
function showLink({ date, link }) {
  if (!link.stored || link.stored.good) return;
  const column = columns.find((each) => each.date.date === date);
  column.element.dataset.doubted = link.stored.remarks.join("; ") || "doubtful";
  showHead(column);
}

// ---- the beginning ----------------------------------------------------------------------

async function begin() {
  fill(byId("organs"), ORGANS.map((organ) => h("option", { value: organ })));
  try {
    const [session, patient] = await Promise.all([api.session(), read ? readOf(read) : api.patient(subject)]);
    who = session;
    scene = new Scene(patient, read, redraw, (refusal) => say(refusal.message, "error"));
    scene.mayChange = mayChange();
  } catch (refusal) {
    say(refusal.message, "error");
    return;
  }
  const look = scene.patient.lesions.find((lesion) => lesion.state === "proposed") || scene.patient.lesions[0];
  if (look) {
    scene.lesion = look.id;
    scene.goToLesion(scene.active, placesOf(look));
  }
  layOut();
  show();
  byId("undo").addEventListener("click", () => send(() => api.undo(subject, scene.patient.version)));
  byId("help").addEventListener("click", showKeys);
  byId("sign").addEventListener("click", sign);
  byId("files").addEventListener("change", importFiles);
  listen(commands);
  try {
    await scene.fetchMasksOfAll();
    document.body.dataset.ready = "yes";
    await scene.fetchLinks(showLink);
    document.body.dataset.linked = "yes";
  } catch (refusal) {
    say(refusal.message, "error");
  }
}

begin();
