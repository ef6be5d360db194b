// From a photo to what MNIST is: `prepare_digit` of Chapter 9, step by step, with the same numbers.

import { BICUBIC, chosen, count, counted, cropped, darkest, dilated, distances, filled, gaussian, hysteresis, label, largest, largestPiece, like, maskOf, median, nearest, opened, otsu, padded, percentile, perspective, placeIn, polygon, resize, round, sum, transposed, where, widened, windowed } from "./filters.js";
import { centreMass, fitBox } from "./prepare.js";

const WINDOW = 0.8, GRID = 24;
const TILT = 0.16, THIN = 0.045, LONG = 0.5, APART = 0.02, ON_LINES = 0.6, EDGE = 0.02, COVERED = [0.4, 0.85];
const WEAK = 0.5, FAINT = 0.15, SHADE = 0.1, DUST = 5, SPECK = 0.02, REACH = 0.1, BESIDE = 0.1, PEN = [0.06, 0.2];
const LEVELS = 14, SHEET = [0.1, 0.99], LENGTH = 0.35, FITS = 0.93, SLANT = 0.35, JUMP = 15;
const FULL = 0.35, WIDE = 1.9, SMALL = 0.03, NEAR = 0.06, SOFT = [10, 2.8];

const f = Math.fround, clip = (v, low, high) => Math.min(Math.max(v, low), high);
const any = ({ values }) => values.includes(1), mean = (values) => sum(values) / values.length;
const line = (from, to, n) => Array.from({ length: n }, (_, i) => (i < n - 1 ? i * ((to - from) / (n - 1)) + from : to));

// ---- the ink

export function findInk(grey) { // 0 where there is paper, towards 1 for ink
  const { values: points } = resize(grey, GRID, GRID), half = Math.trunc(WINDOW * GRID) >> 1;
  const order = [...points.keys()].sort((a, b) => points[a] - points[b]);
  const shared = (centre, at) => { // how often a point is in the window: those at the edge stand for all that is outside
    const beyond = at === 0 ? half - centre : at === GRID - 1 ? centre + half - GRID + 1 : 0;
    return Math.abs(centre - at) <= half ? 1 + Math.max(beyond, 0) : 0;
  };
  const often = Array.from({ length: GRID }, (_, centre) => Array.from({ length: GRID }, (__, at) => shared(centre, at)));
  const middle = ((2 * half + 1) ** 2 + 1) / 2, medians = points.map((_, i) => {
    const down = often[Math.floor(i / GRID)], right = often[i % GRID];
    let seen = 0;
    return points[order.find((at) => { seen += down[Math.floor(at / GRID)] * right[at % GRID]; return seen >= middle; })];
  });
  const paper = resize(gaussian({ values: medians, width: GRID, height: GRID }, 1, "nearest"), grey.width, grey.height, BICUBIC).values;
  const ink = new Float32Array(paper.length);
  let cubes = 0;
  for (let i = 0; i < ink.length; i++) {
    const apart = f(grey.values[i] - paper[i]);
    ink[i] = apart;
    cubes += apart * apart * apart;
  }
  for (let i = 0; i < ink.length; i++) {
    const apart = cubes > 0 ? ink[i] : -ink[i], most = cubes > 0 ? f(255 - paper[i]) : paper[i]; // the ink is lighter, or darker
    ink[i] = clip(apart / Math.max(most, 32), 0, 1);
  }
  return like(grey, ink);
}

function isInk(values, above) { // or only noise and uneven paper
  const n = values.length, inside = count({ values: above }), total = sum(values);
  if (!inside || inside === n) return false;
  let high = 0, spread = 0;
  for (let i = 0; i < n; i++) {
    if (above[i]) high += values[i];
    spread += (values[i] - total / n) ** 2;
  }
  const apart = high / inside - (total - high) / (n - inside), share = inside / n;
  return apart > 0.02 && (apart > FAINT || share * (1 - share) * apart ** 2 / (spread / n) > 0.8);
}

function sureInk(values) { // a threshold; a higher one where the first parts shade from paper
  const sure = otsu(values), above = maskOf({ values }, (v) => v > sure);
  return isInk(values, above.values) || !any(above) ? sure : Math.max(otsu(where(values, above)), f(SHADE));
}

function rimOf({ width, height, values }) { // along the picture's edge, where scanners leave dark lines
  const x = Math.trunc(EDGE * width), y = Math.trunc(EDGE * height);
  return maskOf({ values, width, height }, (_, i) => i % width < x || i % width >= width - x || i < y * width || i >= (height - y) * width);
}

