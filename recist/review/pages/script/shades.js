// From stored numbers to grey and colour. The stored numbers stay as they are.

/** Windows of CT in HU: centre and width as reading rooms use them. */
export const WINDOWS = [
  { name: "Soft tissue", key: "1", centre: 40, width: 400 },
  { name: "Lung", key: "2", centre: -600, width: 1500 },
  { name: "Liver", key: "3", centre: 70, width: 160 },
  { name: "Bone", key: "4", centre: 400, width: 1800 },
  { name: "Brain", key: "5", centre: 40, width: 80 },
];

/** Windows of a PET that is the picture itself, in SUV: dark is uptake, as PET is read. */
export const SUV_WINDOWS = [5, 10, 20].map((high, n) => (
  { name: `SUV 0 to ${high}`, key: String(n + 1), centre: high / 2, width: high, inverted: true }));

/** SUV at which the colours of PET begin and end. */
export const PET_RANGE = { low: 0.8, high: 8 };

const LEVELS = 65536;

/** A table from every 16-bit number to an RGBA pixel. */
function table(step, colour) {
  const shades = new Uint32Array(LEVELS);
  for (let n = 0; n < LEVELS; n += 1) {
    const [r, g, b, a] = colour((n < 32768 ? n : n - LEVELS) * step);
    shades[n] = ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;
  }
  return shades;
}

export function greys(step, { centre, width, inverted = false }) {
  return table(step, (value) => {
    const bright = Math.max(0, Math.min(255, Math.round(((value - centre) / width + 0.5) * 255)));
    const grey = inverted ? 255 - bright : bright;
    return [grey, grey, grey, 255];
  });
}

/** Black over red and yellow to white, see-through where there is little uptake. */
export function warm(step, { low, high }) {
  return table(step, (value) => {
    const t = Math.max(0, Math.min(1, (value - low) / (high - low)));
    const ramp = (from, to) => Math.round(255 * Math.max(0, Math.min(1, (t - from) / (to - from))));
    return [ramp(0, 0.38), ramp(0.3, 0.78), ramp(0.72, 1), Math.round(235 * Math.min(1, t * 3.2))];
  });
}

/** A picture of a slice in its own pixels. */
export function picture(slice, columns, rows, shades) {
  const canvas = new OffscreenCanvas(columns, rows);
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const target = new Uint32Array(image.data.buffer);
  const source = new Uint16Array(slice.pixels.buffer);
  for (let n = 0; n < target.length; n += 1) target[n] = shades[source[n]];
  context.putImageData(image, 0, 0);
  return canvas;
}
