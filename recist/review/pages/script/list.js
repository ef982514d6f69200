// The first page: the patients of a run, or the work list of a trial, the most urgent first.

import * as api from "./api.js";
import { byId, chip, fill, h, say } from "./dom.js";

const FILTERS = [["all", "All"], ["open", "To read"], ["signed", "Signed"]];
/** From which weight on (0 nothing would change, 1 it decides) a patient is marked, and how. */
const GRADES = [[0.8, "strong"], [0.3, "some"], [0.0001, "little"]];
/** Roles that only see the trial as a whole. */
const WHOLE = ["administrator", "monitor"];

let filter = "all";

function patientRow(patient) {
  const looks = patient.look.slice(0, 2);
  const grade = GRADES.find(([from]) => patient.weight >= from)?.[1] || "";
  const answers = patient.answers || [];
  const where = ({ date, lesion }) => [lesion, date].filter(Boolean).join(", ");
  return h("li", {}, h(
    "a",
    { class: `patient ${grade} ${patient.state === "signed" ? "done" : ""}`, href: `/patient.html?subject=${encodeURIComponent(patient.subject)}`, data: { subject: patient.subject } },
    h("span", { class: "effect" }),
    h("span", { class: "who" }, h("b", {}, patient.subject), h("span", { class: "quiet" }, `${patient.dates.length} ${patient.dates.length === 1 ? "date" : "dates"}${patient.dates.length ? `, the last ${patient.dates[patient.dates.length - 1]}` : ""}`)),
    h("span", { class: "course" }, answers.length ? answers.map(({ date, response, tone }) => chip(response, tone, date)) : chip(patient.response, patient.tone)),
    h("ul", { class: "looks" }, looks.length
      ? [looks.map((look) => h("li", {}, h("span", { class: "quiet" }, `${where(look)} `), look.what)), patient.look.length > looks.length ? h("li", { class: "none" }, `and ${patient.look.length - looks.length} more`) : null]
      : h("li", { class: "none" }, patient.state === "signed" ? patient.signed ? `signed by ${patient.signed.name}, ${patient.signed.time.slice(0, 10)}` : "signed" : "nothing that would change the answer")),
    h("span", { class: "end" }, h("span", { class: `state ${patient.state}` }, patient.state)),
  ));
}

function workRow(task) {
  const differs = Boolean(task.triggers);
  const page = differs ? "adjudication" : "patient";
  return h("li", {}, h(
    "a",
    { class: `patient ${isDone(task) ? "done" : differs ? "some" : "little"}`, href: `/${page}.html?subject=${encodeURIComponent(task.subject)}`, data: { subject: task.subject } },
    h("span", { class: "effect" }),
    h("span", { class: "who" }, h("b", {}, task.subject), h("span", { class: "quiet" }, differs ? "two reads differ" : `version ${task.version}`)),
    h("span", { class: "course quiet" }, task.next_date ? `next: ${task.next_date}` : ""),
    h("ul", { class: "looks" }, (task.triggers || []).map((words) => h("li", {}, String(words).replaceAll("_", " ")))),
    h("span", { class: "end" }, h("span", { class: `state ${task.state}` }, task.state)),
  ));
}

const isDone = ({ state }) => state === "signed" || state === "adjudicated";

function show(title, rows, row) {
  const shown = rows.filter(({ state }) => filter === "all" || isDone({ state }) === (filter === "signed"));
  fill(
    byId("page"),
    h("header", {}, h("h2", {}, title), h("span", { class: "quiet" }, `${rows.filter((row) => !isDone(row)).length} of ${rows.length} to read`),
      h("div", { class: "filters", role: "group", "aria-label": "Show" }, FILTERS.map(([name, words]) => h("button", { type: "button", "aria-pressed": String(filter === name), onclick: () => { filter = name; show(title, rows, row); } }, words)))),
    shown.length ? h("ol", { class: "patients" }, shown.map(row)) : h("p", { class: "empty" }, rows.length ? "None of this kind." : "There is nothing to read here."),
  );
}

function walk(event) {
  const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
  const rows = [...document.querySelectorAll("a.patient")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(Math.max(at + by, 0), rows.length - 1)]?.focus();
  event.preventDefault();
}

async function begin() {
  try {
    const who = await api.session();
    fill(byId("who"), h("span", { class: "quiet" }, who.trial ? `${who.name}, ${who.role}` : ""),
      who.trial ? h("button", { type: "button", onclick: async () => { await api.logout(); location.assign("/login.html"); } }, "Sign out") : null);
    if (who.trial && WHOLE.includes(who.role)) return location.replace("/trial.html");
    if (who.trial) show("Work list", (await api.worklist()).subjects, workRow);
    else show("Patients", await api.patients(), patientRow);
    document.addEventListener("keydown", walk);
    document.body.dataset.ready = "yes";
  } catch (refusal) {
    say(refusal.message, "error");
  }
  return null;
}

begin();
