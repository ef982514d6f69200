// What all viewports of a patient show together: slices, window, places, masks, what is chosen.

import * as api from "./api.js";
import { Grid, Link, PLANES, Plane, minus, plus } from "./geometry.js";
import { Mask } from "./outlines.js";
import { PET_RANGE, SUV_WINDOWS, WINDOWS, greys, warm } from "./shades.js";
import { Slices } from "./slices.js";

/** How much closer than the whole slice the first picture is: a lesion is small beside a body. */
const FIRST_ZOOM = 1.4;

export class Scene {
  /** read: the number of a signed read of a trial that is only looked at, else null. */
  constructor(patient, read, onArrival, onRefusal) {
    this.patient = patient;
    this.read = read;
    this.slices = new Slices(patient.subject, onArrival, onRefusal);
    this.onArrival = onArrival;
    this.onRefusal = onRefusal;
    this.isPetAlone = patient.dates.some(({ images }) => images.ct_is_pet);
    this.windows = this.isPetAlone ? SUV_WINDOWS : WINDOWS;
    this.window = { ...this.windows[0] };
    this.pet = false;
    this.petShare = 0.75;
    this.outlines = true;
    this.isodoses = false;
    this.linked = true;
    this.threePlanes = true;
    this.zoom = FIRST_ZOOM;
    this.tool = "look";
    this.brushMm = 5;
    this.lesion = null;
    this.mayChange = true;
    this.tables = new Map();
    this.dates = patient.dates.filter(({ images }) => images.ct).map((date) => this.dated(date));
    this.active = this.dates[this.dates.length - 1] || { date: patient.dates[patient.dates.length - 1]?.date };
  }

  dated({ date, images }) {
    const planesOf = (grid) => Object.fromEntries(PLANES.map((name) => [name, new Plane(grid, name)]));
    const grid = new Grid(images.ct);
    const pet = images.pet ? new Grid(images.pet) : null;
    return {
      date,
      grid,
      planes: planesOf(grid),
      pet,
      petPlanes: pet && planesOf(pet),
      point: grid.middle,
      centre: grid.middle,
      link: new Link(null),
      apart: [0, 0, 0], // how far the chosen lesion lies from where the link would have it, mm
      masks: new Map(),
      field: new Map(),
    };
  }

  get chosen() { return this.patient.lesions.find((lesion) => lesion.id === this.lesion) || null; }

  emptyMask() { return Mask.empty(); }

  /** Masks come after the first picture: nobody waits for them. */
  async fetchMasksOfAll() {
    await Promise.all(this.dates.map((date) => this.fetchMasks(date)));
  }

  /** Links may still have to be found, which takes seconds; until then places are as scanned. */
  async fetchLinks(onLink) {
    for (const date of this.dates) {
      const stored = await api.link(this.patient.subject, date.date);
      const places = this.dates.map(({ point }) => point);
      date.link = new Link(stored);
      this.dates.forEach((other, n) => { other.apart = minus(places[n], other.link.from(this.dates[0].link.to(places[0]))); });
      onLink(date);
    }
  }

  async fetchMasks(date) {
    const { subject } = this.patient;
    const { lesions } = await (this.read ? api.masksOfRead(subject, this.read, date.date) : api.masks(subject, date.date));
    date.masks = new Map(lesions.map((lesion) => [lesion.id, Mask.unpacked(lesion)]));
    this.onArrival(date.date);
  }

  /** Isodoses and target volumes of an axial slice; empty until they have come. */
  fieldOf(date, n) {
    if (!date.field.has(n)) {
      date.field.set(n, []);
      api.field(this.patient.subject, date.date, n).then(
        ({ overlays }) => { date.field.set(n, overlays.filter(({ lines }) => lines.length)); this.onArrival(date.date); },
        (refusal) => this.onRefusal(refusal),
      );
    }
    return date.field.get(n);
  }

  /** CSS pixels per mm: the widest date fills the viewport, so all dates have one scale. */
  scale(plane, width, height) {
    const fits = this.dates.map(({ planes }) => {
      const shown = planes[plane];
      const { spacing } = shown.grid;
      return Math.min(width / (shown.columns * spacing[shown.column]), height / (shown.rows * spacing[shown.row]));
    });
    return Math.min(...fits) * this.zoom;
  }

  greys(step) { return this.table(`ct ${step} ${this.window.centre} ${this.window.width}`, () => greys(step, this.window)); }

  warm(step) { return this.table(`pet ${step}`, () => warm(step, PET_RANGE)); }

  table(key, make) {
    if (!this.tables.has(key)) {
      if (this.tables.size > 8) this.tables.delete(this.tables.keys().next().value);
      this.tables.set(key, make());
    }
    return this.tables.get(key);
  }

  /** Go some slices on; the other dates go to the slice that shows the same place. */
  scroll(date, plane, steps) {
    const index = date.grid.toVoxel(date.point);
    const n = Math.min(Math.max(Math.round(index[plane.normal]) + steps, 0), plane.count - 1);
    index[plane.normal] = n;
    date.point = date.grid.toWorld(index);
    if (this.linked) this.follow(date, plane);
  }

  follow(date, plane) {
    const first = date.link.to(minus(date.point, date.apart));
    for (const other of this.dates) {
      if (other === date) continue;
      const there = plus(other.link.from(first), other.apart);
      const shown = other.planes[plane.name];
      const index = other.grid.toVoxel(other.point);
      index[shown.normal] = other.grid.toVoxel(there)[shown.normal];
      other.point = other.grid.toWorld(index);
    }
  }

  /** Bring a place of one date to the middle of all. */
  goTo(date, world) {
    this.pointTo(date, world);
    for (const other of this.dates) if (other === date || this.linked) other.centre = other.point;
  }

  /**
   * Bring a lesion to the middle of all dates. Where it was found itself is better than where the
   * link would have it, and from there on the dates are scrolled side by side.
   */
  goToLesion(date, places) {
    const found = this.dates.map((other) => places.get(other));
    const start = places.has(date) ? date : this.dates.find((other) => places.has(other));
    if (!start) return;
    for (const other of this.dates) other.apart = [0, 0, 0];
    this.goTo(start, places.get(start));
    const first = start.link.to(places.get(start));
    this.dates.forEach((other, n) => {
      other.apart = found[n] ? minus(found[n], other.link.from(first)) : [0, 0, 0];
      if (found[n] && this.linked) Object.assign(other, { point: found[n], centre: found[n] });
    });
  }

  /** Set the crossing of the planes without moving the pictures. */
  pointTo(date, world) {
    const first = date.link.to(minus(world, date.apart));
    for (const other of this.dates) {
      if (other !== date && !this.linked) continue;
      other.point = other === date ? world : plus(other.link.from(first), other.apart);
    }
  }

  pan(plane, columns, rows) {
    const move = [0, 0, 0];
    move[plane.column] = columns;
    move[plane.row] = rows;
    const origin = plane.grid.toWorld([0, 0, 0]);
    const shift = plane.grid.toWorld(move).map((x, n) => x - origin[n]);
    for (const date of this.dates) date.centre = date.centre.map((x, n) => x - shift[n]);
  }

  /** The lesion whose outline holds a point, or whose caliper is nearest within a small reach. */
  lesionAt(date, world) {
    const index = date.grid.toVoxel(world).map(Math.round);
    const held = this.patient.lesions.filter((lesion) => date.masks.get(lesion.id)?.at(...index));
    return held.find((lesion) => lesion.id !== this.lesion) || held[0] || null;
  }
}