function extent(mask) { // of the box around it, the longer side
  const { rows, columns } = filled(mask);
  return rows.length && Math.max(rows.at(-1) - rows[0], columns.at(-1) - columns[0]) + 1;
}

export function findShape(ink) { // the pixels of the largest shape, and how many sizeable shapes there are
  const smooth = gaussian(ink), sure = sureInk(smooth.values), rim = rimOf(ink).values, strong = maskOf(smooth, (v, i) => v > sure && !rim[i]);
  if (!any(strong)) return { mask: strong, shapes: 0 };
  let mask = hysteresis(smooth, f(WEAK * sure), sure);
  const pieces = label(mask, true), { labels } = pieces, areas = counted(pieces, strong.values), first = largest(areas);
  const size = extent(maskOf(mask, (_, i) => labels[i] === first)), least = SPECK * areas[first], large = areas.map((a) => a >= least);
  const alone = size > DUST && 2 * areas[first] > sum(areas); // smoothed, a hairline on a large sheet is faint; many specks are noise
  if (!isInk(smooth.values, strong.values) && !(alone && isInk(ink.values, strong.values))) return { mask: maskOf(ink, () => false), shapes: 0 };
  mask = maskOf(mask, (v, i) => v && large[labels[i]]);
  if (sum(large) === 1) return { mask, shapes: 1 };
  const groups = label(dilated(mask, Math.max(1, REACH / 2 * size)), true), both = maskOf(mask, (v, i) => v && strong.values[i]);
  const counts = counted(groups, both.values), most = largest(counts);
  return { mask: maskOf(mask, (v, i) => v && groups.labels[i] === most), shapes: counts.filter((n) => n >= BESIDE * counts[most]).length };
}

// ---- the sheet

function gaps(mask) { // from the upper, lower, left and right edge to the shape
  const { rows, columns } = filled(mask);
  return [rows[0], mask.height - 1 - rows.at(-1), columns[0], mask.width - 1 - columns.at(-1)];
}

function regions(small) { // the largest brighter and darker one at each level, holes filled
  const low = percentile(small.values, 1), high = percentile(small.values, 99), byArea = new Map();
  if (Math.min(small.width, small.height) < 12 || high - low < JUMP) return [];
  for (const brighter of [true, false]) {
    let before = 0;
    for (const level of line(low, high, LEVELS + 2).slice(1, -1)) {
      const layer = like(small, new Uint8Array(small.values.length));
      let much = 0;
      for (let i = 0; i < layer.values.length; i++) much += layer.values[i] = small.values[i] > level === brighter ? 1 : 0;
      if (much === before) continue; // the same pixels as at the level before
      before = much;
      const region = largestPiece(layer), area = count(region), share = area / region.values.length;
      if (share > SHEET[0] && share < SHEET[1] && !byArea.has(area)) byArea.set(area, region);
    }
  }
  return [...byArea.keys()].sort((a, b) => a - b).map((area) => byArea.get(area));
}

function quadrilateral(region) { // the points furthest to the corners, if they make it up
  const { width, height, values } = region, { rows, columns } = filled(region);
  if (columns.at(-1) - columns[0] < LENGTH * width || rows.at(-1) - rows[0] < LENGTH * height) return null;
  const scores = [(x, y) => -x - y, (x, y) => x - y, (x, y) => x + y, (x, y) => y - x], best = scores.map(() => -Infinity), corners = [];
  for (const y of rows) { // in each row the first and the last pixel are furthest
    const row = values.subarray(y * width, (y + 1) * width);
    for (const x of [row.indexOf(1), row.lastIndexOf(1)]) {
      scores.forEach((score, k) => { if (score(x, y) > best[k]) [best[k], corners[k]] = [score(x, y), [x, y]]; });
    }
  }
  const drawn = polygon(corners, region).values;
  let both = 0, either = 0;
  values.forEach((v, i) => { both += v & drawn[i]; either += v | drawn[i]; });
  if (both < FITS * either) return null;
  const sides = corners.map(([x, y], i) => {
    const [u, v] = corners[(i + 1) % 4], long = Math.max(Math.hypot(u - x, v - y), 1e-6);
    return [(u - x) / long, (v - y) / long];
  });
  if (sides.some(([x, y], i) => Math.abs(x * sides[(i + 3) % 4][0] + y * sides[(i + 3) % 4][1]) > SLANT)) return null;
  return corners.map(([x, y], i) => [x + [0, 1, 1, 0][i], y + [0, 0, 1, 1][i]]); // pixels have a width
}

