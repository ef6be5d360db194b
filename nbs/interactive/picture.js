// Opens a picture in the browser, as `open_picture` and `as_grey` of Chapter 9 do: upright, at most 400 pixels, grey.

import { BICUBIC, BOX, median, round, shares } from "./filters.js";

const SIDES = [112, 400]; // the longer side of what comes out
const MOST = 64_000_000, MOST_BUT_JPEG = 40_000_000; // pixels
const STRIP = 4_000_000; // pixels that are in the canvas at a time: phones allow 16 million
const WHOLE = 2 ** 22; // Pillow counts the weights of bytes in such parts

const clip8 = (v) => (v < 0 ? 0 : v > 255 ? 255 : v);
const inParts = (of) => of.map(({ from, weights }) => ({ from, weights: weights.map((w) => Math.trunc(w * WHOLE + (w < 0 ? -0.5 : 0.5))) }));

// Of each new pixel its four bytes: `at(place)` is where the old one at a place of a row, or a column, has its first.
function mixed(from, { weights, from: first }, at, made, to) {
  for (let c = 0; c < 4; c++) {
    let v = WHOLE / 2;
    for (let j = 0; j < weights.length; j++) v += from[at(first + j) + c] * weights[j];
    made[to + c] = clip8(v >> 22);
  }
}

function timesAlpha(bytes) { // or what is transparent would have a say
  for (let i = 0; i < bytes.length; i += 4) {
    if (bytes[i + 3] === 255) continue;
    for (let c = i; c < i + 3; c++) {
      const v = bytes[c] * bytes[i + 3] + 128;
      bytes[c] = ((v >> 8) + v) >> 8;
    }
  }
}

function greyOf(bytes, width, height) { // transparent parts become paper: what contrasts with the ink drawn on them
  const values = new Float32Array(width * height), alpha = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const a = bytes[4 * i + 3], [r, g, b] = [0, 1, 2].map((c) => (a === 0 || a === 255 ? bytes[4 * i + c] : clip8(Math.trunc(255 * bytes[4 * i + c] / a))));
    values[i] = (r * 19595 + g * 38470 + b * 7471 + 32768) >> 16;
    alpha[i] = a / 255;
  }
  if (alpha.every((a) => a === 1)) return { values, width, height };
  const seen = values.filter((_, i) => alpha[i] > 0.5), typical = seen.length ? median(seen) : 255;
  const paper = 2 * seen.length > values.length ? typical : typical < 128 ? 255 : 0;
  return { values: values.map((v, i) => v * alpha[i] + paper * (1 - alpha[i])), width, height };
}

async function sizeOf(blob) { // without unpacking it
  const image = new Image(), url = URL.createObjectURL(blob);
  try {
    await new Promise((done, failed) => { Object.assign(image, { onload: done, onerror: failed, src: url }); });
    return [image.naturalWidth, image.naturalHeight];
  } finally { URL.revokeObjectURL(url); }
}

// A file's content -> grey values. `progress(share)` is called between parts of a large picture, and may be awaited.
export async function openPicture(blob, progress = () => {}) {
  let bitmap;
  try {
    const [width, height] = await sizeOf(blob), jpeg = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
    const most = jpeg[0] === 0xff && jpeg[1] === 0xd8 ? MOST : MOST_BUT_JPEG, shown = [width, height, most].map((n) => n.toLocaleString("en"));
    if (width * height > most) throw new RangeError(`expected at most ${shown[2]} pixels, got ${shown[0]}×${shown[1]} pixels: make it smaller first`);
    bitmap = await createImageBitmap(blob, { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw new TypeError("expected a picture, got something that this browser cannot open: save it as PNG or JPEG", { cause: error });
  }
  const { width, height } = bitmap, long = Math.max(width, height), scale = Math.min(Math.max(long, SIDES[0]), SIDES[1]) / long;
  const [w, h] = [width, height].map((n) => Math.max(1, round(n * scale))), filter = scale <= 1 ? BOX : BICUBIC;
  const columns = inParts(shares(width, w, filter)), rows = inParts(shares(height, h, filter)), strip = Math.min(height, Math.ceil(STRIP / width));
  const context = new OffscreenCanvas(width, strip).getContext("2d", { willReadFrequently: true });
  const narrow = new Uint8Array(4 * w * height), made = new Uint8Array(4 * w * h);
  for (let top = 0; top < height; top += strip) {
    if (top) await progress(top / height);
    context.clearRect(0, 0, width, strip);
    context.drawImage(bitmap, 0, -top);
    const tall = Math.min(strip, height - top), { data } = context.getImageData(0, 0, width, tall);
    timesAlpha(data);
    for (let y = 0; y < tall; y++) columns.forEach((of, x) => mixed(data, of, (i) => 4 * (y * width + i), narrow, 4 * ((top + y) * w + x)));
  }
  bitmap.close();
  rows.forEach((of, y) => { for (let x = 0; x < w; x++) mixed(narrow, of, (i) => 4 * (i * w + x), made, 4 * (y * w + x)); });
  return greyOf(made, w, h);
}
