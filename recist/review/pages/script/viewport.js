// One plane of one date on a canvas: the picture, what is drawn over it, and the pointer.

import { h } from "./dom.js";
import { between } from "./geometry.js";
import { picture } from "./shades.js";

/** How near (in CSS pixels) the pointer counts as on a handle. */
const HANDLE = 10;
/** How near the handles of a caliper show themselves. */
const NEAR = 70;
/** The bar that shows the scale. */
const BAR_MM = 50;
/** A caliper belongs to slices this near to its ends, in slices. */
const ON_SLICE = 0.6;
/** Pixels of wheel that make one slice, for wheels that do not count in notches. */
const WHEEL_STEP = 40;

export const COLOURS = {
  target: "#5fd4c0",
  "non-target": "#b5a2f2",
  new: "#ff9671",
  rejected: "#76808c",
  preview: "#ffe08a",
  isodose: ["#f2c14e", "#9ad36b", "#5aa9e6", "#8f9bb3"],
  volume: "#f28cb1",
};

/** The middle of the view, so that no black is shown beside a picture which could fill the view. */
function kept(centre, pixels, viewed) {
  const spare = (pixels - Math.abs(viewed)) / 2;
  const middle = (pixels - 1) / 2;
  return spare <= 0 ? middle : Math.min(Math.max(centre, middle - spare), middle + spare);
}

