// Where voxels lie: indices (i, j, k) and patient space, LPS in mm. Only for drawing.

export const PLANES = ["axial", "coronal", "sagittal"];

/** Axis of the voxels that runs along the columns, the rows and the slices of each plane. */
const AXES = { axial: [0, 1, 2], coronal: [0, 2, 1], sagittal: [1, 2, 0] };

/** Which way of each LPS axis is drawn to the right or downwards; true where it is as it counts. */
const DRAWN = { axial: [[0, 1], [1, 1]], coronal: [[0, 1], [2, -1]], sagittal: [[1, 1], [2, -1]] };

const ENDS = [["R", "L"], ["A", "P"], ["F", "H"]];

export function moved(matrix, point) {
  return [0, 1, 2].map((row) => matrix[row][0] * point[0] + matrix[row][1] * point[1] + matrix[row][2] * point[2] + matrix[row][3]);
}

/** The inverse of an affine matrix of 4 x 4. */
export function inverse(m) {
  const [[a, b, c, t], [d, e, f, u], [g, h, i, v]] = m;
  const A = e * i - f * h, B = f * g - d * i, C = d * h - e * g;
  const det = a * A + b * B + c * C;
  const r = [
    [A / det, (c * h - b * i) / det, (b * f - c * e) / det],
    [B / det, (a * i - c * g) / det, (c * d - a * f) / det],
    [C / det, (b * g - a * h) / det, (a * e - b * d) / det],
  ];
  return [...r.map((row) => [...row, -(row[0] * t + row[1] * u + row[2] * v)]), [0, 0, 0, 1]];
}

/** A grid of voxels with both of its ways. */
export class Grid {
  constructor({ shape, affine }) {
    this.shape = shape;
    this.affine = affine;
    this.back = inverse(affine);
    this.spacing = [0, 1, 2].map((axis) => Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]));
  }

  toWorld(index) { return moved(this.affine, index); }

  toVoxel(world) { return moved(this.back, world); }

  get middle() { return this.toWorld(this.shape.map((n) => (n - 1) / 2)); }
}

/** One plane of a grid: which voxel axes it shows, and which of them are turned for display. */
export class Plane {
  constructor(grid, name) {
    this.grid = grid;
    this.name = name;
    [this.column, this.row, this.normal] = AXES[name];
    this.columns = grid.shape[this.column];
    this.rows = grid.shape[this.row];
    this.count = grid.shape[this.normal];
    const [[toRight, right], [toBottom, bottom]] = DRAWN[name];
    this.turnColumn = Math.sign(grid.affine[toRight][this.column] || 1) * right;
    this.turnRow = Math.sign(grid.affine[toBottom][this.row] || 1) * bottom;
    const letters = (axis, turn) => (turn > 0 ? ENDS[axis] : [...ENDS[axis]].reverse());
    this.left = letters(toRight, right)[0];
    this.right = letters(toRight, right)[1];
    this.top = letters(toBottom, bottom)[0];
    this.bottom = letters(toBottom, bottom)[1];
  }

  /** The slice that holds a point, within the grid. */
  sliceAt(world) {
    const n = Math.round(this.grid.toVoxel(world)[this.normal]);
    return Math.min(Math.max(n, 0), this.count - 1);
  }

  /** The index of a pixel of a slice. */
  index(column, row, n) {
    const index = [0, 0, 0];
    index[this.column] = column;
    index[this.row] = row;
    index[this.normal] = n;
    return index;
  }
}

/** How points of the first date lie at another: shifts on a coarse lattice, in between by weights. */
export class Link {
  constructor(stored) {
    this.stored = stored;
    if (!stored) return;
    const bytes = Uint8Array.from(atob(stored.shift_mm), (letter) => letter.charCodeAt(0));
    this.shift = new Float32Array(bytes.buffer);
  }

  from(first) {
    const { stored } = this;
    if (!stored) return first;
    const at = [0, 1, 2].map((a) => {
      const x = (first[a] - stored.origin_mm[a]) / stored.spacing_mm[a];
      return Math.min(Math.max(x, 0), stored.shape[a] - 1);
    });
    const low = at.map((x, a) => Math.min(Math.floor(x), Math.max(stored.shape[a] - 2, 0)));
    const result = [...first];
    for (let corner = 0; corner < 8; corner += 1) {
      let weight = 1;
      const index = low.map((n, a) => {
        const up = (corner >> a) & 1;
        weight *= up ? at[a] - n : 1 - (at[a] - n);
        return Math.min(n + up, stored.shape[a] - 1);
      });
      if (!weight) continue;
      const place = ((index[0] * stored.shape[1] + index[1]) * stored.shape[2] + index[2]) * 3;
      for (let a = 0; a < 3; a += 1) result[a] += weight * this.shift[place + a];
    }
    return result;
  }

  /** Back to the first date, by steps that shrink because a body does not fold. */
  to(other) {
    if (!this.stored) return other;
    let first = [...other];
    for (let step = 0; step < 20; step += 1) {
      const there = this.from(first);
      first = first.map((x, a) => x + 0.7 * (other[a] - there[a]));
    }
    return first;
  }
}

export function plus(a, b) { return a.map((x, n) => x + b[n]); }

export function minus(a, b) { return a.map((x, n) => x - b[n]); }

export function between(a, b) { return a.map((x, n) => (x + b[n]) / 2); }