function jumpsAt({ values, width, height }, corners) { // outwards, on each side within the picture; 0 if not sharp
  const jumps = [];
  corners.forEach(([x, y], k) => {
    const [u, v] = corners[(k + 1) % 4], long = Math.hypot(u - x, v - y), out = [(v - y) / long, (x - u) / long];
    const places = [-5, -2, -0.5, 0.5, 1, 2].map((far) => line(0.08, 0.92, 24).map((t) => [
      round(x + t * (u - x) - 0.5 + far * out[0]), round(y + t * (v - y) - 0.5 + far * out[1])]));
    const beyond = places[4].filter(([px, py]) => px < 0 || py < 0 || px >= width || py >= height).length;
    if (beyond > 12) return; // the picture ends here
    const [deeper, inner, ...outer] = places.map((row) => row.map(([px, py]) => values[clip(py, 0, height - 1) * width + clip(px, 0, width - 1)]));
    const jump = inner.map((from, i) => {
      const steps = outer.map((row) => f(row[i] - from)), high = Math.max(...steps), low = Math.min(...steps);
      return high > -low ? high : low;
    });
    const typical = median(jump), alike = jump.filter((j) => j * Math.sign(typical) > f(0.8 * JUMP)).length / 24 > 0.8;
    const sharp = Math.abs(typical) > 4 * Math.abs(median(inner.map((from, i) => f(from - deeper[i]))));
    jumps.push(alike && sharp ? typical : 0);
  });
  return jumps;
}

function solved(rows, answers) { // a system of equations, by elimination
  const a = rows.map((row, i) => [...row, answers[i]]), n = a.length;
  for (let k = 0; k < n; k++) {
    const pivot = a.slice(k).reduce((best, row, i) => (Math.abs(row[k]) > Math.abs(a[best][k]) ? k + i : best), k);
    [a[k], a[pivot]] = [a[pivot], a[k]];
    for (let i = k + 1; i < n; i++) {
      const share = a[i][k] / a[k][k];
      for (let j = k; j <= n; j++) a[i][j] -= share * a[k][j];
    }
  }
  const found = Array(n);
  for (let k = n - 1; k >= 0; k--) found[k] = (a[k][n] - sum(a[k].slice(k + 1, n).map((v, i) => v * found[k + 1 + i]))) / a[k][k];
  return found;
}

function straighten(grey, corners) { // a rectangle, without its outermost pixels
  const side = (i, j) => Math.hypot(corners[j][0] - corners[i][0], corners[j][1] - corners[i][1]);
  const width = round(Math.max(side(0, 1), side(3, 2))), height = round(Math.max(side(1, 2), side(0, 3))), rows = [];
  [[0, 0], [width, 0], [width, height], [0, height]].forEach(([x, y], i) => {
    const [u, v] = corners[i];
    rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]);
  });
  const transform = solved(rows, corners.flat()), rim = Math.min(Math.max(2, round(0.02 * Math.max(width, height))), (Math.min(width, height) - 1) >> 1);
  return { transform, rim, ...cropped(perspective(grey, width, height, transform), rim, rim, width - 2 * rim, height - 2 * rim) };
}

function findCorners(grey) { // (x, y) of the sheet's corners, clockwise from the top left
  const scale = Math.min(1, 80 / Math.max(grey.width, grey.height)), size = [grey.width, grey.height].map((n) => Math.max(1, round(n * scale)));
  const ways = [() => resize(grey, ...size), () => nearest(darkest(grey, round(1 / scale)), ...size)]; // the second keeps a thin frame
  for (const [way, make] of ways.entries()) {
    const seen = make(), found = [];
    for (const region of regions(seen)) {
      const corners = quadrilateral(region), jumps = corners ? jumpsAt(seen, corners) : [];
      if (!jumps.length || (Math.min(...jumps) <= JUMP && Math.max(...jumps) >= -JUMP)) continue;
      found.push({ least: Math.min(...jumps.map(Math.abs)), sides: jumps.length, corners: corners.map((p) => p.map((v) => v / scale)) });
    }
    for (const { sides, corners } of found.sort((a, b) => b.least - a.least).slice(0, 3)) {
      const { mask, shapes } = findShape(findInk(straighten(grey, corners)));
      if ((shapes && Math.min(...gaps(mask)) > 0) || (sides === 4 && way === 0)) return corners;
    }
  }
  return null;
}

