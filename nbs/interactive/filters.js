// Filters of pictures as Pillow, SciPy and scikit-image compute them. A picture is { values, width, height }, its values
// in one array, row by row; a mask is one of 0 and 1.

export const round = (x) => { // to the even neighbour from the middle, as Python does
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
};
export function sum(values) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i];
  return total;
}
export const like = ({ width, height }, values) => ({ values, width, height });

export function maskOf(picture, test) { // 1 where `test(value, place)` holds; a plain loop, for it is called most
  const { values } = picture, made = new Uint8Array(values.length);
  for (let i = 0; i < made.length; i++) if (test(values[i], i)) made[i] = 1;
  return like(picture, made);
}

export const count = ({ values }) => sum(values); // of the pixels of a mask

export function where(values, mask) {
  const made = new values.constructor(count(mask));
  for (let i = 0, to = 0; i < values.length; i++) if (mask.values[i]) made[to++] = values[i];
  return made;
}

export function transposed({ values, width, height }) {
  const made = new values.constructor(values.length);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) made[x * height + y] = values[y * width + x];
  return { values: made, width: height, height: width };
}

export function padded({ values, width, height }, right, down = right, value = 0) {
  const made = { width: width + 2 * right, height: height + 2 * down };
  made.values = new values.constructor(made.width * made.height).fill(value);
  for (let y = 0; y < height; y++) made.values.set(values.subarray(y * width, (y + 1) * width), (y + down) * made.width + right);
  return made;
}

export function cropped({ values, width }, left, top, newWidth, newHeight) {
  const made = new values.constructor(newWidth * newHeight);
  for (let y = 0; y < newHeight; y++) {
    const from = (top + y) * width + left;
    made.set(values.subarray(from, from + newWidth), y * newWidth);
  }
  return { values: made, width: newWidth, height: newHeight };
}

// The rows and the columns of a mask that have anything.
export function filled({ values, width, height }) {
  const rows = new Uint8Array(height), columns = new Uint8Array(width);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) if (values[i]) rows[y] = columns[x] = 1;
  const places = (flags) => [...flags.keys()].filter((i) => flags[i]);
  return { rows: places(rows), columns: places(columns) };
}

export function chosen({ values, width }, { rows, columns }) { // only those
  const made = new values.constructor(rows.length * columns.length);
  let to = 0;
  for (const row of rows) for (const column of columns) made[to++] = values[row * width + column];
  return { values: made, width: columns.length, height: rows.length };
}

const inOrder = (values) => new Float32Array(values).sort();

export function median(values) { // of float32 values, as numpy.median
  const sorted = inOrder(values), half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : Math.fround((sorted[half - 1] + sorted[half]) / 2);
}

export function percentile(values, percent) {
  const sorted = inOrder(values), at = (sorted.length - 1) * (percent / 100), i = Math.floor(at), t = at - i;
  const [a, b] = [sorted[i], sorted[Math.min(i + 1, sorted.length - 1)]], step = Math.fround(b - a);
  return t < 0.5 ? a + step * t : b - step * (1 - t);
}

// ---- Pillow