export class Viewport {
  /**
   * scene: what all viewports show (see scene.js); date: its state of one date;
   * hooks: what becomes of what the pointer did.
   */
  constructor(scene, date, plane, hooks) {
    Object.assign(this, { scene, date, hooks });
    this.plane = date.planes[plane];
    this.canvas = h("canvas", { tabIndex: -1, data: { date: date.date, plane }, "aria-label": `${plane} slices of ${date.date}` });
    this.note = h("div", { class: "corner below" });
    this.words = h("div", { class: "corner above" });
    this.element = h("div", { class: `viewport ${plane}` }, this.canvas, this.words, this.note);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.rolled = 0;
    this.asked = false;
    new ResizeObserver(() => this.redraw()).observe(this.element);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.up(event));
    this.canvas.addEventListener("pointercancel", () => { this.drag = null; this.redraw(); });
    this.canvas.addEventListener("dblclick", (event) => this.hooks.onPoint(this.date, this.world(event)));
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("pointerleave", () => { this.pointer = null; this.near = false; this.redraw(); });
  }

  get paints() { return this.scene.tool === "brush" || this.scene.tool === "eraser"; }

  /** Draw once, at the next frame, however often it is asked for. */
  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.draw(); });
  }

  // ---- where things are -------------------------------------------------------------------

  measure() {
    const ratio = window.devicePixelRatio || 1;
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    const [w, t] = [Math.round(this.width * ratio), Math.round(this.height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== t) Object.assign(this.canvas, { width: w, height: t });
    const { plane } = this;
    const { spacing } = plane.grid;
    const scale = this.scene.scale(plane.name, this.width, this.height);
    const centre = plane.grid.toVoxel(this.date.centre);
    this.perColumn = plane.turnColumn * spacing[plane.column] * scale;
    this.perRow = plane.turnRow * spacing[plane.row] * scale;
    this.left = this.width / 2 - kept(centre[plane.column], plane.columns, this.width / this.perColumn) * this.perColumn;
    this.top = this.height / 2 - kept(centre[plane.row], plane.rows, this.height / this.perRow) * this.perRow;
    return ratio;
  }

  /** CSS pixels of a point of patient space. */
  place(world) {
    const index = this.plane.grid.toVoxel(world);
    return [this.left + index[this.plane.column] * this.perColumn, this.top + index[this.plane.row] * this.perRow];
  }

  /** Column, row (with fractions) under the pointer. */
  pixel(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left - this.left) / this.perColumn, (event.clientY - box.top - this.top) / this.perRow];
  }

  world(event) {
    const [column, row] = this.pixel(event);
    return this.plane.grid.toWorld(this.plane.index(column, row, this.slice));
  }

  get slice() { return this.plane.sliceAt(this.date.point); }

  // ---- the picture -----------------------------------------------------------------------

  draw() {
    const ratio = this.measure();
    if (!this.width || !this.height) return;
    const { context, plane, scene, date } = this;
    const n = this.slice;
    const stored = scene.slices.get(date.date, "ct", plane.name, n);
    if (!stored && this.shown && this.shown.n !== n) {
      this.note.classList.add("late"); // the last picture stays, and says that it is not this one
      this.note.textContent = `slice ${this.shown.n + 1} · loading ${n + 1}`;
      return;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.width, this.height);
    if (!stored) return;
    this.drawCt(stored, n, ratio);
    if (scene.pet && date.pet) this.drawPet(ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (scene.isodoses && plane.name === "axial") this.drawField(n);
    if (scene.outlines) this.drawOutlines(n);
    this.drawCross();
    if (scene.outlines) this.drawCalipers(n);
    this.drawDrag();
    this.drawEnds();
    scene.slices.foresee(date.date, "ct", plane.name, n, plane.count);
    this.note.classList.remove("late");
    this.note.textContent = `slice ${n + 1} of ${plane.count}`;
    this.words.textContent = plane.name === "axial" ? "" : plane.name;
    Object.assign(this.canvas.dataset, { slice: n + 1, ready: "yes" });
  }

  drawCt(stored, n, ratio) {
    const shades = this.scene.greys(stored.step);
    if (!this.shown || this.shown.stored !== stored || this.shown.shades !== shades) {
      this.shown = { n, stored, shades, canvas: picture(stored, this.plane.columns, this.plane.rows, shades) };
    }
    const { context } = this;
    context.setTransform(ratio * this.perColumn, 0, 0, ratio * this.perRow, ratio * this.left, ratio * this.top);
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "medium";
    context.drawImage(this.shown.canvas, -0.5, -0.5);
  }

  drawPet(ratio) {
    const { context, date, scene } = this;
    const plane = date.petPlanes[this.plane.name];
    const at = plane.grid.toVoxel(this.plane.grid.toWorld(this.plane.index(
      (this.width / 2 - this.left) / this.perColumn, (this.height / 2 - this.top) / this.perRow, this.slice)));
    const n = Math.round(at[plane.normal]);
    if (n < 0 || n >= plane.count) return;
    const stored = scene.slices.get(date.date, "pet", plane.name, n);
    if (!stored) return;
    scene.slices.foresee(date.date, "pet", plane.name, n, plane.count);
    const shades = scene.warm(stored.step);
    if (!this.fused || this.fused.stored !== stored || this.fused.shades !== shades) {
      this.fused = { stored, shades, canvas: picture(stored, plane.columns, plane.rows, shades) };
    }
    const corner = (c, r) => this.place(plane.grid.toWorld(plane.index(c, r, n)));
    const origin = corner(-0.5, -0.5), right = corner(0.5, -0.5), below = corner(-0.5, 0.5);
    context.setTransform(
      ratio * (right[0] - origin[0]), ratio * (right[1] - origin[1]),
      ratio * (below[0] - origin[0]), ratio * (below[1] - origin[1]),
      ratio * origin[0], ratio * origin[1],
    );
    context.globalAlpha = scene.petShare;
    context.drawImage(this.fused.canvas, 0, 0);
    context.globalAlpha = 1;
  }

  // ---- what lies over it -----------------------------------------------------------------

  stroke(path, colour, width, dashes = []) {
    const { context } = this;
    const drawn = new Path2D();
    drawn.addPath(path, new DOMMatrix([this.perColumn, 0, 0, this.perRow, this.left, this.top]));
    context.lineJoin = "round";
    context.lineCap = "round";
    context.setLineDash(dashes);
    context.strokeStyle = "rgb(0 0 0 / 45%)";
    context.lineWidth = width + 1.5;
    context.stroke(drawn);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke(drawn);
    context.setLineDash([]);
  }

  drawField(n) {
    const overlays = this.scene.fieldOf(this.date, n);
    let [level, named] = [0, 0];
    for (const { kind, label, lines } of overlays) {
      const volume = kind !== "isodose";
      const colour = volume ? COLOURS.volume : COLOURS.isodose[Math.min(level, COLOURS.isodose.length - 1)];
      if (!volume) level += 1;
      const path = new Path2D();
      for (const line of lines) line.forEach(([c, r], m) => (m ? path.lineTo(c, r) : path.moveTo(c, r)));
      this.stroke(path, colour, 1.1, volume ? [] : [5, 4]);
      // Volumes are named below, isodoses above, each in its own direction.
      const [x, y] = volume ? [0.6 - named * 1.6, 1] : [1.1 - level * 0.8, -1];
      if (volume) named += 1;
      const far = ([c, r]) => c * this.perColumn * x + r * this.perRow * y;
      const [c, r] = lines.flat().reduce((best, point) => (far(point) > far(best) ? point : best));
      this.text(label, this.left + c * this.perColumn + 4, this.top + r * this.perRow + (volume ? 11 : -3), colour, 10);
    }
  }

  colourOf(lesion) { return lesion.state === "rejected" ? COLOURS.rejected : COLOURS[lesion.role] || COLOURS.target; }

  drawOutlines(n) {
    const { scene, date, plane } = this;
    for (const lesion of scene.patient.lesions) {
      const painting = scene.painting?.date === date && scene.painting.lesion === lesion.id;
      const mask = painting ? scene.painting.mask : date.masks.get(lesion.id);
      const path = mask?.outline(plane, n);
      if (!path) continue;
      const chosen = lesion.id === scene.lesion;
      this.stroke(path, this.colourOf(lesion), chosen ? 2 : 1.2, lesion.state === "rejected" ? [2, 4] : []);
      if (chosen && plane.name === "axial") continue; // its caliper carries the name
      const corner = plane.index(mask.start[plane.column] + (plane.turnColumn > 0 ? mask.shape[plane.column] : -1), mask.start[plane.row] + (plane.turnRow > 0 ? 0 : mask.shape[plane.row]), n);
      const [x, y] = [this.left + corner[plane.column] * this.perColumn, this.top + corner[plane.row] * this.perRow];
      if (x < 0 || y < 0 || x > this.width || y > this.height) continue; // beside the view
      this.text(lesion.id, x + 3, y - 2, this.colourOf(lesion), 11);
    }
    const preview = scene.preview;
    if (preview?.date === date) {
      const path = preview.mask.outline(plane, n);
      if (path) this.stroke(path, COLOURS.preview, 2, [6, 4]);
    }
  }

  /** The axes of a lesion's caliper that lie on this slice. */
  axesOf(lesion, n) {
    const seen = lesion.seen[this.date.date];
    if (!seen?.caliper) return [];
    return ["long", "short"]
      .filter((name) => seen.caliper[name])
      .map((name) => ({ name, ends: this.drag?.axis === name && this.drag.lesion === lesion.id ? this.drag.ends : seen.caliper[name] }))
      .filter(({ ends }) => ends.every((end) => Math.abs(this.plane.grid.toVoxel(end)[this.plane.normal] - n) <= ON_SLICE));
  }

  drawCalipers(n) {
    const { scene } = this;
    for (const lesion of scene.patient.lesions) {
      if (lesion.state === "rejected") continue;
      const chosen = lesion.id === scene.lesion;
      const axes = this.axesOf(lesion, n);
      for (const { name, ends } of axes) {
        const counts = (name === "short") === Boolean(lesion.is_node);
        this.line(ends, chosen ? "#fff" : this.colourOf(lesion), counts ? 1.6 : 1, chosen, chosen && this.drag?.axis === name);
      }
      if (chosen && axes.length && !this.drag) {
        const [x, y] = axes.flatMap(({ ends }) => ends.map((end) => this.place(end))).reduce((best, point) => (point[0] > best[0] ? point : best));
        const seen = lesion.seen[this.date.date];
        this.text(`${lesion.id}  ${seen.diameter_mm ? `${seen.diameter_mm} mm` : seen.status}`, x + 9, y + 4, "#fff", 12);
      }
    }
  }

  /** A straight line between two points of patient space; graduated in cm while it is drawn. */
  line([from, to], colour, width, handles, graduated) {
    const { context } = this;
    const [a, b] = [this.place(from), this.place(to)];
    for (const [style, wide] of [["rgb(0 0 0 / 55%)", width + 2], [colour, width]]) {
      context.strokeStyle = style;
      context.lineWidth = wide;
      context.beginPath();
      context.moveTo(...a);
      context.lineTo(...b);
      if (graduated) this.graduate(a, b, from, to);
      context.stroke();
    }
    if (!handles) return;
    if (!graduated && !this.near) {
      this.endTicks(a, b, colour, width);
      return;
    }
    for (const [x, y] of [a, b]) {
      context.beginPath();
      context.arc(x, y, 3.5, 0, 2 * Math.PI);
      context.fillStyle = "rgb(0 0 0 / 60%)";
      context.fill();
      context.lineWidth = 1.5;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  endTicks(a, b, colour, width) {
    const { context } = this;
    const long = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
    const [x, y] = [(-(b[1] - a[1]) / long) * 4, ((b[0] - a[0]) / long) * 4];
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const end of [a, b]) {
      context.moveTo(end[0] - x, end[1] - y);
      context.lineTo(end[0] + x, end[1] + y);
    }
    context.stroke();
  }

  /** A tick at every centimetre, as on a ruler: the length in figures comes from the server. */
  graduate(a, b, from, to) {
    const mm = Math.hypot(...from.map((x, n) => x - to[n]));
    const [dx, dy] = [(b[0] - a[0]) / mm, (b[1] - a[1]) / mm];
    for (let at = 0; at <= mm; at += 5) {
      const half = at % 10 ? 2.5 : 5;
      const norm = Math.hypot(dx, dy) || 1;
      const [x, y] = [a[0] + dx * at, a[1] + dy * at];
      this.context.moveTo(x - (dy / norm) * half, y + (dx / norm) * half);
      this.context.lineTo(x + (dy / norm) * half, y - (dx / norm) * half);
    }
  }

  drawCross() {
    const { context } = this;
    if (!this.scene.threePlanes) return;
    const [x, y] = this.place(this.date.point);
    context.strokeStyle = "rgb(120 200 215 / 38%)";
    context.lineWidth = 1;
    context.beginPath();
    for (const [from, to] of [[[x, 0], [x, y - 12]], [[x, y + 12], [x, this.height]], [[0, y], [x - 12, y]], [[x + 12, y], [this.width, y]]]) {
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
  }

  drawDrag() {
    const { context, drag } = this;
    if (drag?.kind === "draw") this.line(drag.ends, COLOURS.preview, 1.6, true, true);
    if (this.paints && this.pointer && this.scene.mayChange) {
      context.strokeStyle = this.scene.tool === "brush" ? COLOURS.preview : "#fff";
      context.lineWidth = 1.2;
      context.beginPath();
      context.arc(...this.pointer, (this.scene.brushMm * Math.abs(this.perColumn)) / this.plane.grid.spacing[this.plane.column], 0, 2 * Math.PI);
      context.stroke();
    }
    if (this.scene.asking?.date === this.date) this.drawAsking();
  }

  drawAsking() {
    const { context } = this;
    const [x, y] = this.place(this.scene.asking.at);
    const turn = (performance.now() / 700) * 2 * Math.PI;
    context.strokeStyle = COLOURS.preview;
    context.lineWidth = 2.5;
    context.beginPath();
    context.arc(x, y, 13, turn, turn + 1.5 * Math.PI);
    context.stroke();
    const seconds = (performance.now() - this.scene.asking.since) / 1000;
    this.text(`delineating, ${seconds.toFixed(1)} s`, x + 20, y + 4, COLOURS.preview, 12);
    this.redraw();
  }

  /** The sides of the patient, and a bar of 5 cm. */
  drawEnds() {
    const { plane, context } = this;
    const perMm = Math.abs(this.perColumn) / plane.grid.spacing[plane.column];
    this.canvas.dataset.pxPerMm = perMm;
    if (this.width < 120) return;
    const [x, y, long] = [this.width - 10, this.height - 12, BAR_MM * perMm];
    context.strokeStyle = "rgb(160 172 186 / 75%)";
    context.lineWidth = 1;
    context.beginPath();
    for (const [from, to] of [[[x - long, y], [x, y]], [[x - long, y - 3], [x - long, y + 3]], [[x, y - 3], [x, y + 3]]]) {
      context.moveTo(...from);
      context.lineTo(...to);
    }
    context.stroke();
    if (plane.name === "axial") this.text("5 cm", x - long, y - 6, "rgb(160 172 186 / 75%)", 10);
    const colour = "rgb(160 172 186 / 75%)";
    this.text(plane.left, 7, this.height / 2, colour, 11);
    this.text(plane.right, this.width - 15, this.height / 2, colour, 11);
    if (plane.name !== "axial") this.text(plane.top, this.width / 2 - 4, 14, colour, 11);
  }

  text(words, x, y, colour, size) {
    const { context } = this;
    context.font = `500 ${size}px ${getComputedStyle(document.body).fontFamily}`;
    const wide = context.measureText(words).width;
    const left = Math.max(2, Math.min(x, this.width - wide - 4));
    context.lineJoin = "round";
    context.lineWidth = 3;
    context.strokeStyle = "rgb(0 0 0 / 75%)";
    context.strokeText(words, left, y);
    context.fillStyle = colour;
    context.fillText(words, left, y);
  }

  // ---- the pointer -----------------------------------------------------------------------

  wheel(event) {
    event.preventDefault();
    this.hooks.onActive(this.date);
    if (event.ctrlKey) {
      this.hooks.onZoom(event.deltaY < 0 ? 1.12 : 1 / 1.12);
      return;
    }
    const lines = event.deltaMode === 0 ? event.deltaY : event.deltaY * WHEEL_STEP;
    const notch = Math.abs(lines) >= 100;
    this.rolled = notch ? Math.sign(lines) * WHEEL_STEP : this.rolled + lines;
    const steps = Math.trunc(this.rolled / WHEEL_STEP);
    if (!steps) return;
    this.rolled -= steps * WHEEL_STEP;
    this.hooks.onScroll(this.date, this.plane, -steps);
  }

  /** The end of the chosen lesion's caliper under the pointer. */
  handle(event, reach = HANDLE) {
    const lesion = this.scene.chosen;
    if (!lesion || !this.scene.mayChange || !this.scene.outlines) return null;
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    for (const { name, ends } of this.axesOf(lesion, this.slice)) {
      for (const end of [0, 1]) {
        const [a, b] = this.place(ends[end]);
        if (Math.hypot(a - x, b - y) <= reach) return { axis: name, end, ends: [...ends], lesion: lesion.id };
      }
    }
    return null;
  }

  down(event) {
    this.hooks.onActive(this.date);
    this.canvas.setPointerCapture(event.pointerId);
    const start = { x: event.clientX, y: event.clientY, moved: false };
    const { scene } = this;
    if (event.button === 2) this.drag = { kind: "window", ...start };
    else if (event.button === 1 || event.shiftKey) this.drag = { kind: "pan", ...start };
    else if (event.button !== 0) return;
    else {
      const handle = scene.tool === "look" || scene.tool === "caliper" || scene.tool === "short" ? this.handle(event) : null;
      if (handle) this.drag = { kind: "handle", ...start, ...handle };
      else if (!scene.mayChange || scene.tool === "look") this.drag = { kind: "pan", ...start };
      else if (scene.tool === "window") this.drag = { kind: "window", ...start };
      else if (this.paints) {
        this.drag = { kind: "paint", ...start };
        this.paint(event);
      } else if (scene.tool === "click") this.drag = { kind: "click", ...start };
      else this.drag = { kind: "draw", ...start, ends: [this.world(event), this.world(event)] };
      if (scene.tool === "window") this.drag = { kind: "window", ...start };
    }
    this.redraw();
  }

  move(event) {
    const box = this.canvas.getBoundingClientRect();
    this.pointer = [event.clientX - box.left, event.clientY - box.top];
    const { drag } = this;
    if (!drag) {
      const near = !this.paints && this.handle(event, NEAR) !== null;
      this.canvas.style.cursor = near && this.handle(event) ? "grab" : "";
      if (this.paints || near !== this.near) this.redraw();
      this.near = near;
      return;
    }
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    if (Math.hypot(dx, dy) > 3) drag.moved = true;
    if (drag.kind === "pan" && drag.moved) {
      this.hooks.onPan(this.plane, dx / this.perColumn, dy / this.perRow);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
    } else if (drag.kind === "window") {
      this.hooks.onWindow(dx, dy);
      Object.assign(drag, { x: event.clientX, y: event.clientY });
    } else if (drag.kind === "handle") {
      drag.ends = drag.ends.map((end, n) => (n === drag.end ? this.world(event) : end));
    } else if (drag.kind === "draw") {
      drag.ends = [drag.ends[0], this.world(event)];
    } else if (drag.kind === "paint") {
      this.paint(event);
    }
    this.redraw();
  }

  up(event) {
    const { drag, scene } = this;
    this.drag = null;
    if (!drag) return;
    const at = this.world(event);
    if (drag.kind === "pan" && !drag.moved && event.button === 0) this.hooks.onPick(this.date, at);
    if (drag.kind === "handle" && drag.moved) this.hooks.onCaliper(this.date, drag.lesion, drag.axis, drag.ends);
    if (drag.kind === "draw" && drag.moved) {
      if (scene.tool === "line") this.hooks.onLine(this.date, drag.ends, between(...drag.ends));
      else this.hooks.onCaliper(this.date, scene.lesion, scene.tool === "short" ? "short" : "long", drag.ends);
    }
    if (drag.kind === "click") this.hooks.onClick(this.date, at);
    if (drag.kind === "paint") this.hooks.onPainted(this.date);
    this.redraw();
  }

  paint(event) {
    const { scene } = this;
    if (!scene.lesion) {
      this.drag = null;
      this.hooks.onNothingChosen();
      return;
    }
    const [column, row] = this.pixel(event);
    const held = scene.painting?.mask || this.date.masks.get(scene.lesion) || scene.emptyMask();
    scene.painting = {
      date: this.date,
      lesion: scene.lesion,
      mask: held.painted(this.plane, column, row, this.slice, scene.brushMm, scene.tool === "brush"),
    };
    this.hooks.onPainting();
  }
}