// The sheet alone, and where its corners are in the picture; a frame may be printed on a sheet, so it looks again.
export function findSheet(grey) {
  let sheet = grey, outline = null;
  const back = []; // what takes a point of the sheet to the picture
  for (let i = 0; i < 3; i++) {
    const corners = findCorners(sheet);
    if (!corners) break;
    outline = corners.map((p) => back.reduceRight(([x, y], { transform, rim }) => placeIn(transform, x + rim, y + rim), p));
    sheet = straighten(sheet, corners);
    back.push(sheet);
  }
  return { sheet, outline };
}

// ---- lines on the paper; `upright` ones are those that a transposed picture has level

const along = (mask, upright) => (upright ? transposed(mask) : mask);
const runs = ({ values, width }) => values.reduce((n, v, i) => n + (v && !(i >= width && values[i - width])), 0);
const numberOf = ({ lines, upright }) => runs(along(lines, upright)) / (upright ? lines.height : lines.width);
const widthOf = ({ lines, upright }) => count(lines) / Math.max(1, runs(along(lines, upright)));

function longLines(mask) { // at half the size; lines of each slope lie level in a sheared picture
  const { width, height } = mask, none = maskOf(mask, () => false);
  if (Math.min(width, height) < 24) return none;
  const w = width >> 1, h = height >> 1, half = { width: w, height: h, values: new Uint8Array(w * h) };
  for (let y = 0; y < 2 * h; y++) for (let x = 0; x < 2 * w; x++) half.values[(y >> 1) * w + (x >> 1)] |= mask.values[y * width + x];
  const n = Math.trunc(LONG * width / 2) | 1, edge = Math.trunc(TILT * width / 4) + 1;
  const thick = opened(half, Math.trunc(THIN * Math.max(w, h)) + 2).values, thin = maskOf(half, (v, i) => v && !thick[i]);
  if (filled(thin).columns.length < COVERED[0] * n) return none;
  const parts = [thin, half, maskOf(half, () => true)].map((part) => padded(part, 0, edge)), tall = parts[0].height;
  const found = maskOf(parts[0], () => false), across = maskOf(parts[0], () => false);
  const rowSums = ({ values }) => {
    const sums = new Int32Array(tall);
    for (let y = 0, i = 0; y < tall; y++) for (let x = 0; x < w; x++, i++) sums[y] += values[i];
    return sums;
  };
  for (const slope of line(-TILT, TILT, 17)) {
    const places = new Int32Array(tall * w);
    for (let x = 0; x < w; x++) {
      const shift = round(slope * (x - width / 4)) + tall;
      for (let y = 0; y < tall; y++) places[y * w + x] = ((y + shift) % tall) * w + x;
    }
    const shear = (part) => {
      const values = new Uint8Array(tall * w);
      for (let i = 0; i < values.length; i++) values[i] = part.values[places[i]];
      return like(part, values);
    };
    const lone = shear(parts[0]);
    if (Math.max(...rowSums(lone)) < COVERED[0] * n / 3) continue; // no row can be a line
    const sheared = [lone, shear(parts[1])].map((part) => widened(part, 3)), inside = shear(parts[2]), within = rowSums(inside);
    const counts = sheared.map((part) => windowed(part, n)), enough = (k, i) => f(counts[k][i] / n) > f(COVERED[k]);
    const full = maskOf(inside, (_, i) => enough(0, i) && enough(1, i)), sums = sheared.map((part) => rowSums(maskOf(part, (v, i) => v && inside.values[i])));
    const whole = Array.from(within, (much, y) => much > 0.15 * w && sums.every((of, k) => of[y] > COVERED[k] * much));
    if (!any(full) && !whole.includes(true)) continue;
    const near = widened(widened(full, 3), n, false).values;
    for (let y = 0, i = 0; y < tall; y++) {
      const isWhole = whole[y] || whole[y - 1] || whole[y + 1];
      for (let x = 0; x < w; x++, i++) {
        if (!lone.values[i]) continue;
        if (near[i]) found.values[places[i]] = 1;
        if (isWhole) across.values[places[i]] = 1;
      }
    }
  }
  const kept = numberOf({ lines: across }) > 2.1 ? across : found; // strokes do not cross the picture
  return maskOf(mask, (v, i) => v && kept.values[(edge + Math.min(Math.floor(i / width) >> 1, h - 1)) * w + Math.min((i % width) >> 1, w - 1)]);
}