export const BOX = { reach: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
export const BICUBIC = { reach: 2, weight: (x) => {
  const d = Math.abs(x);
  return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? -0.5 * (((d - 5) * d + 8) * d - 4) : 0;
} };

// What each of `size` new pixels is made of: the first of the `n` old ones, and their weights.
export function shares(n, size, { reach, weight }) {
  const scale = n / size, wide = Math.max(scale, 1), support = reach * wide;
  return Array.from({ length: size }, (_, i) => {
    const centre = (i + 0.5) * scale, from = Math.max(0, Math.trunc(centre - support + 0.5)), to = Math.min(n, Math.trunc(centre + support + 0.5));
    const raw = Array.from({ length: to - from }, (_, j) => weight((j + from - centre + 0.5) / wide)), total = sum(raw);
    return { from, weights: raw.map((w) => w / total) };
  });
}

export function resize({ values, width, height }, newWidth, newHeight, filter = BOX) { // rows, then columns
  const narrow = new Float32Array(newWidth * height), output = new Float32Array(newWidth * newHeight);
  shares(width, newWidth, filter).forEach(({ from, weights }, x) => {
    for (let y = 0; y < height; y++) {
      let v = 0;
      for (let j = 0; j < weights.length; j++) v += values[y * width + from + j] * weights[j];
      narrow[y * newWidth + x] = v;
    }
  });
  shares(height, newHeight, filter).forEach(({ from, weights }, y) => {
    for (let x = 0; x < newWidth; x++) {
      let v = 0;
      for (let j = 0; j < weights.length; j++) v += narrow[(from + j) * newWidth + x] * weights[j];
      output[y * newWidth + x] = v;
    }
  });
  return { values: output, width: newWidth, height: newHeight };
}

export function nearest({ values, width, height }, newWidth, newHeight) {
  const places = (n, size) => { // by adding, as Pillow does
    let at = n / size / 2;
    return Array.from({ length: size }, () => { const place = Math.floor(at); at += n / size; return Math.min(place, n - 1); });
  };
  const columns = places(width, newWidth), rows = places(height, newHeight);
  return chosen({ values, width }, { rows, columns });
}

// A convex polygon of whole pixels, its edges included.
export function polygon(corners, { width, height }) {
  const values = new Uint8Array(width * height), rows = corners.map(([, y]) => y);
  for (let y = Math.min(...rows); y <= Math.max(...rows); y++) {
    const crossings = [];
    corners.forEach(([x, v], i) => {
      const [x1, v1] = corners[(i + 1) % corners.length];
      if (v === v1) { if (v === y) crossings.push(x, x1); }
      else if (y >= Math.min(v, v1) && y <= Math.max(v, v1)) crossings.push(Math.fround((y - v) * Math.fround((x1 - x) / (v1 - v)) + x));
    });
    values.fill(1, y * width + Math.floor(Math.min(...crossings) + 0.5), y * width + Math.ceil(Math.max(...crossings) - 0.5) + 1);
  }
  return { values, width, height };
}

// Of a new picture each pixel's place in the old one: (a·x + b·y + c) / (g·x + h·y + 1), (d·x + e·y + f) / (…).
export const placeIn = ([a, b, c, d, e, f, g, h], x, y) => [(a * x + b * y + c) / (g * x + h * y + 1), (d * x + e * y + f) / (g * x + h * y + 1)];

export function perspective({ values, width, height }, newWidth, newHeight, transform) {
  const made = new Float32Array(newWidth * newHeight), inside = (i, n) => Math.min(Math.max(i, 0), n - 1);
  for (let row = 0, to = 0; row < newHeight; row++) {
    for (let column = 0; column < newWidth; column++, to++) {
      const [u, v] = placeIn(transform, column + 0.5, row + 0.5);
      if (!(u >= 0 && u < width && v >= 0 && v < height)) continue; // nothing is there
      const x = Math.floor(u - 0.5), y = Math.floor(v - 0.5), right = u - 0.5 - x, down = v - 0.5 - y;
      const left = inside(x, width), next = inside(x + 1, width);
      const along = (line) => values[line * width + left] + Math.fround(values[line * width + next] - values[line * width + left]) * right;
      const above = along(inside(y, height)), below = y + 1 < height ? along(y + 1) : above;
      made[to] = above + (below - above) * down;
    }
  }
  return { values: made, width: newWidth, height: newHeight };
}

// ---- SciPy

export function gaussian({ values, width, height }, sigma = 1, edge = "reflect") { // columns, then rows
  const reach = Math.floor(4 * sigma + 0.5), raw = Array.from({ length: reach + 1 }, (_, j) => Math.exp(-0.5 / (sigma * sigma) * j * j));
  const total = raw.reduce((a, v, j) => a + (j ? 2 * v : v), 0), kernel = raw.map((v) => v / total);
  const outside = (i, n) => {
    if (edge === "nearest") return Math.min(Math.max(i, 0), n - 1);
    const j = ((i % (2 * n)) + 2 * n) % (2 * n);
    return j < n ? j : 2 * n - 1 - j;
  };
  const along = (from, n, step, lines, next) => {
    const made = new Float32Array(from.length), line = new Float32Array(n + 2 * reach);
    for (let k = 0; k < lines; k++) {
      for (let i = -reach; i < n + reach; i++) line[i + reach] = from[k * next + (i >= 0 && i < n ? i : outside(i, n)) * step];
      for (let i = 0; i < n; i++) {
        let v = line[i + reach] * kernel[0];
        for (let j = reach; j > 0; j--) v += (line[i + reach - j] + line[i + reach + j]) * kernel[j];
        made[k * next + i * step] = v;
      }
    }
    return made;
  };
  return { values: along(along(values, height, width, width, 1), width, 1, height, width), width, height };
}

// Fills the piece of a mask that has the place `first`, with `number`; its outermost pixels must be 0. Returns how many.
function fill(mask, labels, first, number, steps, waiting) {
  let size = 1;
  labels[waiting[0] = first] = number;
  for (let left = 1; left;) {
    const from = waiting[--left];
    for (let k = 0; k < steps.length; k++) {
      const i = from + steps[k];
      if (!mask[i] || labels[i]) continue;
      labels[i] = number;
      waiting[left++] = i;
      size++;
    }
  }
  return size;
}

// Numbers for the pieces of a mask, from 1, in the order of their first pixels; 0 is what is not in it. And their sizes.
export function label({ values, width, height }, corners = false) { // whether pixels may touch by their corners
  const wide = width + 2, edged = padded({ values, width, height }, 1).values, all = new Int32Array(edged.length), waiting = new Int32Array(edged.length);
  const steps = [-1, 1, -wide, wide, ...(corners ? [-wide - 1, -wide + 1, wide - 1, wide + 1] : [])], sizes = [0];
  for (let first = 0; first < all.length; first++) {
    if (edged[first] && !all[first]) sizes.push(fill(edged, all, first, sizes.length, steps, waiting));
  }
  return { labels: cropped({ values: all, width: wide }, 1, 1, width, height).values, sizes };
}

// The largest piece of a mask, its holes filled.
export function largestPiece(mask) {
  const { labels, sizes } = label(mask), most = largest(sizes), { width, height } = mask, wide = width + 4;
  const rest = padded(like(mask, new Uint8Array(labels.length)), 1, 1, 1), edged = padded(rest, 1), outside = new Uint8Array(edged.values.length);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) edged.values[(y + 2) * wide + x + 2] = labels[i] === most ? 0 : 1;
  fill(edged.values, outside, wide + 1, 1, [-1, 1, -wide, wide], new Int32Array(outside.length));
  const made = cropped({ values: outside, width: wide }, 2, 2, width, height);
  for (let i = 0; i < made.values.length; i++) made.values[i] ^= 1;
  return made;
}

