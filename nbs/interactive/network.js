// The network of Chapter 4 in plain JavaScript: its weights from a safetensors file, and what every layer makes of an
// image. Images are [channel][row][column] in one Float32Array; so are the weights, as PyTorch has them.

export const MEAN = 0.1307, STD = 0.3081; // as `as_batch` normalises

// CRC-32, as in Python's zlib.crc32: a file that was cut or changed on its way has another one.
export function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

// https://huggingface.co/docs/safetensors: the length of a header, the header in JSON, then all numbers.
export function parseWeights(data) { // an ArrayBuffer, or a DataView as a notebook's widget gets it
  const buffer = ArrayBuffer.isView(data) ? data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) : data;
  const size = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  const weights = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (dtype !== "F32") throw new Error(`expected float32 weights, ${name} has ${dtype}`);
    const values = new Float32Array(buffer.slice(8 + size + from, 8 + size + to));
    weights[name] = { values, shape };
  }
  return weights;
}

export function normalise(pixels) { // 784 bytes -> what the network takes
  return Float32Array.from(pixels, (p) => (p / 255 - MEAN) / STD);
}

// A 3×3 convolution with one pixel of padding: for each filter the sum, over all channels, of nine shifted copies.
export function convolve(input, channels, side, { values, shape: [filters] }, bias) {
  const wide = side + 2, padded = new Float32Array(channels * wide * wide);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < side; y++) {
      padded.set(input.subarray((c * side + y) * side, (c * side + y + 1) * side), (c * wide + y + 1) * wide + 1);
    }
  }
  const output = new Float32Array(filters * side * side);
  for (let f = 0; f < filters; f++) {
    const map = output.subarray(f * side * side, (f + 1) * side * side).fill(bias.values[f]);
    for (let c = 0; c < channels; c++) {
      const k = values.subarray((f * channels + c) * 9, (f * channels + c) * 9 + 9);
      for (let y = 0; y < side; y++) {
        let above = (c * wide + y) * wide, here = above + wide, below = here + wide;
        for (let x = 0, to = y * side; x < side; x++, to++, above++, here++, below++) {
          map[to] += k[0] * padded[above] + k[1] * padded[above + 1] + k[2] * padded[above + 2]
            + k[3] * padded[here] + k[4] * padded[here + 1] + k[5] * padded[here + 2]
            + k[6] * padded[below] + k[7] * padded[below + 1] + k[8] * padded[below + 2];
        }
      }
    }
  }
  return output;
}

export const relu = (values) => values.map((v) => (v > 0 ? v : 0));

export function maxPool(input, channels, side) { // 2×2; a last odd row or column is left out, as in PyTorch
  const half = side >> 1, output = new Float32Array(channels * half * half);
  for (let c = 0, to = 0; c < channels; c++) {
    for (let y = 0; y < half; y++) {
      for (let x = 0; x < half; x++, to++) {
        const from = (c * side + 2 * y) * side + 2 * x;
        output[to] = Math.max(input[from], input[from + 1], input[from + side], input[from + side + 1]);
      }
    }
  }
  return output;
}

export function connect(input, { values, shape: [units, inputs] }, bias) { // a fully connected layer
  const output = new Float32Array(units);
  for (let u = 0; u < units; u++) {
    let sum = bias.values[u];
    for (let i = 0, at = u * inputs; i < inputs; i++, at++) sum += values[at] * input[i];
    output[u] = sum;
  }
  return output;
}

export function softmax(scores) {
  const top = Math.max(...scores), parts = Array.from(scores, (s) => Math.exp(s - top));
  const sum = parts.reduce((a, b) => a + b);
  return Float32Array.from(parts, (p) => p / sum);
}

// Everything on the way: { conv1: …, relu1: …, pool1: …, …, relu4: …, fc2: …, probs: … }
export function forward(weights, input) {
  const made = {}, layer = (name) => [weights[`${name}.weight`], weights[`${name}.bias`]];
  let x = input, side = 28, channels = 1;
  for (const n of [1, 2, 3]) {
    x = made[`conv${n}`] = convolve(x, channels, side, ...layer(`conv${n}`));
    channels = weights[`conv${n}.bias`].shape[0];
    x = made[`relu${n}`] = relu(x);
    x = made[`pool${n}`] = maxPool(x, channels, side);
    side >>= 1;
  }
  made.fc1 = connect(x, ...layer("fc1"));
  made.relu4 = relu(made.fc1);
  made.fc2 = connect(made.relu4, ...layer("fc2"));
  made.probs = softmax(made.fc2);
  return made;
}

// ---- backwards: from the slope of the loss at what a layer made to the slope at what it was made of

const reluBack = (slopes, made) => slopes.map((s, i) => (made[i] > 0 ? s : 0));

function maxPoolBack(slopes, input, channels, side) { // the slope goes to the first of the largest of each four
  const half = side >> 1, back = new Float32Array(channels * side * side);
  for (let c = 0, from = 0; c < channels; c++) {
    for (let y = 0; y < half; y++) {
      for (let x = 0; x < half; x++, from++) {
        const at = (c * side + 2 * y) * side + 2 * x, four = [at, at + 1, at + side, at + side + 1];
        back[four.reduce((best, i) => (input[i] > input[best] ? i : best))] += slopes[from];
      }
    }
  }
  return back;
}

function connectBack(slopes, { values, shape: [units, inputs] }) {
  const back = new Float32Array(inputs);
  for (let u = 0; u < units; u++) for (let i = 0; i < inputs; i++) back[i] += slopes[u] * values[u * inputs + i];
  return back;
}

function convolveBack(slopes, side, { values, shape: [filters, channels] }) { // the kernels turned by half a turn
  const turned = new Float32Array(values.length);
  for (let f = 0; f < filters; f++) {
    for (let c = 0; c < channels; c++) for (let k = 0; k < 9; k++) turned[(c * filters + f) * 9 + k] = values[(f * channels + c) * 9 + 8 - k];
  }
  return convolve(slopes, filters, side, { values: turned, shape: [channels] }, { values: new Float32Array(channels) });
}

// The slope of −log p of the digit `label` at each pixel of `input`, as `pixel_gradient` of Chapter 8.
export function pixelGradient(weights, input, label) {
  const made = forward(weights, input), of = (name) => weights[`${name}.weight`];
  let slopes = made.probs.map((p, d) => p - (d === label));
  slopes = reluBack(connectBack(slopes, of("fc2")), made.fc1);
  slopes = connectBack(slopes, of("fc1"));
  for (const n of [3, 2, 1]) {
    const side = 28 >> (n - 1), channels = of(`conv${n}`).shape[0];
    slopes = convolveBack(reluBack(maxPoolBack(slopes, made[`relu${n}`], channels, side), made[`conv${n}`]), side, of(`conv${n}`));
  }
  return slopes;
}