function findLines(smooth, mask, upright) { // pixels on level lines, and what to erase for them
  const [picture, ink] = [along(smooth, upright), along(mask, upright)], lines = longLines(ink);
  let erase = lines;
  if (any(lines)) {
    const width = widthOf({ lines }), dark = f(f(1.6) * median(where(picture.values, lines)));
    const crossed = opened(ink, Math.trunc(1.25 * width) + 2).values, edges = widened(lines, (Math.trunc(width) >> 1) * 2 + 3);
    erase = maskOf(edges, (v, i) => v && !crossed[i] && !(picture.values[i] > dark));
  }
  return { upright, lines: along(lines, upright), erase: along(erase, upright) };
}

function endsOf(mask, upright) {
  const { rows, columns } = filled(mask), places = upright ? rows : columns;
  return [places[0], places.at(-1)];
}

function isAcross({ lines, upright }) { // from one edge of the picture to the other
  if (!any(lines)) return false;
  const [a, b] = endsOf(lines, upright), n = upright ? lines.height : lines.width;
  return a <= APART * n && b >= (1 - APART) * n - 1;
}

function runsOn({ lines, upright }, digit) { // beyond the digit on both sides
  if (!any(lines)) return false;
  const [a, b] = endsOf(lines, upright), [first, last] = endsOf(digit, upright), far = APART * (upright ? digit.height : digit.width);
  return a < first - far && b > last + far;
}

function penWidth(mask) { // of strokes: four times the mean distance from their edge
  return 4 * distances(padded(mask, 1)).reduce((a, v) => a + Math.sqrt(v), 0) / count(mask);
}

function touches(digit, of) {
  const near = dilated(of.lines, widthOf(of) / 2 + 3).values;
  return digit.values.some((v, i) => v && near[i]);
}

const between = ([first, last]) => last - first;

function hugs(digit, of) { // a small piece of the line's own edge
  const { rows, columns } = filled(digit), small = Math.max(rows.length, columns.length) < 0.1 * Math.max(digit.width, digit.height);
  return small && between(endsOf(digit, !of.upright)) < 3 * widthOf(of) && touches(digit, of);
}

function isRuling(of, digit, ink) { // thinner or paler than the pen, or a fold
  if (widthOf(of) < 0.6 * penWidth(digit) || median(where(ink.values, of.lines)) < f(f(0.6) * median(where(ink.values, digit)))) return true;
  return between(endsOf(digit, of.upright)) / between(endsOf(of.lines, of.upright)) < (touches(digit, of) ? 0.25 : 0.5);
}

function remains(mask, found) { // pieces of which most lie on lines, or along the edge
  const near = rimOf(mask);
  for (const of of found) widened(of.lines, (Math.trunc(widthOf(of)) >> 1) * 2 + 5, !of.upright).values.forEach((v, i) => { near.values[i] |= v; });
  const pieces = label(mask, true), { labels, sizes } = pieces, on = counted(pieces, maskOf(mask, (v, i) => v && near.values[i]).values);
  const most = largest(sizes); // the digit
  return maskOf(mask, (v, i) => v && labels[i] !== most && on[labels[i]] / sizes[labels[i]] > ON_LINES);
}

export function removeLines(ink) {
  const smooth = gaussian(ink), least = f(WEAK * otsu(smooth.values)), mask = maskOf(smooth, (v) => v > least);
  let found = [false, true].map((upright) => findLines(smooth, mask, upright));
  const erased = found.map(({ erase }) => erase.values), most = maskOf(mask, (_, i) => erased[0][i] || erased[1][i]);
  if (!any(most)) return ink;
  const { mask: digit, shapes } = findShape(like(ink, ink.values.map((v, i) => (most.values[i] ? 0 : v))));
  if (!shapes || found.some((of) => hugs(digit, of))) return ink; // all was a line: a 1, perhaps
  const many = sum(found.map(numberOf)) > 2.1;
  found = found.filter((of) => (many || isAcross(of)) && (numberOf(of) > 2.1 || runsOn(of, digit)));
  if (sum(found.map(numberOf)) < 1.2) found = found.filter((of) => isRuling(of, digit, ink)); // a single one
  if (!found.length) return ink;
  const gone = maskOf(mask, (_, i) => found.some(({ erase }) => erase.values[i]));
  const left = remains(maskOf(mask, (v, i) => v && !gone.values[i]), found).values;
  return like(ink, ink.values.map((v, i) => (gone.values[i] || left[i] ? 0 : v)));
}

// ---- the digit

