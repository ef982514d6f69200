// A trial for its administrator and its monitor: subjects, people, queries, figures, the audit.

import * as api from "./api.js";
import { ask, byId, button, figure, fill, h, say } from "./dom.js";

const SLOTS = [["reader-1", "Reader 1"], ["reader-2", "Reader 2"], ["adjudicator", "Adjudicator"]];
const ROLES = [["reader", "Reader"], ["adjudicator", "Adjudicator"], ["monitor", "Monitor"], ["administrator", "Administrator"]];
const SHOWN_ROWS = 12;
let who = null;

/** Run a change, then show all again; what is refused is said. */
const doing = (change) => async () => {
  try {
    if (await change()) await show();
  } catch (refusal) { say(refusal.message, "error"); }
};

async function assign(subject, people) {
  const said = await ask(`Give ${subject} to`, [
    { name: "slot", label: "As", kind: "choice", options: SLOTS },
    { name: "account", label: "Who", kind: "choice", options: people.map(({ name, role }) => [name, `${name}, ${role}`]) },
  ], { confirm: "Assign" });
  if (said) await api.assign(subject, said);
  return said;
}

async function addAccount() {
  const said = await ask("A new account", [
    { name: "name", label: "Name", required: true },
    { name: "role", label: "Role", kind: "choice", options: ROLES },
    { name: "password", label: "First password", kind: "password", required: true, hint: "at least 12 characters" },
  ], { confirm: "Add" });
  if (said) await handOver(await api.addAccount(said));
  return said;
}

/** Show the address that the person's authenticator takes, this once. */
async function handOver({ name, second_factor: address }) {
  if (!address) return;
  await ask(`For the authenticator of ${name}`, [{ name: "address", label: "Hand this over, by another way than the password; it is not shown again", kind: "long", value: address }], { confirm: "Done" });
}

async function answerQuery(query) {
  const said = await ask(`Answer of the site on ${query.subject}`, [{ name: "answer", label: query.text, kind: "long", required: true }], { confirm: "Enter" });
  if (said) await api.answer(query.id, said.answer);
  return said;
}

const table = (names, rows) => h("table", {}, h("thead", {}, h("tr", {}, names.map((words) => h("th", {}, words)))),
  h("tbody", {}, rows.map((cells) => h("tr", {}, cells.map((cell) => h("td", {}, cell))))));

const block = (title, action, ...content) => h("section", { class: "read" }, h("header", {}, h("h2", {}, title), action), content);

function subjects(rows, people) {
  const byNumber = (reads, number) => {
    const found = reads.find(({ read }) => read === number);
    return found ? `${found.reader || "–"}, ${found.state}` : "–";
  };
  return block("Subjects", null, table(
    ["Subject", "Read 1", "Read 2", "Differ in", "Accepted", ""],
    rows.map(({ subject, reads, triggers, accepted, why }) => [
      h("b", {}, subject), byNumber(reads, 1), byNumber(reads, 2), triggers.join(", ").replaceAll("_", " "), accepted ? `read ${accepted}, ${why}` : "–",
      who.role === "administrator" ? h("button", { type: "button", onclick: doing(() => assign(subject, people)) }, "Assign") : h("a", { href: `/adjudication.html?subject=${encodeURIComponent(subject)}` }, "Look"),
    ]),
  ));
}

function people(accounts) {
  const mine = who.role === "administrator";
  return block("People", mine ? button("New account", "", doing(addAccount)) : null, table(["Name", "Role", ""], accounts.map(({ name, role, disabled }) => [
    name, role, mine && name !== who.name ? [
      h("button", { type: "button", onclick: doing(async () => api.changeAccount(name, { disabled: !disabled })) }, disabled ? "Let in again" : "Shut out"),
      who.second_factor ? h("button", { type: "button", onclick: doing(async () => handOver(await api.renewSecondFactor(name))) }, "New authenticator") : null,
    ] : disabled ? "shut out" : "",
  ])));
}

function queries(rows) {
  return block("Queries to the site", null, rows.length ? table(["Subject", "Question", "Answer"], rows.map((query) => [
    `${query.subject} ${query.date || ""}`, query.text,
    query.answer || (who.role === "administrator" ? h("button", { type: "button", onclick: doing(() => answerQuery(query)) }, "Answer") : "open"),
  ])) : h("p", { class: "quiet" }, "None."));
}

function figures(found) {
  const agreement = ({ pairs, kappa, low, high }) => (kappa === null ? `not defined (${pairs} pairs)` : `${Number(kappa).toFixed(2)} (${low === high ? "too few for an interval" : `${Number(low).toFixed(2)} to ${Number(high).toFixed(2)}`}), ${pairs} pairs`);
  const { published } = found;
  const minutes = Object.entries(found.minutes_per_read || {}).map(([name, { reads, median }]) => `${name}: ${figure(median)} (${reads})`).join("; ");
  return block("Agreement of the readers", null, table(["", "Here", "Published"], [
    ["Subjects read twice", String(found.subjects_read_twice), ""],
    ["Kappa of the best response", agreement(found.best_response), ""],
    ["Kappa of the response at a date", agreement(found.response_at_date), published.kappa],
    ["Best response differs", String(found.best_response_differs), published.best_response_differs],
    ["Date of progression differs", String(found.progression_date_differs), published.progression_date_differs],
    ["To adjudicate", `${found.to_adjudicate}, ${found.adjudicated} of them decided`, published.adjudicated],
    ["Causes", Object.entries(found.causes).map(([cause, n]) => `${cause.replaceAll("_", " ")}: ${n}`).join("; ") || "–", published.other_targets],
    ["Minutes for a read, median", minutes || "–", ""],
  ]));
}

function audit(rows) {
  return block("Audit, the newest rows looked at", null, table(["Row", "When", "Who", "What", "Why"], rows.slice(-SHOWN_ROWS).reverse().map((row) => [
    String(row.number), row.at.slice(0, 19).replace("T", " "), row.account, [row.action, row.subject].filter(Boolean).join(" "), row.reason || "",
  ])));
}

async function show() {
  const [work, accounts, asked, found, trail] = await Promise.all([api.worklist(), api.accounts(), api.queries(), api.analytics(), api.audit()]);
  fill(
    byId("page"),
    h("header", {}, h("h2", {}, who.name), h("span", { class: "quiet" }, who.role),
      h("div", { class: "filters" }, h("a", { class: "link", href: "/api/trial/export", download: "trial.zip" }, "Export both reads and the accepted one"))),
    h("div", { class: "blocks" }, subjects(work.subjects, accounts), figures(found), queries(asked), people(accounts), audit(trail)),
  );
}

async function begin() {
  try {
    who = await api.session();
    fill(byId("who"), h("span", { class: "quiet" }, `${who.name}, ${who.role}`),
      h("button", { type: "button", onclick: async () => { await api.logout(); location.assign("/login.html"); } }, "Sign out"));
    await show();
    document.body.dataset.ready = "yes";
  } catch (refusal) {
    say(refusal.message, "error");
  }
}

begin();
