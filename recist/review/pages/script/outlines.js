// Masks of lesions as boxes of voxels, and their outlines on any plane.

/** A lesion's mask: a box of bytes (0, 1) on the grid of its CT. */
export class Mask {
  constructor(start, shape, bytes) {
    this.start = start;
    this.shape = shape;
    this.bytes = bytes;
    this.paths = new Map();
  }

  /** From what the server sends: bits, the last axis fastest, eight to a byte. */
  static unpacked({ start, shape, bits }) {
    const packed = Uint8Array.from(atob(bits), (letter) => letter.charCodeAt(0));
    const bytes = new Uint8Array(shape[0] * shape[1] * shape[2]);
    for (let n = 0; n < bytes.length; n += 1) bytes[n] = (packed[n >> 3] >> (7 - (n & 7))) & 1;
    return new Mask(start, shape, bytes);
  }

  static empty() { return new Mask([0, 0, 0], [0, 0, 0], new Uint8Array(0)); }

  packed() {
    const packed = new Uint8Array(Math.ceil(this.bytes.length / 8));
    for (let n = 0; n < this.bytes.length; n += 1) if (this.bytes[n]) packed[n >> 3] |= 128 >> (n & 7);
    let letters = "";
    for (let n = 0; n < packed.length; n += 4096) letters += String.fromCharCode(...packed.subarray(n, n + 4096));
    return { start: this.start, shape: this.shape, bits: btoa(letters) };
  }

  at(i, j, k) {
    const a = i - this.start[0], b = j - this.start[1], c = k - this.start[2];
    const [x, y, z] = this.shape;
    return a >= 0 && b >= 0 && c >= 0 && a < x && b < y && c < z && this.bytes[(a * y + b) * z + c] === 1;
  }

  get voxels() { return this.bytes.reduce((sum, byte) => sum + byte, 0); }

  reaches(axis, n) { return n >= this.start[axis] && n < this.start[axis] + this.shape[axis]; }

  /** The same mask in a box that also holds the given one. */
  grown(low, high) {
    const none = this.bytes.length === 0;
    const start = low.map((n, a) => (none ? n : Math.min(n, this.start[a])));
    const stop = high.map((n, a) => (none ? n + 1 : Math.max(n + 1, this.start[a] + this.shape[a])));
    const shape = start.map((n, a) => stop[a] - n);
    const bytes = new Uint8Array(shape[0] * shape[1] * shape[2]);
    for (let i = 0; i < this.shape[0]; i += 1) {
      for (let j = 0; j < this.shape[1]; j += 1) {
        const from = (i * this.shape[1] + j) * this.shape[2];
        const to = ((i + this.start[0] - start[0]) * shape[1] + (j + this.start[1] - start[1])) * shape[2] + this.start[2] - start[2];
        bytes.set(this.bytes.subarray(from, from + this.shape[2]), to);
      }
    }
    return new Mask(start, shape, bytes);
  }

  /** A disc on one slice set or cleared, round in mm. */
  painted(plane, column, row, n, radiusMm, value) {
    const { spacing, shape } = plane.grid;
    const reach = [radiusMm / spacing[plane.column], radiusMm / spacing[plane.row]];
    const low = plane.index(Math.ceil(column - reach[0]), Math.ceil(row - reach[1]), n).map((x) => Math.max(x, 0));
    const high = plane.index(Math.floor(column + reach[0]), Math.floor(row + reach[1]), n).map((x, a) => Math.min(x, shape[a] - 1));
    if (low.some((x, a) => x > high[a])) return this;
    const mask = value ? this.grown(low, high) : new Mask(this.start, this.shape, this.bytes.slice());
    for (let r = low[plane.row]; r <= high[plane.row]; r += 1) {
      for (let c = low[plane.column]; c <= high[plane.column]; c += 1) {
        if (((c - column) / reach[0]) ** 2 + ((r - row) / reach[1]) ** 2 > 1) continue;
        const place = plane.index(c, r, n).map((x, a) => x - mask.start[a]);
        if (place.some((x, a) => x < 0 || x >= mask.shape[a])) continue;
        mask.bytes[(place[0] * mask.shape[1] + place[1]) * mask.shape[2] + place[2]] = value ? 1 : 0;
      }
    }
    return mask;
  }

  /** The outline on a slice in pixels of its plane, midway between voxels inside and outside. */
  outline(plane, n) {
    const key = `${plane.name}/${n}`;
    if (!this.paths.has(key)) this.paths.set(key, this.reaches(plane.normal, n) ? this.traced(plane, n) : null);
    return this.paths.get(key);
  }

  traced(plane, n) {
    const path = new Path2D();
    const [c0, r0] = [this.start[plane.column] - 1, this.start[plane.row] - 1];
    const [c1, r1] = [c0 + this.shape[plane.column] + 1, r0 + this.shape[plane.row] + 1];
    const inside = (c, r) => this.at(...plane.index(c, r, n));
    let drawn = false;
    for (let r = r0; r < r1; r += 1) {
      for (let c = c0; c < c1; c += 1) {
        const corners = (inside(c, r) ? 1 : 0) | (inside(c + 1, r) ? 2 : 0) | (inside(c + 1, r + 1) ? 4 : 0) | (inside(c, r + 1) ? 8 : 0);
        if (corners === 0 || corners === 15) continue;
        drawn = true;
        const top = [c + 0.5, r], right = [c + 1, r + 0.5], bottom = [c + 0.5, r + 1], left = [c, r + 0.5];
        for (const [from, to] of CELLS[corners](top, right, bottom, left)) {
          path.moveTo(...from);
          path.lineTo(...to);
        }
      }
    }
    return drawn ? path : null;
  }
}

/** Marching squares: the lines through a cell by which of its corners lie inside. */
const CELLS = {
  1: (t, r, b, l) => [[l, t]],
  2: (t, r) => [[t, r]],
  3: (t, r, b, l) => [[l, r]],
  4: (t, r, b) => [[r, b]],
  5: (t, r, b, l) => [[l, t], [r, b]],
  6: (t, r, b) => [[t, b]],
  7: (t, r, b, l) => [[l, b]],
  8: (t, r, b, l) => [[l, b]],
  9: (t, r, b) => [[t, b]],
  10: (t, r, b, l) => [[t, r], [l, b]],
  11: (t, r, b) => [[r, b]],
  12: (t, r, b, l) => [[l, r]],
  13: (t, r) => [[t, r]],
  14: (t, r, b, l) => [[l, t]],
};