export function cutOut(ink, mask) { // the digit's box, without all that is not it or its soft edge; typical ink at 1
  const box = filled(mask), typical = Math.max(median(where(ink.values, mask)), 0.02), crop = chosen(ink, box);
  const edge = dilated(chosen(mask, box), Math.max(1, 0.02 * Math.max(mask.width, mask.height))).values;
  return like(crop, crop.values.map((v, i) => (edge[i] ? clip(v / typical, 0, 1) : 0)));
}

export function fitPen(crop, mask) { // hairlines wider, very thick strokes thinner, as MNIST's pens were
  const digit = chosen(mask, filled(mask)), size = Math.max(crop.width, crop.height), width = penWidth(padded(digit, 1)) / size;
  const wanted = clip(width, ...PEN), grow = (wanted - width) * size / (2 - 2 * wanted); // at each edge; the digit grows, too
  if (Math.abs(grow) < 0.5 || size < 60) return crop; // too small to tell
  const box = padded(digit, 2 + Math.trunc(Math.max(grow, 0))), inwards = distances(box), outwards = distances(maskOf(box, (v) => !v));
  const drawn = like(box, Float32Array.from(inwards, (v, i) => clip(Math.sqrt(v) - Math.sqrt(outwards[i]) + grow + 0.5, 0, 1)));
  const kept = filled(drawn);
  return kept.rows.length ? chosen(drawn, kept) : crop;
}

function isSoft(ink, mask) { // from edge to edge, and shading off over its whole width
  const [top, bottom, left, right] = gaps(mask), { width: w, height: h } = mask, room = 0.2 * Math.max(w, h);
  const upright = Math.max(top, bottom) === 0 && Math.min(left, right) > room, level = Math.max(left, right) === 0 && Math.min(top, bottom) > room;
  if (!upright && !level) return false;
  const wide = penWidth(mask), { values } = gaussian(ink);
  if (wide < SOFT[0]) return false;
  const inside = (y, x) => y < 0 || y >= h || x < 0 || x >= w || mask.values[y * w + x];
  const slope = (i, low, high, step) => (values[high ? i : i + step] - values[low ? i : i - step]) / (low || high ? 1 : 2);
  let steep = 0, n = 0;
  for (let y = 0, i = 0; y < h; y++) {
    for (let x = 0; x < w; x++, i++) {
      if (!mask.values[i] || (inside(y - 1, x) && inside(y + 1, x) && inside(y, x - 1) && inside(y, x + 1))) continue;
      steep += Math.hypot(slope(i, y === 0, y === h - 1, w), slope(i, x === 0, x === w - 1, 1));
      n += 1;
    }
  }
  return steep / n * wide < SOFT[1] * median(where(ink.values, mask));
}

const percent = (share) => `${round(100 * share)}%`;

function suspicions(ink, mask, shapes, image, whole) {
  const paper = where(ink.values, maskOf(mask, (v) => !v)), contrast = f(median(where(ink.values, mask)) - (paper.length ? median(paper) : 0));
  const { rows: { length: height }, columns: { length: width } } = filled(mask), [top, bottom, left, right] = gaps(mask);
  const long = Math.max(mask.width, mask.height), tight = Math.min(Math.max(top, bottom), Math.max(left, right)) <= NEAR * long;
  return [
    [contrast < FAINT, `the contrast is very low (${percent(contrast)})`],
    [shapes > 1, `there are ${shapes} shapes; the largest was read`],
    [mean(image) > 255 * FULL, "there is too much ink for a digit"],
    [width > WIDE * height, "the shape is wider than a digit"],
    [Math.max(height, width) < SMALL * long, "the shape is very small on its sheet"],
    [whole && Math.min(top, bottom, left, right) === 0 && !tight, "the ink touches the edge: is the digit cut off?"],
    [isSoft(ink, mask), "its edges are soft: is it a fold or a shadow?"],
  ].filter(([wrong]) => wrong).map(([, text]) => text);
}

// Every stage on the way from grey values [height × width], 0 black to 255 white, to 28×28; no `crop` if it is blank.
export function prepareDigit(grey) {
  const { sheet, outline } = findSheet(grey), uneven = findInk(sheet), ink = removeLines(uneven), { mask, shapes } = findShape(ink);
  const made = { picture: grey, outline, sheet, uneven, ink, mask };
  if (!shapes) return { ...made, image: new Uint8Array(784), warnings: ["the picture is blank"] };
  const crop = fitPen(cutOut(ink, mask), mask), fitted = fitBox(crop), image = centreMass(fitted);
  return { ...made, crop, fitted, image, warnings: suspicions(ink, mask, shapes, image, !outline) };
}
