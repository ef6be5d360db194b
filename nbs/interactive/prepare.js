// From ink to what MNIST is, as `prepare_digit` of Chapter 9 does it.

import { cropped, resize, round } from "./filters.js";

// A crop with its longer side at 20: each pixel is the mean of those that it covers.
export function fitBox(crop, side = 20) {
  const long = Math.max(crop.width, crop.height), part = (n) => Math.max(1, round(n * side / long));
  const fitted = resize(crop, part(crop.width), part(crop.height));
  const top = Math.max(fitted.values.reduce((a, b) => Math.max(a, b), 0), 1e-6);
  return { ...fitted, values: fitted.values.map((v) => v / top) };
}

export function centreMass({ values, width, height }) { // -> 784 bytes, the centre of mass at pixel 14
  let sum = 0, right = 0, down = 0;
  values.forEach((v, i) => {
    const weight = v + 1e-9;
    sum += weight; right += weight * (i % width); down += weight * Math.floor(i / width);
  });
  const place = (middle, n) => Math.min(Math.max(round(14 - middle), 0), 28 - n);
  const left = place(right / sum, width), top = place(down / sum, height), field = new Uint8Array(784);
  values.forEach((v, i) => { field[(top + Math.floor(i / width)) * 28 + left + (i % width)] = round(255 * v); });
  return field;
}

// A drawing, ink from 0 to 1 on nothing: its box, scaled, in the middle. Null if there is no ink.
export function prepareDrawing({ values, width, height }) {
  let left = width, right = -1, top = height, bottom = -1;
  values.forEach((v, i) => {
    if (v < 0.5) return;
    const x = i % width, y = Math.floor(i / width);
    left = Math.min(left, x); right = Math.max(right, x); top = Math.min(top, y); bottom = Math.max(bottom, y);
  });
  if (right < 0) return null;
  const crop = cropped({ values, width }, left, top, right - left + 1, bottom - top + 1);
  const fitted = fitBox(crop);
  return { crop, fitted, image: centreMass(fitted) };
}
