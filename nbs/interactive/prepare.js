// From ink to what MNIST is, as `prepare_digit` of Chapter 9 does it.

// A crop with its longer side at 20: each pixel is the mean of those whose centres it covers, as Pillow's BOX has it.
function shrinkRow(values, n, size) {
  const scale = n / size, half = Math.max(scale, 1) / 2, output = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    const centre = (i + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - half + 0.5)), to = Math.min(n, Math.floor(centre + half + 0.5));
    let sum = 0, count = 0;
    for (let x = from; x < to; x++) {
      const at = (x - centre + 0.5) / (2 * half);
      if (at > -0.5 && at <= 0.5) { sum += values[x]; count++; }
    }
    output[i] = sum / count;
  }
  return output;
}

export function resize({ values, width, height }, newWidth, newHeight) {
  const narrow = new Float32Array(newWidth * height), output = new Float32Array(newWidth * newHeight);
  for (let y = 0; y < height; y++) narrow.set(shrinkRow(values.subarray(y * width, (y + 1) * width), width, newWidth), y * newWidth);
  for (let x = 0; x < newWidth; x++) {
    const column = Float32Array.from({ length: height }, (_, y) => narrow[y * newWidth + x]);
    shrinkRow(column, height, newHeight).forEach((v, y) => { output[y * newWidth + x] = v; });
  }
  return { values: output, width: newWidth, height: newHeight };
}

export function fitBox(crop, side = 20) {
  const long = Math.max(crop.width, crop.height), part = (n) => Math.max(1, round(n * side / long));
  const fitted = resize(crop, part(crop.width), part(crop.height));
  const top = Math.max(fitted.values.reduce((a, b) => Math.max(a, b), 0), 1e-6);
  return { ...fitted, values: fitted.values.map((v) => v / top) };
}

const round = (x) => { // to the even neighbour from the middle, as Python does
  const down = Math.floor(x), rest = x - down;
  return rest < 0.5 || (rest === 0.5 && down % 2 === 0) ? down : down + 1;
};

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
  const crop = { width: right - left + 1, height: bottom - top + 1 };
  crop.values = new Float32Array(crop.width * crop.height);
  for (let y = 0; y < crop.height; y++) {
    const from = (top + y) * width + left;
    crop.values.set(values.subarray(from, from + crop.width), y * crop.width);
  }
  const fitted = fitBox(crop);
  return { crop, fitted, image: centreMass(fitted) };
}
