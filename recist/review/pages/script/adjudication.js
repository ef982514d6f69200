// Two reads of one subject side by side: where they differ, and the one that the adjudicator takes.

import * as api from "./api.js";
import { ask, byId, chip, fill, h, say } from "./dom.js";

const subject = new URLSearchParams(location.search).get("subject");
let who = null;

const leading = (read) => read.assessment.criteria[0] || { dates: [], best: "" };

/** What a read says to what an adjudicator was named for. */
function answered(read, trigger) {
  const part = leading(read);
  if (trigger === "best_response") return part.best || "none";
  if (trigger === "progression_date") return part.progression || "none";
  return part.dates.map(({ date, response }) => `${date} ${response}`).join(", ");
}

/** A row of the other read at the same date. */
const beside = (other, date) => leading(other).dates.find((each) => each.date === date);

function readOf(own, other, chosen, choose) {
  const part = leading(own);
  const dates = own.dates.map(({ date }) => date);
  return h(
    "section",
    { class: `read ${chosen ? "chosen" : ""}`, data: { read: own.read } },
    h("header", {}, h("h2", {}, `Read ${own.read}`), part.best ? h("span", { class: "quiet" }, "best ", h("b", {}, part.best)) : null,
      chosen ? h("span", { class: "state signed" }, "accepted") : null,
      choose ? h("button", { type: "button", class: "primary", onclick: () => choose(own) }, "Take this read") : null),
    h("table", {},
      h("thead", {}, h("tr", {}, ["Date", "Response", "Sum, mm", "Targets", "Non-targets", "New"].map((words) => h("th", {}, words)))),
      h("tbody", {}, part.dates.map((at) => h("tr", { class: beside(other, at.date)?.response === at.response ? "" : "differs" },
        h("td", {}, at.date), h("td", {}, chip(at.response, at.tone)), h("td", {}, at.sum_mm || "–"), h("td", {}, at.target), h("td", {}, at.non_target), h("td", {}, at.new_lesion ? "yes" : "no"))))),
    h("h3", {}, "Lesions"),
    h("table", {},
      h("thead", {}, h("tr", {}, ["Lesion", "Organ", "Role", ...dates].map((words) => h("th", {}, words)))),
      h("tbody", {}, own.lesions.filter(({ state }) => state !== "rejected").map((lesion) => h("tr", {},
        h("td", {}, h("b", {}, lesion.id)), h("td", {}, lesion.organ), h("td", {}, lesion.role),
        dates.map((date) => h("td", {}, lesion.seen[date] ? lesion.seen[date].diameter_mm || lesion.seen[date].status : "–")))))),
    h("p", {}, h("a", { href: `/patient.html?subject=${encodeURIComponent(subject)}&read=${own.read}` }, "Look at its images")),
  );
}

async function show() {
  const { triggers, reads, accepted, why, reason } = await api.adjudication(subject);
  byId("subject").textContent = `${subject}: adjudication`;
  const decided = Boolean(reason);
  const choose = decided || who.role !== "adjudicator" ? null : async (own) => {
    const said = await ask(`Take read ${own.read} of ${subject}`, [
      { name: "reason", label: "Why this read", kind: "long", required: true },
      { name: "name", label: "Your name", value: who.name, required: true },
      { name: "password", label: "Your password", kind: "password", required: true },
    ], { confirm: "Take this read" });
    if (!said) return;
    try {
      await api.adjudicate(subject, { choice: own.read, ...said });
      say("");
      await show();
    } catch (refusal) { say(refusal.message, "error"); }
  };
  const [a, b] = reads;
  fill(
    byId("page"),
    h("header", {}, h("h2", {}, triggers.length ? "Two reads differ" : "Two reads agree"),
      h("span", { class: "quiet" }, decided ? `Read ${accepted} was taken: ${reason}` : accepted ? `Read ${accepted} counts: ${why}` : "Choose the read that is right as a whole.")),
    h("ul", { class: "triggers" }, triggers.map((words) => h("li", {}, String(words).replaceAll("_", " "), b ? `: ${[a, b].map((own) => `read ${own.read} ${answered(own, words)}`).join("; ")}` : ""))),
    b ? h("div", { class: "reads" }, readOf(a, b, accepted === a.read, choose), readOf(b, a, accepted === b.read, choose))
      : h("p", { class: "empty" }, "Both reads are not signed yet."),
  );
}

async function begin() {
  try {
    who = await api.session();
    await show();
    document.body.dataset.ready = "yes";
  } catch (refusal) {
    say(refusal.message, "error");
  }
}

begin();
