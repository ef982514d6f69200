// Building elements: text is always set as text, so nothing that a person typed becomes markup.

/** An element with properties and children; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && name !== "list" && name !== "role") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put new children in the place of all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** A button with the key that does the same. */
export function button(words, key, onclick, properties = {}) {
  return h(
    "button",
    { type: "button", onclick, title: key ? `${words} (${key})` : words, ...properties },
    h("span", {}, words),
    key ? h("kbd", {}, key) : null,
  );
}

/** A response as a chip: its colour repeats what its letters say. */
export function chip(response, tone, title = "") {
  return h("span", { class: `chip ${tone || "none"}`, title }, response || "–");
}

/** A figure of the server with one decimal; empty where there is none. */
export function figure(value) {
  return value === null || value === undefined || value === "" ? "" : Number(value).toFixed(1);
}

let talking = null;

/** Say something for some seconds; errors stay until the next word. */
export function say(words, kind = "note") {
  const place = byId("say");
  clearTimeout(talking);
  fill(place, words);
  place.className = `say ${kind}`;
  place.hidden = !words;
  if (kind !== "error") talking = setTimeout(() => { place.hidden = true; }, 6000);
}

/** Show a form over the page; resolves to its values, or null where the reader turns back. */
export function ask(title, fields, { confirm = "Save", lead = "" } = {}) {
  return new Promise((resolve) => {
    const inputs = fields.map(({ name, label, kind = "text", value = "", options, required, hint, list }) => {
      const properties = { name, value, required: Boolean(required), autocomplete: kind === "password" ? "current-password" : "off" };
      let input;
      if (kind === "choice") {
        input = h("select", { name }, options.map(([key, words]) => h("option", { value: key, selected: key === value }, words)));
      } else if (kind === "long") {
        input = h("textarea", { ...properties, rows: 4 });
      } else if (kind === "check") {
        input = h("input", { type: "checkbox", name, checked: Boolean(value), required: Boolean(required) });
      } else {
        input = h("input", { ...properties, type: kind, list });
      }
      return h("label", { class: kind === "check" ? "check" : "" }, h("span", {}, label), input, hint ? h("small", {}, hint) : null);
    });
    const dialog = h("dialog", { "aria-label": title });
    const end = (answer) => { dialog.close(); dialog.remove(); resolve(answer); };
    const form = h(
      "form",
      {
        method: "dialog",
        onsubmit: (event) => {
          event.preventDefault();
          end(Object.fromEntries(fields.map(({ name, kind }) => {
            const input = form.elements[name];
            return [name, kind === "check" ? input.checked : input.value.trim()];
          })));
        },
      },
      h("h2", {}, title),
      lead ? h("p", { class: "lead" }, lead) : null,
      inputs,
      h("div", { class: "ends" }, h("button", { type: "button", onclick: () => end(null) }, "Cancel"), h("button", { type: "submit", class: "primary" }, confirm)),
    );
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); end(null); });
    dialog.append(form);
    document.body.append(dialog);
    dialog.showModal();
  });
}