export function counted({ labels, sizes }, mask) { // how many pixels of a mask have each label
  const counts = new Float64Array(sizes.length);
  for (let i = 0; i < labels.length; i++) if (mask[i]) counts[labels[i]]++;
  return counts;
}

export function limits(values) {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return [low, high];
}

export const largest = (values) => values.indexOf(limits(values)[1]); // the first one

// The square of each pixel's distance from the nearest one outside of the mask; Infinity where that is beyond `limit`.
export function distances({ values, width, height }, limit = width + height) {
  const upright = new Float64Array(values.length).fill(Infinity), made = new Float64Array(values.length);
  for (let x = 0; x < width; x++) {
    for (const [start, step] of [[0, 1], [height - 1, -1]]) {
      for (let y = start, far = Infinity; y >= 0 && y < height; y += step) {
        far = values[y * width + x] ? far + 1 : 0;
        upright[y * width + x] = Math.min(upright[y * width + x], far);
      }
    }
  }
  for (let y = 0; y < height; y++) {
    const row = upright.subarray(y * width, (y + 1) * width);
    for (let x = 0; x < width; x++) {
      let best = row[x] * row[x];
      for (let far = 1; far <= limit && far * far < best; far++) {
        if (x >= far) best = Math.min(best, far * far + row[x - far] * row[x - far]);
        if (x + far < width) best = Math.min(best, far * far + row[x + far] * row[x + far]);
      }
      made[y * width + x] = best;
    }
  }
  return made;
}

