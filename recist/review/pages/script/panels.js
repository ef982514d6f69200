// The panel at the side: the chosen lesion, the response with its reasons, the notes.

import { button, chip, figure, h } from "./dom.js";

const STATUSES = [
  ["absent", "Absent", "A"],
  ["too-small", "Too small", "Z"],
  ["not-evaluable", "Not evaluable", "Q"],
  ["present", "Present", "6"],
  ["increased", "Larger", "7"],
  ["progression", "Unequivocal progression", "8"],
  ["measured", "As measured", "9"],
];
const FIELDS = [["in", "In field"], ["partial", "Partly in field"], ["low-dose", "Low dose"], ["out", "Out of field"], ["unknown", "Unknown"]];

export function lesionPanel(scene, actions) {
  const lesion = scene.chosen;
  if (!lesion) return h("p", { class: "empty" }, "No lesion is chosen. Choose one in the list, in the images, or with J and K.");
  const { patient, active, mayChange } = scene;
  const rows = patient.dates.map(({ date }) => {
    const seen = lesion.seen[date];
    return h(
      "tr",
      { class: date === active.date ? "now" : "", onclick: () => actions.activate(date) },
      h("td", {}, date),
      h("td", { class: "number" }, seen?.diameter_mm ? h("b", {}, `${seen.diameter_mm}`) : h("span", { class: "quiet" }, seen ? seen.status.replace("-", " ") : "–")),
      h("td", { class: "number" }, seen?.change || ""),
      h("td", { class: "number" }, figure(seen?.volume_ml)),
      h("td", { class: "number" }, figure(seen?.suv_max)),
    );
  });
  const now = lesion.seen[active.date];
  const select = (words, value, options, onchange) => h("label", {}, h("span", {}, words),
    h("select", { disabled: !mayChange, onchange: (event) => onchange(event.target.value) }, options.map(([key, label]) => h("option", { value: key, selected: key === value }, label))));
  const others = patient.lesions.filter(({ id, state }) => id !== lesion.id && state !== "rejected");
  return [
    h("div", { class: "title" }, h("h2", {}, lesion.id), h("span", { class: "quiet" }, lesion.organ), h("span", { class: `mark ${lesion.state}` }, lesion.state)),
    h("table", { class: "sizes" },
      h("thead", {}, h("tr", {}, ["Date", "mm", "change", "ml", "SUVmax"].map((words, n) => h("th", { class: n ? "number" : "" }, words)))),
      h("tbody", {}, rows)),
    now ? h("p", { class: "quiet source" }, [now.long_mm && `${now.long_mm} × ${now.short_mm || "–"} mm`, now.source && `by ${now.source}`].filter(Boolean).join(" · ")) : null,
    (now?.remarks || []).map((words) => h("p", { class: "remark" }, words)),
    mayChange ? [
      h("h3", {}, `At ${active.date}`),
      h("div", { class: "buttons" }, STATUSES.map(([status, words, key]) => button(words, key, () => actions.setStatus(status, words.toLowerCase()), { "aria-pressed": String(now?.status === status), data: { status } }))),
      h("h3", {}, "The lesion"),
      h("div", { class: "buttons two" },
        button(lesion.state === "confirmed" ? "Confirmed" : "Confirm", "Enter", actions.confirmLesion, { class: "primary", "aria-pressed": String(lesion.state === "confirmed"), data: { action: "confirm" } }),
        button(lesion.state === "rejected" ? "A lesion after all" : "Not a lesion", "X", actions.reject, { class: "warn", data: { action: "reject" } })),
    ] : null,
    h("div", { class: "fields", id: "fields" },
      h("label", {}, h("span", {}, "Organ"), h("input", { value: lesion.organ, list: "organs", disabled: !mayChange, onchange: (event) => event.target.value.trim() && actions.ofLesion({ organ: event.target.value.trim() }) })),
      select("Kind", lesion.is_node ? "yes" : "no", [["no", "no lymph node"], ["yes", "lymph node"]], (value) => actions.ofLesion({ is_node: value === "yes" })),
      select("Role", lesion.role, actions.roles, (role) => actions.ofLesion({ role }, "Why it has another role")),
      select("Field", lesion.field, FIELDS, (field) => actions.ofLesion({ field }, "Why it lies there")),
      others.length && mayChange ? select("Is at this date", "", [["", "itself"], ...others.map(({ id, organ }) => [id, `${id}, ${organ}`])], (other) => other && actions.linkTo(other)) : null),
    lesion.reasons.length ? [h("h3", {}, "Why this role"), lesion.reasons.map((words) => h("p", { class: "reason" }, words))] : null,
  ];
}

export function responsePanel(scene) {
  const { assessment, warnings } = scene.patient;
  if (!assessment.criteria.length) return h("p", { class: "empty" }, "Nothing is assessed: there is no lesion, or no second date.");
  return [
    assessment.criteria.map((part) => {
      const at = part.dates.find(({ date }) => date === scene.active.date);
      return h(
        "section",
        { class: "criteria" },
        h("div", { class: "title" }, h("h2", {}, part.criteria), h("span", { class: "quiet" }, part.scope),
          h("span", { class: "chips" }, part.dates.map(({ date, response, tone }) => chip(response, tone, date)))),
        at ? [
          h("dl", { class: "facts" }, [
            ["Sum", at.sum_mm && `${at.sum_mm} mm`], ["Baseline", at.baseline_mm && `${at.baseline_mm} mm`], ["Nadir", at.nadir_mm && `${at.nadir_mm} mm`],
            ["Targets", at.target], ["Non-targets", at.non_target], ["New lesion", at.new_lesion ? "yes" : "no"],
          ].filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
          at.reasons.map(({ rule, text, margin }) => h("p", { class: "reason" }, text, margin && !text.includes(margin) ? h("span", { class: "margin" }, ` ${margin} mm to the threshold.`) : null, h("small", {}, rule))),
        ] : h("p", { class: "quiet" }, `Nothing to compare at ${scene.active.date}.`),
      );
    }),
    assessment.margin ? h("p", { class: "margin" }, assessment.margin) : null,
    warnings.length ? [h("h3", {}, "To be looked at"), warnings.map((words) => h("p", { class: "remark" }, words))] : null,
  ];
}

export function notesPanel(scene, actions) {
  const { comments, history } = scene.patient;
  const time = (words) => words.replace("T", " ").slice(0, 16);
  return [
    scene.mayChange ? button("Comment", "/", actions.comment, { class: "wide" }) : null,
    scene.mayShare ? h("div", { class: "files" },
      button("Export", "Y", actions.exportFiles, { title: "The tables and outlines that `recist correct` takes (Y)" }),
      scene.mayChange && !scene.patient.one_by_one ? button("Import", "M", actions.importFiles, { data: { action: "import" }, title: "Tables of corrections, outlines, or an exported zip (M)" }) : null) : null,
    comments.map(({ time: when, who, text, date, lesion }) => h("article", { class: "comment" }, h("header", {}, h("b", {}, who), h("span", { class: "quiet" }, [lesion, date, time(when)].filter(Boolean).join(" · "))), h("p", {}, text))),
    h("h3", {}, "What was done"),
    history.length ? h("ol", { class: "history", reversed: true }, [...history].reverse().map(({ time: when, who, what, reason }) => h("li", {}, h("span", {}, what), reason ? h("em", {}, reason) : null, h("small", {}, `${who}, ${time(when)}`)))) : h("p", { class: "quiet" }, "Nothing yet: this is the proposal of the machine."),
  ];
}
