// The one way to the server. Pages hold no number of their own: what they show comes from here.

let token = "";

/** What the server refused, in its words. */
export class Refusal extends Error {
  constructor(status, what, remedy) {
    super(remedy ? `${what} ${remedy}` : what);
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = token;
  let answer;
  try {
    answer = await fetch(`/api/${path}`, {
      method,
      headers,
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, "The server does not answer.", "Is `recist review` still running?");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  if (answer.status === 401 && path !== "login") location.assign("/login.html");
  throw new Refusal(answer.status, content.error || `The server answered ${answer.status}.`, content.remedy || "");
}

const of = (subject) => `patients/${encodeURIComponent(subject)}`;

/** Who reads here, in which part; to be asked first, since it brings the token of every change. */
export async function session() {
  const found = await call("GET", "session");
  token = found.csrf || "";
  return found;
}

export const login = (user, password, code = "") => call("POST", "login", { user, password, code });
export const loginAsks = () => call("GET", "login");
export const renewSecondFactor = (name) => call("POST", `trial/accounts/${encodeURIComponent(name)}/second-factor`, {});
export const logout = () => call("POST", "logout", {});
export const patients = async () => (await call("GET", "patients")).patients;
export const patient = (subject) => call("GET", of(subject));
export const masks = (subject, date) => call("GET", `${of(subject)}/masks/${date}`);
export const link = (subject, date) => call("GET", `${of(subject)}/links/${date}`);
export const field = (subject, date, slice) => call("GET", `${of(subject)}/field/${date}/${slice}`);
export const change = (subject, version, changes, reason = "") => call("POST", `${of(subject)}/changes`, { version, changes, reason });
export const undo = (subject, version) => call("POST", `${of(subject)}/undo`, { version });
export const prompt = (subject, asked) => call("POST", `${of(subject)}/prompt`, asked);
export const sign = (subject, signature) => call("POST", `${of(subject)}/sign`, signature);
export const reopen = (subject, version, reason) => call("POST", `${of(subject)}/reopen`, { version, reason });
export const exported = (subject) => `/api/${of(subject)}/reading`;
export const importReading = (subject, version, files) => call("POST", `${of(subject)}/reading`, { version, files });
export const worklist = () => call("GET", "trial/worklist");
export const adjudication = (subject) => call("GET", `trial/subjects/${encodeURIComponent(subject)}/adjudication`);
export const adjudicate = (subject, decision) => call("POST", `trial/subjects/${encodeURIComponent(subject)}/adjudication`, decision);
export const masksOfRead = (subject, read, date) => call("GET", `trial/subjects/${encodeURIComponent(subject)}/reads/${read}/masks/${date}`);
export const assign = (subject, said) => call("POST", `trial/subjects/${encodeURIComponent(subject)}/assignments`, said);
export const accounts = async () => (await call("GET", "trial/accounts")).accounts;
export const addAccount = (said) => call("POST", "trial/accounts", said);
export const changeAccount = (name, said) => call("POST", `trial/accounts/${encodeURIComponent(name)}`, said);
export const queries = async () => (await call("GET", "trial/queries")).queries;
export const answer = (number, words) => call("POST", `trial/queries/${number}/answer`, { answer: words });
export const analytics = () => call("GET", "trial/analytics");

/** The newest rows of the audit, of which a hundred come at a time. */
export async function audit() {
  let rows = [];
  for (;;) {
    const more = (await call("GET", `trial/audit?after=${rows.length ? rows[rows.length - 1].number : 0}`)).rows;
    if (!more.length) return rows;
    rows = [...rows.slice(-100), ...more];
  }
}
export const query = (subject, text, date) => call("POST", `${of(subject)}/queries`, { text, date });

/** One slice as it is stored: 16-bit numbers, row by row, and what one step of them is worth. */
export async function slice(subject, date, modality, plane, n, signal) {
  const answer = await fetch(`/api/${of(subject)}/images/${date}/${modality}/${plane}/${n}`, { credentials: "same-origin", signal });
  if (!answer.ok) throw new Refusal(answer.status, `Slice ${n + 1} of ${date} is not to be had.`, "");
  return { pixels: new Int16Array(await answer.arrayBuffer()), step: Number(answer.headers.get("X-Scale") || 1) };
}
