// The keyboard: everything that a reader does has a key.

export const KEYS = [
  ["Moving", [
    [["↑", "↓"], "slice up, down (with Page: five)"],
    [["←", "→"], "previous, next date"],
    [["J", "K"], "next, previous lesion"],
    [["+", "−", "0"], "closer, farther, whole"],
    [["H"], "list of patients"],
  ]],
  ["Showing", [
    [["1", "…", "5"], "soft tissue, lung, liver, bone, brain"],
    [["P"], "PET over CT"],
    [["O"], "outlines and calipers"],
    [["I"], "isodoses and target volumes"],
    [["L"], "link the slices of all dates"],
    [["T"], "three planes"],
  ]],
  ["Tools", [
    [["V"], "look: drag moves, a click chooses"],
    [["W"], "window (or the right mouse button)"],
    [["C", "S"], "long axis, short axis"],
    [["G", "E"], "delineate by a click, by a line"],
    [["B", "R"], "brush, eraser"],
    [["[", "]"], "smaller, larger brush"],
  ]],
  ["Deciding", [
    [["Enter"], "confirm the lesion; take what was delineated"],
    [["X"], "not a lesion"],
    [["A", "Z", "Q"], "absent, too small, not evaluable"],
    [["6", "…", "9"], "present, larger, unequivocal progression, as measured"],
    [["F"], "organ, kind, role, field, link (then Tab)"],
    [["N"], "new lesion"],
    [["D"], "confirm the date"],
    [["End"], "sign, or reopen"],
    [["/"], "comment"],
    [["Y", "M"], "export the reading, import one (then Enter)"],
    [["U"], "undo"],
    [["Esc"], "leave what was begun"],
  ]],
];

/** Run a command for its key, unless the reader is writing or a dialog is open. */
export function listen(commands) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || document.querySelector("dialog[open]")) return;
    const { target } = event;
    if (target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) {
      if (event.key === "Escape") target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey) {
      if (event.key.toLowerCase() !== "z") return;
      event.preventDefault();
      commands.u?.();
      return;
    }
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const command = commands[key];
    if (!command || (key === "Enter" && target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    command();
  });
}
