// Slices of all dates: asked for as they are looked at, the neighbours ahead, the oldest forgotten.

import * as api from "./api.js";

/** So much is kept in the page; about 700 slices of 512 x 512. */
const KEPT_BYTES = 384 * 1024 * 1024;
const AT_ONCE = 4;
/** So many slices each way are fetched before they are asked for; the planes across are scrolled less. */
const AHEAD = { axial: 12, coronal: 3, sagittal: 3 };

export class Slices {
  /** onArrival is called when a slice that was looked at has come. */
  constructor(subject, onArrival, onRefusal) {
    this.subject = subject;
    this.onArrival = onArrival;
    this.onRefusal = onRefusal;
    this.kept = new Map(); // key -> slice, the latest used last
    this.bytes = 0;
    this.waiting = new Map(); // key -> what to fetch; looked at first, then neighbours
    this.running = new Set();
  }

  static key(date, modality, plane, n) { return `${date}/${modality}/${plane}/${n}`; }

  /** The slice if it is here; else it is asked for, before everything that is only foreseen. */
  get(date, modality, plane, n) {
    const key = Slices.key(date, modality, plane, n);
    const found = this.kept.get(key);
    if (found) {
      this.kept.delete(key);
      this.kept.set(key, found);
      return found;
    }
    if (!this.running.has(key)) {
      this.forget(date, modality, plane, true); // passed by before it came
      this.waiting = new Map([[key, { date, modality, plane, n, seen: true }], ...this.waiting]);
      this.next();
    }
    return null;
  }

  /** Ask for the neighbours of a slice, the nearest first. */
  foresee(date, modality, plane, n, count) {
    this.forget(date, modality, plane, false);
    for (let step = 1; step <= AHEAD[plane]; step += 1) {
      for (const near of [n + step, n - step]) {
        const key = Slices.key(date, modality, plane, near);
        if (near < 0 || near >= count || this.kept.has(key) || this.running.has(key) || this.waiting.has(key)) continue;
        this.waiting.set(key, { date, modality, plane, n: near, seen: false });
      }
    }
    this.next();
  }

  forget(date, modality, plane, seen) {
    for (const [key, wanted] of this.waiting) {
      if (wanted.date === date && wanted.modality === modality && wanted.plane === plane && wanted.seen === seen) this.waiting.delete(key);
    }
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.size) {
      const [key, wanted] = this.waiting.entries().next().value;
      this.waiting.delete(key);
      this.running.add(key);
      this.fetch(key, wanted);
    }
  }

  async fetch(key, { date, modality, plane, n }) {
    try {
      const slice = await api.slice(this.subject, date, modality, plane, n);
      this.kept.set(key, slice);
      this.bytes += slice.pixels.byteLength;
      for (const [old, held] of this.kept) {
        if (this.bytes <= KEPT_BYTES || old === key) break;
        this.kept.delete(old);
        this.bytes -= held.pixels.byteLength;
      }
      this.onArrival(date);
    } catch (refusal) {
      this.onRefusal(refusal);
    } finally {
      this.running.delete(key);
      this.next();
    }
  }
}