export const dilated = (mask, radius) => { // and all that is as near as that
  const far = distances(maskOf(mask, (v) => !v), radius);
  return maskOf(mask, (_, i) => Math.sqrt(far[i]) <= radius);
};

// How many pixels of a mask are in a window of `n`, an odd number, about each pixel of its row, or of its column.
export function windowed({ values, width, height }, n, upright = false) {
  const [length, step, lines, next] = upright ? [height, width, width, 1] : [width, 1, height, width];
  const counts = new Int32Array(values.length), half = n >> 1;
  for (let k = 0; k < lines; k++) {
    let seen = 0;
    for (let i = -half; i < length; i++) {
      if (i + half < length) seen += values[k * next + (i + half) * step];
      if (i - half - 1 >= 0) seen -= values[k * next + (i - half - 1) * step];
      if (i >= 0) counts[k * next + i * step] = seen;
    }
  }
  return counts;
}

export const widened = (mask, n, upright = true) => { // the largest value in the window
  const counts = windowed(mask, n, upright);
  return maskOf(mask, (_, i) => counts[i]);
};

export function opened(mask, least) { // the pixels in columns of at least so many
  const n = least | 1, counts = windowed(mask, n, true);
  return widened(maskOf(mask, (_, i) => counts[i] === n), n);
}

export function darkest({ values, width, height }, n) { // in a square window
  const along = (from, length, step) => {
    const made = new Float32Array(from.length);
    for (let i = 0; i < made.length; i++) {
      const at = Math.floor(i / step) % length, low = Math.max(at - (n >> 1), 0), high = Math.min(at - (n >> 1) + n, length);
      let least = Infinity;
      for (let j = i + (low - at) * step; j < i + (high - at) * step; j += step) if (from[j] < least) least = from[j];
      made[i] = least;
    }
    return made;
  };
  return { values: along(along(values, height, width), width, 1), width, height };
}

// ---- scikit-image

export function otsu(values) { // in the precision in which it is computed there
  const f = Math.fround, n = 256, [low, high] = limits(values);
  if (low === high) return low;
  const step = f(f(high - low) / n), edges = Float32Array.from({ length: n + 1 }, (_, i) => (i < n ? f(f(i * step) + low) : high));
  const counts = new Float32Array(n), centres = edges.slice(1).map((edge, i) => f(edges[i] + edge) / 2);
  for (let k = 0; k < values.length; k++) {
    const v = values[k];
    let i = Math.min(Math.trunc((v - low) / (high - low) * n), n - 1);
    if (v < edges[i]) i--;
    else if (i < n - 1 && v >= edges[i + 1]) i++;
    counts[i]++;
  }
  const running = (list) => { let total = 0; return list.map((v) => { total = f(total + v); return total; }); };
  const back = (list) => list.slice().reverse(), products = counts.map((c, i) => c * centres[i]);
  const below = running(counts), above = back(running(back(counts)));
  const meanBelow = running(products).map((v, i) => v / below[i]), meanAbove = back(running(back(products))).map((v, i) => v / above[i]);
  const between = Float32Array.from({ length: n - 1 }, (_, i) => {
    const apart = f(meanBelow[i] - meanAbove[i + 1]);
    return f(f(below[i] * above[i + 1]) * f(apart * apart));
  });
  return centres[largest(between)];
}

// Pieces above the threshold `low` that have a pixel above `high`.
export function hysteresis(picture, low, high) {
  const mask = maskOf(picture, (v) => v > Math.min(low, high)), { labels, sizes } = label(mask), sure = new Uint8Array(sizes.length);
  for (let i = 0; i < labels.length; i++) if (picture.values[i] > high) sure[labels[i]] = 1;
  sure[0] = 0;
  return maskOf(mask, (_, i) => sure[labels[i]]);
}
