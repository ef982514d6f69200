// Two reads of one subject side by side: where they differ, and the one that the adjudicator takes.

import * as api from "./api.js";
import { ask, byId, chip, fill, h, say } from "./dom.js";

const subject = new URLSearchParams(location.search).get("subject");

function read(own, other, choose) {
  const differs = (date) => other.dates.find((each) => each.date === date.date)?.response !== date.response;
  return h(
    "section",
    { class: `read ${own.chosen ? "chosen" : ""}` },
    h("header", {}, h("h2", {}, own.label), own.best ? chip(own.best, own.tone, "best response") : null,
      choose ? h("button", { type: "button", class: "primary", data: { read: own.label }, onclick: () => choose(own) }, "Take this read") : null),
    h("table", {},
      h("thead", {}, h("tr", {}, ["Date", "Response", "Sum, mm", "Targets", "Non-targets", "New"].map((words) => h("th", {}, words)))),
      h("tbody", {}, own.dates.map((date) => h("tr", { class: differs(date) ? "differs" : "" },
        h("td", {}, date.date), h("td", {}, chip(date.response, date.tone)), h("td", { class: "number" }, date.sum_mm || "–"), h("td", {}, date.target), h("td", {}, date.non_target), h("td", {}, date.new_lesion ? "yes" : "no"))))),
    h("h3", {}, "Lesions"),
    h("table", {}, h("tbody", {}, own.lesions.map((lesion) => h("tr", {}, h("td", {}, h("b", {}, lesion.id)), h("td", {}, lesion.organ), h("td", {}, lesion.role), h("td", { class: "number" }, (lesion.sizes || []).join("  "))))) ),
    own.progression ? h("p", { class: "quiet" }, `Progression on ${own.progression}`) : null,
  );
}

async function show() {
  const { triggers, reads, decided } = await api.adjudication(subject);
  byId("subject").textContent = `${subject}: adjudication`;
  const choose = decided ? null : async (own) => {
    const said = await ask(`Take ${own.label}`, [{ name: "reason", label: "Why this read", kind: "long", required: true }], { confirm: "Take this read" });
    if (!said) return;
    try {
      await api.adjudicate(subject, own.key || own.label, said.reason);
      await show();
    } catch (refusal) { say(refusal.message, "error"); }
  };
  const [a, b] = reads;
  fill(
    byId("page"),
    h("header", {}, h("h2", {}, "Two reads differ"), h("span", { class: "quiet" }, decided ? `${decided.read} was taken: ${decided.reason}` : "Choose the read that is right as a whole.")),
    h("ul", { class: "triggers" }, triggers.map(({ text }) => h("li", {}, text))),
    h("div", { class: "reads" }, read(a, b, choose), read(b, a, choose)),
    h("p", {}, h("a", { href: `/patient.html?subject=${encodeURIComponent(subject)}` }, "Look at the images")),
  );
}

async function begin() {
  try {
    await api.session();
    await show();
    document.body.dataset.ready = "yes";
  } catch (refusal) {
    say(refusal.message, "error");
  }
}

begin();
