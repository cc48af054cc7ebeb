/* A shipped network in the page, asked about a slice or a reader's own image. Its weights are a script beside this one,
   lab_network_weights.js, which is fetched when it is asked for the first time. */
"use strict";
(() => {
  const { make, name, choice, tick, button, buttons, column, row, saying, picture, script } = brainsegLab.kit;
  const LARGEST = 50e6, SIDE = 4096, ASPECT = 32, COLOUR = 0.1, SHOWN = 640, THRESHOLD = 0.5;

  /* Bilinear, pixels are squares: their centres lie half a pixel from the edge. */
  const bilinear = (values, [width, height], [wide, high], across, down) => {
    const places = (from, to) => {
      const at = Float64Array.from({ length: to }, (_, i) =>
        Math.min(from - 1, Math.max(0, Math.fround(((i + 0.5) * from) / to - 0.5))));
      return { low: Int32Array.from(at), share: at.map((place) => place - Math.floor(place)) };
    };
    const columns = places(width, wide), rows = places(height, high), made = new Float64Array(wide * high);
    for (let y = 0, place = 0; y < high; y++)
      for (let x = 0; x < wide; x++, place++) {
        const left = columns.low[x], right = left + (left < width - 1), share = columns.share[x];
        const upper = rows.low[y] * width, lower = upper + (rows.low[y] < height - 1) * width;
        made[place] = down(across(values[upper + left], values[upper + right], share),
          across(values[lower + left], values[lower + right], share), rows.share[y]);
      }
    return made;
  };
  const mix = (a, b, share) => a + share * (b - a);

  /* The network, of a grey square, 0 to 255: probabilities, the mean over the image and its mirror images. Features are
     planes, one a channel, one after another. */
  const opened = ({ size, layers }) => {
    const numbers = (text, Kind) => new Kind(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
    const single = (half) => {
      const share = (half & 1023) / 1024, power = (half >> 10) & 31;
      return (half >> 15 ? -1 : 1) * (power ? (1 + share) * 2 ** (power - 15) : share * 2 ** -14);
    };
    for (const layer of layers.filter(({ kernel }) => kernel)) {
      layer.kernel = Float64Array.from(numbers(layer.kernel, Uint16Array), single);
      for (const vector of ["scale", "shift"]) layer[vector] = numbers(layer[vector], Float32Array);
    }
    const each = (sideOf, change) => ([{ side, planes }], layer) => {
      const to = sideOf(side, layer), made = new Float64Array((planes.length / side ** 2) * to ** 2);
      for (let i = 0; i * side ** 2 < planes.length; i++)
        made.set(change(planes.subarray(i * side ** 2, (i + 1) * side ** 2), side, to), i * to ** 2);
      return { side: to, planes: made };
    };
    const kinds = {
      /* Eight terms of a sum at once, a term being a channel's plane moved by a tap: that is twice as fast as one. */
      convolution([{ side, planes }], { kernel, shape: [outputs, inputs, taps], scale, shift, dilation, relu }) {
        const border = (dilation * (taps - 1)) / 2, wide = side + 2 * border, terms = inputs * taps * taps;
        const padded = new Float64Array(inputs * wide * wide), made = new Float64Array(outputs * side * side);
        for (let line = 0; line < inputs * side; line++)
          padded.set(planes.subarray(line * side, (line + 1) * side),
            (Math.floor(line / side) * wide + border + (line % side)) * wide + border);
        const starts = Int32Array.from({ length: terms }, (_, term) => {
          const tap = term % (taps * taps), down = Math.floor(tap / taps) * dilation, across = (tap % taps) * dilation;
          return (Math.floor(term / (taps * taps)) * wide + down) * wide + across;
        });
        for (let output = 0; output < outputs; output++) {
          const to = output * side * side;
          for (let term = 0; term < terms; term += 8) {
            const [a, b, c, d, e, f, g, h] = Array.from({ length: 8 }, (_, i) => starts[term + i] ?? 0);
            const [k, l, m, n, o, p, q, r] = Array.from({ length: 8 }, (_, i) =>
              term + i < terms ? kernel[output * terms + term + i] : 0);
            for (let y = 0; y < side; y++)
              for (let at = to + y * side, end = at + side, i = y * wide; at < end; at++, i++)
                made[at] += k * padded[a + i] + l * padded[b + i] + m * padded[c + i] + n * padded[d + i]
                  + o * padded[e + i] + p * padded[f + i] + q * padded[g + i] + r * padded[h + i];
          }
          for (let at = to; at < to + side * side; at++) {
            const value = made[at] * scale[output] + shift[output];
            made[at] = relu && value < 0 ? 0 : value;
          }
        }
        return { side, planes: made };
      },
      pool: each((side) => side / 2, (plane, side, to) => Float64Array.from({ length: to * to }, (_, i) => {
        const at = 2 * (i % to) + 2 * Math.floor(i / to) * side;
        return Math.max(plane[at], plane[at + 1], plane[at + side], plane[at + side + 1]);
      })),
      mean: each(() => 1, (plane) => [plane.reduce((sum, value) => sum + value, 0) / plane.length]),
      enlarge: each((side, { times }) => side * times, (plane, side, to) =>
        bilinear(plane, [side, side], [to, to], mix, mix)),
      sigmoid: each((side) => side, (plane) => plane.map((value) => 1 / (1 + Math.exp(-value)))),
      join(inputs) {
        const sizes = inputs.map(({ planes }) => planes.length), made = new Float64Array(sizes.reduce((a, b) => a + b));
        inputs.reduce((at, { planes }) => (made.set(planes, at), at + planes.length), 0);
        return { side: inputs[0].side, planes: made };
      },
    };
    const run = (plane) => {
      const made = { image: { side: size, planes: Float64Array.from(Array(layers[0].shape[1]).fill([...plane]).flat()) } };
      for (const layer of layers) made[layer.name] = kinds[layer.kind](layer.inputs.map((input) => made[input]), layer);
      return made[layers.at(-1).name].planes;
    };
    const mirrored = (plane, across, down) => plane.map((_, i) => {
      const x = i % size, y = Math.floor(i / size);
      return plane[(down ? size - 1 - y : y) * size + (across ? size - 1 - x : x)];
    });
    return (grey) => {
      const plane = Float64Array.from(grey, (value) => Math.fround(value / 255)), sum = new Float64Array(plane.length);
      for (const way of [[0, 0], [0, 1], [1, 0], [1, 1]])
        mirrored(run(mirrored(plane, ...way)), ...way).forEach((value, i) => (sum[i] += value / 4));
      return sum;
    };
  };

  /* What computes: the network in a thread of its own, so that the page stays alive; here, if the browser refuses one. */
  const started = async () => {
    await new Promise((onload, onerror) => script("lab_network_weights.js", { onload, onerror }));
    const { network } = brainsegLab, text = JSON.stringify(network);
    const inside = `const bilinear = ${bilinear}, mix = ${mix}, answer = (${opened})(${text});
      onmessage = ({ data }) => postMessage(answer(data));`;
    let worker, last = Promise.resolve();
    try { worker = new Worker(URL.createObjectURL(new Blob([inside], { type: "text/javascript" }))); } catch { worker = null; }
    const elsewhere = (pixels) => new Promise((found, refused) => {
      worker.onmessage = ({ data }) => found(data);
      worker.onerror = refused;
      worker.postMessage(pixels);
    });
    const ask = (pixels) => (last = last.then(() => elsewhere(pixels)).catch(() => opened(JSON.parse(text))(pixels)));
    return { size: network.size, ask };
  };

  /* Images: brainseg.app.slices, in whole numbers as OpenCV resizes them. */

  const STEPS = 2048;
  const part = (share) => Math.round(STEPS * share);
  const whole = [
    (a, b, share) => a * part(1 - share) + b * part(share),
    (a, b, share) => (((part(1 - share) * (a >> 4)) >> 16) + ((part(share) * (b >> 4)) >> 16) + 2) >> 2];

  const frame = ({ width, height }) => {
    const side = Math.max(width, height);
    return { side, left: (side - width) >> 1, top: (side - height) >> 1 };
  };
  const squared = (image, size) => {
    const { side, left, top } = frame(image), { width, height, pixels } = image, square = new Uint8Array(side * side);
    for (let y = 0; y < height; y++) square.set(pixels.subarray(y * width, (y + 1) * width), (top + y) * side + left);
    return Uint8Array.from(bilinear(square, [side, side], [size, size], ...whole));
  };
  const transposed = ({ width, height, pixels }) =>
    ({ width: height, height: width, pixels: pixels.map((_, i) => pixels[(i % height) * width + Math.floor(i / height)]) });

  const refuse = (words) => { throw new Error(words); };

  /* What a file says of itself, read to its end before a browser decodes it. */
  const header = (content) => {
    const view = new DataView(content), byte = (at) => view.getUint8(at), long = (at) => view.getUint32(at);
    const PNG = [0x89504e47, 0x0d0a1a0a], END = 0x49454e44;
    if (long(0) === PNG[0] && long(4) === PNG[1]) {
      let at = 8;
      while (long(at + 4) !== END) at += 12 + long(at);
      return { width: long(16), height: long(20), bits: byte(24) };
    }
    if (long(0) >>> 8 !== 0xffd8ff) return null;
    let found;
    for (let at = 2; ;) {
      const marker = byte(at + 1);
      if (byte(at) !== 0xff) refuse("damaged");
      if (marker === 0xd9) return found;
      at += marker === 0xff ? 1 : 2;
      if (marker === 0xff || marker === 1 || (marker >= 0xd0 && marker <= 0xd8)) continue;
      if (marker >= 0xc0 && marker < 0xd0 && ![0xc4, 0xc8, 0xcc].includes(marker))
        found ??= { bits: byte(at + 2), height: view.getUint16(at + 3), width: view.getUint16(at + 5) };
      at += view.getUint16(at);
      const data = (next) => next === 0 || next === 0xff || (next >= 0xd0 && next <= 0xd7);
      if (marker === 0xda) while (byte(at) !== 0xff || data(byte(at + 1))) at++;
    }
  };

  const read = async (file) => {
    if (file.size > LARGEST) refuse(`the file has more than ${LARGEST / 1e6} MB.`);
    const content = await file.arrayBuffer().catch(() => refuse("this cannot be read as a file."));
    let about;
    try { about = header(content); } catch { if (file.size > 8) refuse("the image is cut off or damaged."); }
    if (!about) refuse("this is no JPEG or PNG image.");
    const [short, long] = [about.width, about.height].sort((a, b) => a - b);
    if (!short || long > SIDE || long > ASPECT * short)
      refuse(`the image has ${about.width} × ${about.height} pixels; a side may have ${SIDE}, and ${ASPECT} times the other.`);
    if (about.bits > 8) refuse(`the image has ${about.bits} bits a value; save it with 8.`);
    const bitmap = await createImageBitmap(new Blob([content]), { colorSpaceConversion: "none" })
      .catch(() => refuse("the image cannot be decoded."));
    const { width, height } = bitmap, brush = make("canvas", { width, height }).getContext("2d");
    brush.drawImage(bitmap, 0, 0);
    const { data } = brush.getImageData(0, 0, width, height), pixels = new Uint8Array(width * height);
    let spread = 0, brightest = 0, darkest = 255;
    for (let i = 0; i < pixels.length; i++) {
      const [red, green, blue] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
      if (data[4 * i + 3] < 255) refuse("the image is transparent in places; save it without transparency.");
      spread = Math.max(spread, Math.max(red, green, blue) - Math.min(red, green, blue));
      brightest = Math.max(brightest, red, green, blue);
      darkest = Math.min(darkest, green);
      pixels[i] = green;
    }
    if (spread > COLOUR * brightest) refuse("the image is in colour; shades of grey are expected.");
    if (pixels.every((value) => value === darkest)) refuse("the image is empty: all its pixels are equal.");
    return { title: file.name.slice(0, 80), width, height, pixels };
  };

  brainsegLab.parts.network = ({ from, about }) => {
    const slices = document.querySelector(`[data-lab="${from}"]`).lab.slices.map(({ title, image, border }) =>
      ({ title, border, width: image.size, height: image.size, pixels: image.pixels }));
    const view = picture({ border: "the tumour's border, where it is known", prediction: "marked by DeepLab" });
    const { element: says, say } = saying();
    let own = [], turn = 0, network = null, found = null;
    const current = () => [...slices, ...own][which.value];
    const show = () => {
      turn++;
      found = null;
      const image = current(), size = Math.min(SHOWN, frame(image).side);
      view.slice({ size, pixels: squared(image, size) });
      view.outline("border", image.border);
      view.outline("prediction", null);
      view.label(`${image.title}. Nothing is marked yet.`);
      say(`${image.title}: press “Try it”.`);
    };
    const ask = async () => {
      const image = current(), mine = ++turn;
      say(network ? "The network looks at it …" : "The network is fetched, and looks at it …");
      try {
        network ??= started();
        const { size, ask: answer } = await network, began = performance.now();
        const lying = upright.value ? transposed(image) : image;
        const answered = { width: size, height: size, pixels: await answer(squared(lying, size)) };
        if (mine !== turn) return;
        const { pixels } = upright.value ? transposed(answered) : answered;
        const { side, left, top } = frame(image), shown = Math.min(SHOWN, side);
        const probability = bilinear(pixels, [size, size], [shown, shown], mix, mix);
        const within = (at, start, length) => ((at + 0.5) * side) / shown > start && ((at + 0.5) * side) / shown < start + length;
        const inside = probability.map((_, i) =>
          within(i % shown, left, image.width) && within(Math.floor(i / shown), top, image.height));
        const mask = Uint8Array.from(probability, (value, i) => inside[i] && value > THRESHOLD);
        const share = mask.reduce((sum, value) => sum + value, 0) / inside.reduce((sum, value) => sum + value, 0);
        const seconds = ((performance.now() - began) / 1000).toFixed(1);
        const words = share ? `${(100 * share).toFixed(1)} % of the image is marked` : "Nothing is marked";
        found = { size: shown, probability, mask, share };
        view.outline("prediction", { size: shown, pixels: mask });
        view.label(`${image.title}. ${words}.`);
        say(`${words}, after ${seconds} seconds. This is no diagnosis.`);
      } catch {
        network = null;
        if (mine === turn) say("The network cannot be fetched or run in this browser.");
      }
    };
    const take = async ([file]) => {
      if (!file) return;
      const mine = ++turn;
      try {
        const image = await read(file);
        if (mine !== turn) return;
        own = [image];
        which.offer([...slices, image].map(({ title }) => title));
        which.value = slices.length;
        show();
        ask();
      } catch (error) {
        if (mine === turn) say(`${file.name.slice(0, 80)}: ${error.message}`);
      }
    };
    const which = choice("Slice", slices.map(({ title }) => title), show);
    const upright = tick("The head stands upright", false, show);
    const id = name();
    const chooser = make("input", { id, type: "file", accept: "image/png,image/jpeg", onchange: () => take(chooser.files) });
    const panel = row(
      column(view.element),
      column(which.element,
        make("div.lab-choice", {}, make("label", { for: id }, "Or an image of yours"), chooser),
        upright.element,
        buttons(button("Try it", ask)),
        says,
        ...about.map((text) => make("p.lab-note", {}, text))));
    const over = (is) => (event) => {
      event.preventDefault();
      view.frame.classList.toggle("lab-over", is);
      if (event.type === "drop") take(event.dataTransfer.files);
    };
    for (const [event, is] of [["dragover", true], ["dragleave", false], ["drop", false]]) panel.addEventListener(event, over(is));
    show();
    return Object.assign([panel], { found: () => found });
  };
  brainsegLab.start();
})();
