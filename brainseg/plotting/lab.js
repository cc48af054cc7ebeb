/* The parts of the book that a reader can use. A part is a <div class="lab" data-lab="NAME"> with its data as JSON and,
   where no script runs, a still picture. It is a script and no module, because browsers refuse modules from a file. */
"use strict";
window.brainsegLab ??= (() => {
  const SVG = "http://www.w3.org/2000/svg";

  /* Elements */

  const make = (what, properties = {}, ...children) => {
    const [tag, look] = what.split(".");
    const element = tag.startsWith("svg:") ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
    if (look) element.setAttribute("class", look);
    for (const [name, value] of Object.entries(properties))
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  let made = 0;
  const name = () => `lab-${++made}`;

  const digits = (value, places = 3) => (Number.isFinite(value) ? value.toFixed(places) : "–");

  const percent = (value) => `${Math.round(100 * value)} %`;

  const slider = (label, { min = 0, max = 1, step = 0.01, value, words }, changed) => {
    const id = name();
    const input = make("input", { type: "range", id, min, max, step, value });
    const output = make("output", { for: id });
    const show = () => {
      output.textContent = words(Number(input.value));
      input.setAttribute("aria-valuetext", output.textContent);
    };
    input.addEventListener("input", () => (show(), changed?.()));
    show();
    return {
      element: make("div.lab-slider", {}, make("label", { for: id }, label), output, input),
      get value() { return Number(input.value); },
      set value(number) { input.value = number; show(); },
    };
  };

  /* A place in a picture, in shares from its upper left corner; the keys go the way that they show. */
  const place = (changed) => {
    const [across, up] = ["Across", "Up"].map((label) => slider(label, { value: 0.5, words: percent }, changed));
    return {
      elements: [across.element, up.element],
      get x() { return across.value; },
      get y() { return 1 - up.value; },
      move(x, y) { across.value = x; up.value = 1 - y; },
    };
  };

  const choice = (label, names, changed) => {
    const id = name();
    const select = make("select", { id });
    const control = {
      element: make("div.lab-choice", {}, make("label", { for: id }, label), select),
      get value() { return Number(select.value); },
      set value(number) { select.value = number; },
      get text() { return select.selectedOptions[0].text; },
      offer(offered) {
        const before = select.selectedOptions[0]?.text;
        select.replaceChildren(...offered.map((text, i) => make("option", { value: i }, text)));
        select.value = Math.max(0, offered.indexOf(before));
      },
    };
    control.offer(names);
    select.addEventListener("change", changed);
    return control;
  };

  const tick = (label, checked, changed) => {
    const input = make("input", { type: "checkbox", onchange: changed });
    input.checked = checked;
    return { element: make("label.lab-tick", {}, input, label), get value() { return input.checked; } };
  };

  const button = (text, pressed) => make("button", { type: "button", onclick: pressed }, text);
  const [buttons, column, pair, row] = ["buttons", "column", "pair", "row"].map((look) =>
    (...children) => make(`div.lab-${look}`, {}, ...children));
  const legend = (kinds) => make("ul.lab-key", { "aria-hidden": true }, ...Object.entries(kinds).map(([kind, title]) =>
    make("li", {}, make("span", { class: `lab-sample lab-${kind}` }), title)));

  /* A sentence that is read aloud when it has stood still for a moment. */
  const saying = () => {
    const element = make("p.lab-says", { role: "status" });
    let waiting;
    const say = (text) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => element.textContent === text || (element.textContent = text), 200);
    };
    return { element, say };
  };

  const gauge = (name = "") => {
    const bar = make("span.lab-fill"), mark = make("span.lab-mark");
    return {
      element: make("td", { class: name, "aria-hidden": "true" }, make("span.lab-bar", {}, bar, mark)),
      show(low, high, at) {
        bar.style.left = `${100 * low}%`;
        bar.style.width = `${100 * (high - low)}%`;
        mark.hidden = !(at <= 1);
        mark.style.left = `${100 * at}%`;
      },
    };
  };

  const meters = (titles) => {
    const rows = titles.map(([key, title]) => {
      const number = make("td.lab-number"), bar = gauge();
      return { key, number, bar, line: make("tr", {}, make("th", { scope: "row" }, title), number, bar.element) };
    });
    return {
      element: make("table.lab-meters", {}, make("tbody", {}, ...rows.map(({ line }) => line))),
      show(values, marks = {}) {
        for (const { key, number, bar } of rows) {
          number.textContent = digits(values[key]);
          bar.show(0, values[key] || 0, marks[key]);
        }
      },
    };
  };

  /* Pictures: a slice as pixels, what lies over it as lines that stay sharp at any size. */

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const bits = (text, count) => {
    const packed = bytes(text);
    return Uint8Array.from({ length: count }, (_, i) => (packed[i >> 3] >> (7 - (i & 7))) & 1);
  };
  const square = ({ size, pixels }) => ({ size, pixels: bytes(pixels) });
  const mask = ({ size, bits: packed }) => ({ size, pixels: bits(packed, size * size) });

  const paint = (canvas, { size, pixels }, colour) => {
    canvas.width = canvas.height = size;
    const image = new ImageData(size, size);
    pixels.forEach((value, i) => image.data.set(colour(value), 4 * i));
    canvas.getContext("2d").putImageData(image, 0, 0);
  };

  /* The way around the pixels of a mask, as an SVG path in shares of the picture. */
  const around = ({ size, pixels }) => {
    const at = (x, y) => x >= 0 && y >= 0 && x < size && y < size && pixels[y * size + x];
    const way = [];
    for (let y = 0; y <= size; y++)
      for (let x = 0; x <= size; x++) {
        if (!at(x, y) !== !at(x, y - 1)) way.push(`M${x} ${y}h1`);
        if (!at(x, y) !== !at(x - 1, y)) way.push(`M${x} ${y}v1`);
      }
    return way.join("");
  };

  const picture = (kinds, spoken = true) => {
    const slice = make("canvas");
    const colours = make("canvas");
    const lines = make("svg:svg", { viewBox: "0 0 1 1", "aria-hidden": "true" });
    const frame = make("div.lab-picture", spoken ? { role: "img" } : { "aria-hidden": true }, slice, colours, lines);
    const shown = {};
    const draw = (kind, path, size = 1) => {
      const looks = ["lab-halo", `lab-line lab-${kind}`].map((name) => make("svg:path", { class: name }));
      shown[kind] ??= lines.appendChild(make("svg:g", {}, ...looks));
      shown[kind].setAttribute("transform", `scale(${1 / size})`);
      for (const stroke of shown[kind].children) stroke.setAttribute("d", path || "");
    };
    return {
      element: make("div", {}, frame, ...(kinds ? [legend(kinds)] : [])),
      frame,
      label: (text) => frame.setAttribute("aria-label", text),
      slice: (image) => paint(slice, image, (value) => [value, value, value, 255]),
      colour: (image, colour) => paint(colours, image, colour),
      outline: (kind, area) => draw(kind, area && around(area), area?.size),
      path: draw,
      /* Where a finger or the mouse is, in shares of the picture, from when it is put down until it is lifted. */
      follow(down, moved) {
        const place = (event) => {
          const box = frame.getBoundingClientRect();
          return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
        };
        let held = false;
        frame.classList.add("lab-touch");
        frame.addEventListener("pointerdown", (event) => {
          held = down(...place(event)) !== false;
          if (held) frame.setPointerCapture(event.pointerId);
        });
        frame.addEventListener("pointermove", (event) => held && moved(...place(event)));
        frame.addEventListener("lostpointercapture", () => (held = false));
      },
    };
  };

  /* Scores */

  const confusion = (answer, truth) => {
    // true positives, false positives, false negatives, true negatives
    const counts = [0, 0, 0, 0];
    truth.pixels.forEach((value, i) => counts[answer[i] ? (value ? 0 : 1) : value ? 2 : 3]++);
    return counts;
  };
  const meanOf = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const scoresOf = ([tp, fp, fn, tn]) => ({
    accuracy: (tp + tn) / (tp + fp + fn + tn),
    dice: (2 * tp) / (2 * tp + fp + fn),
    iou: tp / (tp + fp + fn),
    mean_iou: meanOf([tp / (tp + fp + fn), tn / (tn + fp + fn)].filter(Number.isFinite)),
  });

  /* Which scores can stand beside each other: brainseg.paper.claims.pooled, which explains it, in whole numbers too. */

  const QUOTIENTS = Object.fromEntries(Object.entries({
    accuracy: "1001 1111", precision: "1000 1100", recall: "1000 1010", specificity: "0001 0101",
    prevalence: "1010 1111", dice: "2000 2110", iou: "1000 1110",
  }).map(([score, weights]) => [score, weights.split(" ").map((side) => [...side].map(BigInt))]));
  const SCORES = [...Object.keys(QUOTIENTS), "mean_iou"];

  const weighed = (weights, counts) => weights.reduce((sum, weight, i) => sum + weight * counts[i], 0n);
  const divisor = (a, b) => (b ? divisor(b, a % b) : a < 0n ? -a : a);
  const quotient = ([above, below]) => Number(above) / Number(below);

  /* What rounds to a printed number: [low, high], each as [numerator, denominator]; nothing if it is none. */
  const printed = (text) => {
    const [, whole, decimals = "", percent] = /^\s*(\d*)(?:[.,](\d*))?\s*(%?)\s*$/.exec(text) ?? [];
    if (!whole && !decimals) return null;
    const twice = 2n * BigInt(whole + decimals), below = 2n * 10n ** BigInt(decimals.length + (percent ? 2 : 0));
    return [[twice - 1n, below], [twice + 1n, below]];
  };

  const cut = (edges, weights) => {
    const side = edges.map(({ counts }) => weighed(weights, counts));
    const kept = edges.flatMap((edge, i) =>
      side[i] > 0n ? edge : side[i] ? [] : { ...edge, tight: new Set([...edge.tight, weights]) });
    edges.forEach((one, i) => side[i] > 0n && edges.forEach((other, j) => {
      if (side[j] >= 0n) return;
      const common = [...one.tight].filter((limit) => other.tight.has(limit));
      if (edges.some((edge) => edge !== one && edge !== other && common.every((limit) => edge.tight.has(limit)))) return;
      const between = one.counts.map((count, k) => side[i] * other.counts[k] - side[j] * count);
      const shared = between.reduce(divisor);
      kept.push({ counts: between.map((count) => count / shared), tight: new Set([...common, weights]) });
    }));
    return kept;
  };
  /* Those edges where a score is, with 1n, not below a value, and with -1n not above it. */
  const beyond = (edges, score, [share, scale], sign) => {
    const [above, below] = QUOTIENTS[score];
    return cut(edges, above.map((a, i) => sign * (scale * a - share * below[i])));
  };

  const meanIouRange = (edges) => {
    const shares = edges.map(({ counts: [tp, fp, fn, tn] }) =>
      [tp, fp + fn, tn].map((count) => quotient([count, tp + fp + fn + tn])));
    const share = (...pairs) => {
      const [right, wrong] = pairs.find(([some, others]) => some + others);
      return right / (right + wrong);
    };
    let low = 2, high = 0;
    for (const [t, e, n] of shares) {
      if (e) low = Math.min(low, t / (t + e) + n / (n + e));
      for (const [u, f, m] of shares) {
        high = Math.max(high, share([t, e], [u, f], [0, 1]) + share([n, e], [m, f], [0, 1]));
        const tumour = u * (t + e) - t * (u + f), background = m * (n + e) - n * (m + f);
        const a = Math.sqrt(Math.abs(tumour)), b = Math.sqrt(Math.abs(background));
        const step = (b * (t + e) - a * (n + e)) / (a * (m + f) - b * (u + f));
        if (tumour * background < 0 && step > 0 && step < Infinity)
          high = Math.max(high, (t + step * u) / (t + e + step * (u + f)) + (n + step * m) / (n + e + step * (m + f)));
      }
    }
    return [low / 2, Math.max(low, high) / 2];
  };
  const has = ({ edges }, score) => score === "mean_iou"
    ? edges.some(({ counts: [tp, fp, fn] }) => tp + fp + fn) && edges.some(({ counts: [, fp, fn, tn] }) => fp + fn + tn)
    : edges.some(({ counts }) => weighed(QUOTIENTS[score][1], counts));
  const possible = ({ edges, meanIou }) => {
    if (!meanIou) return edges.length > 0;
    if (!has({ edges }, "mean_iou")) return false;
    const [low, high] = meanIouRange(edges);
    return low <= quotient(meanIou[1]) + 1e-12 && quotient(meanIou[0]) <= high + 1e-12;
  };

  const allowed = ({ mean_iou: meanIou, ...intervals }) => {
    const only = [0, 1, 2, 3].map((place) => [0, 1, 2, 3].map((i) => BigInt(i === place)));
    let edges = only.map((counts) => ({ counts, tight: new Set(only.filter((other) => other !== counts)) }));
    for (const [score, [low, high]] of Object.entries(intervals))
      edges = beyond(beyond(edges, score, low, 1n), score, high, -1n);
    return { edges, meanIou };
  };

  const range = ({ edges, meanIou }, score) => {
    if (score === "mean_iou") {
      const [low, high] = meanIouRange(edges);
      return meanIou ? [Math.max(low, quotient(meanIou[0])), Math.min(high, quotient(meanIou[1]))] : [low, high];
    }
    const values = edges.map(({ counts }) => QUOTIENTS[score].map((weights) => weighed(weights, counts)))
      .filter(([, below]) => below).map(quotient);
    const outer = [Math.min(...values), Math.max(...values)];
    if (!meanIou) return outer;
    const fine = 2 ** 40;
    return [-1n, 1n].map((sign, i) => {
      const holds = (value) => possible({ edges: beyond(edges, score, [value, BigInt(fine)], sign), meanIou });
      let [start, end] = [outer[i], outer[1 - i]].map((value) => BigInt(Math.round(value * fine)));
      if (holds(start)) return outer[i];
      while (end - start > 1n || start - end > 1n) {
        const middle = (start + end) / 2n;
        if (holds(middle)) end = middle; else start = middle;
      }
      return Number(end) / fine;
    });
  };

  const consistent = (intervals) => {
    const counts = allowed(intervals);
    return possible(counts) && Object.keys(intervals).every((score) => has(counts, score));
  };
  const contradictions = (intervals) => {
    if (consistent(intervals)) return [];
    const names = SCORES.filter((score) => score in intervals);
    const sets = Array.from({ length: 2 ** names.length - 1 }, (_, i) => names.filter((_, place) => ((i + 1) >> place) & 1));
    const found = [];
    for (const some of sets.sort((a, b) => a.length - b.length))
      if (!found.some((smaller) => smaller.every((score) => some.includes(score))))
        if (!consistent(Object.fromEntries(some.map((score) => [score, intervals[score]])))) found.push(some);
    return found;
  };
  const holdForMeans = (intervals) => {
    if (Object.values(intervals).some(([low]) => quotient(low) > 1)) return false;
    const [dice, iou] = [intervals.dice, intervals.iou].map((interval) => interval?.map(quotient));
    return !dice || !iou || (dice[1] >= iou[0] && dice[0] / (2 - dice[0]) <= iou[1]);
  };

  /* What a row of printed scores says of itself. */
  const check = (texts) => {
    const intervals = {};
    for (const score of SCORES) if (texts[score] && printed(texts[score])) intervals[score] = printed(texts[score]);
    const found = contradictions(intervals);
    const doubted = new Set(found.map((some) => some.at(-1)));
    const trusted = Object.fromEntries(Object.entries(intervals).filter(([score]) => !doubted.has(score)));
    const counts = allowed(trusted);
    const implied = {};
    for (const score of SCORES)
      if (!(score in trusted) && has(counts, score)) implied[score] = range(counts, score);
    const verdict = !found.length ? "possible" : holdForMeans(intervals) ? "not of pooled pixels" : "impossible";
    return { verdict, contradictions: found, implied, intervals };
  };

  /* Parts */

  const parts = {};

  /* Runs a script that lies beside lab.js. */
  const script = (name, then) => {
    const src = new URL(name, document.querySelector('script[src*="lab.js"]').src);
    document.head.append(make("script", { src, ...then }));
  };

  /* Slices with their masks and maps. */
  const read = (cases) => cases.map((one) => Object.fromEntries(Object.entries(one).map(([name, value]) =>
    [name, value.bits ? mask(value) : value.pixels ? square(value) : value])));

  parts.scores = ({ cases }) => {
    const slices = read(cases);
    const view = picture({ border: "the tumour's border", prediction: "your answer" });
    const hold = view.frame.appendChild(make("div.lab-hold"));
    const table = meters([["accuracy", "Accuracy"], ["dice", "Dice"], ["iou", "IoU"], ["mean_iou", "Mean IoU"],
      ["published", "The study's mean IoU"]]);
    const { element: says, say } = saying();
    const which = choice("Slice", slices.map(({ title }) => title), () => start());
    const free = () => ((answer = null), show());
    const at = place(free);
    const width = slider("Width", { min: 0.02, value: 0.3, words: percent }, free);
    const height = slider("Height", { min: 0.02, value: 0.3, words: percent }, free);
    const sure = slider("How sure it is", { min: 0.51, value: 0.9, words: percent }, () => show());
    // pixels, where no ellipse is the answer
    let answer = null;

    const ellipse = (size) =>
      Uint8Array.from({ length: size * size }, (_, i) => {
        const across = ((i % size) + 0.5) / size - at.x, down = (Math.floor(i / size) + 0.5) / size - at.y;
        return (2 * across / width.value) ** 2 + (2 * down / height.value) ** 2 <= 1;
      });
    const current = () => answer ?? ellipse(slices[which.value].border.size);
    const show = () => {
      const { border } = slices[which.value];
      const pixels = current();
      const counts = confusion(pixels, border);
      // Keras cuts decimals off: a probability below 1 is class 0, whatever it is.
      const classes = confusion(sure.value === 1 ? pixels : [], border);
      const blank = scoresOf(confusion([], border));
      const found = { ...scoresOf(counts), published: scoresOf(classes).mean_iou };
      view.outline("prediction", { size: border.size, pixels });
      const [w, h] = [width.value / 2, height.value / 2];
      const edges = [at.y - h, 1 - at.x - w, 1 - at.y - h, at.x - w];
      hold.style.inset = edges.map((share) => `${100 * share}%`).join(" ");
      view.path("handle", answer ? "" : `M${at.x + w} ${at.y + h}h0`);
      table.show(found, { accuracy: blank.accuracy, dice: 0, iou: 0, mean_iou: blank.mean_iou, published: blank.mean_iou });
      say(`Accuracy ${digits(found.accuracy)}, a blank sheet has ${digits(blank.accuracy)}. Dice ${digits(found.dice)}. ` +
        (sure.value === 1 ? "At exactly 100 % the study's mean IoU sees the answer."
          : `The study's mean IoU is ${digits(found.published)}, whatever the answer is: half the share of background.`));
    };
    const start = () => {
      answer = null;
      const { image, border, title } = slices[which.value];
      view.slice(image);
      view.label(`${title}, with the tumour's border and your answer. The sliders move it.`);
      view.outline("border", border);
      show();
    };
    const press = (text, pixels, certain) =>
      button(text, () => {
        answer = pixels();
        if (certain) sure.value = certain;
        show();
      });
    const truth = () => slices[which.value].border.pixels;
    let resizing, dx, dy;
    view.follow((across, down) => {
      [dx, dy] = [across - at.x, down - at.y];
      resizing = !answer && Math.hypot(dx - width.value / 2, dy - height.value / 2) < 0.06;
      // What is put down beside the ellipse brings it there.
      if (answer || Math.hypot(dx / width.value, dy / height.value) > 0.5) [dx, dy] = resizing ? [dx, dy] : [0, 0];
      if (!resizing) at.move(across - dx, down - dy);
      free();
    }, (across, down) => {
      if (resizing) [width.value, height.value] = [2 * Math.abs(across - at.x), 2 * Math.abs(down - at.y)];
      else at.move(across - dx, down - dy);
      free();
    });
    start();
    return Object.assign([
      row(
        column(view.element, which.element),
        column(table.element,
          make("p.lab-note", {}, "The mark on a bar: a blank sheet."),
          buttons(
            press("Blank sheet", () => []),
            press("Perfect, 99 % sure", truth, 0.99),
            press("Perfect, 100 % sure", truth, 1),
            button("Ellipse", free)),
          sure.element,
          pair(...at.elements, width.element, height.element))),
      says], { answer: () => Array.from(truth(), (_, i) => current()[i] ?? 0) });
  };

  parts.table = ({ examples, titles }) => {
    const { element: says, say } = saying();
    const lines = SCORES.map((score) => {
      const id = name();
      const input = make("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", size: 8,
        oninput: () => { which.value = 0; show(); } });
      const bar = gauge("lab-wide"), words = make("td.lab-number");
      const label = make("th", { scope: "row" }, make("label", { for: id }, titles[score]));
      return { score, input, bar, words, line: make("tr", {}, label, make("td", {}, input), words, bar.element) };
    });
    const which = choice("Example", ["your own", ...examples.map(({ name: title }) => title)], () => fill());
    const fill = () => {
      const scores = examples[which.value - 1]?.scores ?? {};
      for (const { score, input } of lines) input.value = scores[score] ?? "";
      show();
    };
    const show = () => {
      const texts = Object.fromEntries(lines.map(({ score, input }) => [score, input.value.trim()]));
      const { verdict, contradictions: found, implied, intervals } = check(texts);
      for (const { score, input, bar, words, line } of lines) {
        const limits = implied[score] ?? intervals[score]?.map(quotient) ?? [0, 1];
        const [low, high] = limits.map((value) => Math.min(1, Math.max(0, value)));
        const bad = found.some((some) => some.at(-1) === score);
        const unread = texts[score] && !intervals[score];
        line.classList.toggle("lab-bad", bad);
        input.setAttribute("aria-invalid", Boolean(unread || bad));
        const ends = [...new Set([low, high].map((value) => value.toFixed(4)))].join(" to ");
        words.textContent = unread ? "no number" : !(score in implied) ? "" : high - low > 0.99995 ? "anything" : ends;
        const [a, b] = intervals[score]?.map(quotient) ?? [];
        bar.show(low, Math.max(high, low + 0.008), (a + b) / 2);
      }
      const named = (score) => `${titles[score]} ${texts[score]}`;
      const inWords = (some) => some.length > 1
        ? `${named(some.at(-1))} cannot stand beside ${some.slice(0, -1).map(named).join(" and ")}`
        : `${named(some[0])} is not from 0 to 1`;
      const conclusions = {
        "possible": "Nothing contradicts itself.",
        "not of pooled pixels": "Not of the same pooled pixels; means over images may differ.",
        "impossible": "Impossible, however it was averaged.",
      };
      say(Object.keys(intervals).length
        ? [...found.slice(0, 3).map((some) => `${inWords(some)}.`), conclusions[verdict]].join(" ")
        : "Type numbers, or choose an example.");
    };
    which.value = 1;
    fill();
    const head = ["Score", "Printed", "What the others allow"].map((text) => make("th", { scope: "col" }, text));
    return [
      row(column(which.element)),
      says,
      make("table.lab-check", {}, make("thead", {}, make("tr", {}, ...head, make("td.lab-wide"))),
        make("tbody", {}, ...lines.map(({ line }) => line)))];
  };

  parts.threshold = ({ cases, together }) => {
    const slices = read(cases);
    const marked = ({ probability }, threshold) => probability.pixels.map((value) => value > 255 * threshold);
    const diceAt = (slice, threshold) => scoresOf(confusion(marked(slice, threshold), slice.border)).dice;
    const steps = Array.from({ length: 99 }, (_, i) => (i + 1) / 100);
    const curves = slices.map((slice) => steps.map((threshold) => diceAt(slice, threshold)));

    const view = picture({ border: "the tumour's border", prediction: "marked by the network" });
    const table = meters([["dice", "Dice of this slice"], ["together", "Mean Dice of all test slices"]]);
    const { element: says, say } = saying();
    const which = choice("Slice", slices.map(({ title }) => title), () => (start(), show()));
    const threshold = slider("Threshold", { min: 0.01, max: 0.99, value: 0.5, words: (value) => digits(value, 2) }, () => show());
    const colours = tick("Show the probabilities", false, () => show());
    const lines = make("svg:g");
    const now = make("svg:line.lab-now", { y1: 0, y2: 100 });
    const dot = make("svg:circle.lab-dot", { r: 3.5 });
    const text = (x, y, words) => make("svg:text", { x, y, "text-anchor": "middle" }, words);
    const grid = [0, 50, 100].map((y) => make("svg:line.lab-grid", { x2: 200, y1: y, y2: y }));
    const chart = make("svg:svg.lab-chart", { viewBox: "-24 -8 232 136", role: "img" }, ...grid, lines, now, dot,
      text(-8, 3, "1"), text(-8, 103, "0"), text(0, 114, "0"), text(200, 114, "1"),
      text(100, 126, "threshold"));
    const curve = (values, kind) => make("svg:polyline", { class: `lab-curve ${kind}`,
      points: values.map((value, i) => `${200 * steps[i]},${100 - 100 * value}`).join(" ") });
    const start = () => {
      const { image, border } = slices[which.value];
      view.slice(image);
      view.outline("border", border);
      lines.replaceChildren(curve(together, "lab-all"), curve(curves[which.value], "lab-one"));
    };
    const best = (values) => steps[values.indexOf(Math.max(...values))];
    const show = () => {
      const slice = slices[which.value], at = threshold.value, pixels = marked(slice, at);
      const dice = diceAt(slice, at), all = together[Math.round(100 * at) - 1];
      view.outline("prediction", { size: slice.border.size, pixels });
      view.colour(slice.probability, (value) => colours.value ? [240, 53, 155, 0.75 * value] : [0, 0, 0, 0]);
      view.label(`${slice.title}: the border and what is marked`);
      table.show({ dice, together: all });
      for (const end of ["x1", "x2"]) now.setAttribute(end, 200 * at);
      dot.setAttribute("cx", 200 * at);
      dot.setAttribute("cy", 100 - 100 * dice);
      const found = [curves[which.value], together].map((values) => digits(best(values), 2));
      const words = `This slice is best at ${found[0]}, all test slices together at ${found[1]}.`;
      chart.setAttribute("aria-label", `Dice over the threshold. ${words}`);
      say(`${pixels.filter(Boolean).length} pixels are marked. ${words}`);
    };
    start();
    show();
    const key = legend({ one: "Dice of this slice", all: "mean of all test slices" });
    return [
      row(column(view.element, which.element, colours.element),
        column(threshold.element, table.element, chart, key)),
      says];
  };

  parts.pairing = ({ images }) => {
    const slices = read(images);
    const counts = slices.map(() => 1);
    const { element: says, say } = saying();
    const byId = tick("Pair by the image's id instead of by place", false, () => show());
    const cards = slices.map(({ image }, i) => {
      const view = picture(null, false);
      view.slice(image);
      const words = make("span.lab-card-words");
      const card = button("", () => { counts[i] = [2, 0, 1][counts[i]]; show(); });
      card.className = "lab-card";
      card.append(view.element, words);
      return { view, words, card };
    });
    const pairs = () => {
      const list = counts.flatMap((count, i) => Array(count).fill(i));
      return slices.map((_, i) => (byId.value ? (counts[i] ? i : -1) : list[i] ?? -1));
    };
    const agreement = () => meanOf(pairs().map((from, i) => from < 0 ? 0 :
      scoresOf(confusion(slices[from].box.pixels, slices[i].box)).dice));
    const plural = ["no annotation", "1 annotation", "2 annotations"];
    const show = () => {
      const found = pairs();
      cards.forEach(({ view, words, card }, i) => {
        const from = found[i], right = from === i;
        view.outline("box", right ? slices[i].box : null);
        view.outline("position", right || from < 0 ? null : slices[from].box);
        card.classList.toggle("lab-bad", from >= 0 && !right);
        words.replaceChildren(`${i + 1}: ${plural[counts[i]]}`, make("br"),
          make("strong", {}, from < 0 ? "no label" : right ? "its own label" : `label of ${from + 1}`));
      });
      const wrong = found.filter((from, i) => from >= 0 && from !== i).length, none = found.filter((from) => from < 0).length;
      say(`${wrong} of ${slices.length} images have another image's label, ${none} none. ` +
        `On average the labels agree with the right ones to a Dice of ${digits(agreement(), 2)}.`);
    };
    const set = (changes) => { counts.forEach((_, i) => (counts[i] = changes[i] ?? 1)); show(); };
    set({});
    return Object.assign([
      buttons(
        button("All as it should be", () => set({})),
        button("Take one away", () => set({ 2: 0 })),
        button("As in the training images", () => set({ 2: 2, 9: 0 }))),
      byId.element,
      make("ol.lab-cards", {}, ...cards.map(({ card }) => make("li", {}, card))),
      says], { pairs, agreement });
  };

  parts.find = ({ cases }) => {
    const slices = read(cases);
    const view = picture({ border: "border", box: "the study's kind of label", prediction: "marked by U-Net" });
    const { element: says, say } = saying();
    const cross = place(() => show());
    let at = 0, open = false, tried = 0, hits = 0;
    const distance = () => {
      const { size, pixels } = slices[at].border;
      const [across, down] = [cross.x, cross.y].map((share) => Math.min(size - 1, Math.floor(share * size)));
      let least = Infinity;
      pixels.forEach((value, i) => value && (least = Math.min(least, Math.hypot((i % size) - across, Math.floor(i / size) - down))));
      return least;
    };
    const show = () => {
      const { border, box, prediction } = slices[at];
      view.path("cross", `M${cross.x - 0.03} ${cross.y}h.06M${cross.x} ${cross.y - 0.03}v.06`);
      for (const [kind, area] of Object.entries({ border, box, prediction })) view.outline(kind, open && area);
    };
    const turn = (step) => {
      at = (at + step) % slices.length;
      open = false;
      cross.move(0.5, 0.5);
      view.slice(slices[at].image);
      view.label(`${slices[at].title}. Where is the tumour? The sliders move the cross.`);
      say(`${slices[at].title}: put the cross where you think the tumour is, then reveal it.`);
      show();
    };
    const reveal = button("Reveal", () => {
      if (open) return;
      open = true;
      tried++;
      const far = distance();
      hits += far === 0;
      const [found] = confusion(slices[at].prediction.pixels, slices[at].border);
      const network = `U-Net ${found ? "finds" : "misses"} it`;
      say(`${far === 0 ? "Inside the tumour." : `${digits(far, 0)} pixels beside the tumour.`} ${network}. You: ${hits} of ${tried}.`);
      show();
    });
    const moved = (x, y) => !open && (cross.move(x, y), show());
    view.follow(moved, moved);
    turn(0);
    return Object.assign([
      row(column(view.element), column(...cross.elements, buttons(reveal, button("Next slice", () => turn(1))), says))],
      { distance, slices });
  };

  parts.maps = ({ images, networks, border, scores, key }) => {
    const borders = border.map(mask);
    const which = choice("Image", images.map(({ title }) => title), () => show());
    const opacity = slider("Opacity of the maps", { step: 0.05, value: 0.85, words: percent }, () => show());
    const outline = tick("Draw the border", true, () => show());
    const { element: says, say } = saying();
    const panels = ["First", "Second"].map((nth, side) => {
      const slice = make("img.dark-light", { alt: "" }), map = make("img", { alt: "", class: "dark-light lab-map" });
      const view = picture();
      view.frame.prepend(slice, map);
      const network = choice(`${nth} network`, Object.keys(networks), () => (offer(), show()));
      const method = choice(`${nth} method`, [], () => show());
      const offer = () => method.offer(Object.keys(networks[network.text]));
      const words = make("p.lab-note");
      offer();
      method.value = Math.min(side + 1, Object.keys(networks[network.text]).length - 1);
      return { slice, map, view, network, method, words };
    });
    const show = () => {
      const number = which.value;
      for (const { slice, map, view, network, method, words } of panels) {
        const title = `${method.text} of ${network.text}`;
        slice.src = images[number].src;
        map.src = networks[network.text][method.text][number];
        map.style.opacity = opacity.value;
        view.label(`${images[number].title}: ${title}`);
        view.outline("border", outline.value && borders[number]);
        const values = Object.entries(scores[network.text][method.text][number]);
        words.textContent = values.map(([score, value]) => `${score}: ${digits(value, 2)}`).join(" · ");
      }
      say(panels.map(({ network, method, words }) => `${method.text} of ${network.text}${words.textContent && ` – ${words.textContent}`}`).join("; "));
    };
    show();
    says.classList.add("lab-unseen");
    return [
      pair(which.element, opacity.element),
      row(...panels.map(({ view, network, method, words }) =>
        column(pair(network.element, method.element), view.element, words))),
      make("div.lab-scale", {}, "weak", make("span", { style: `background: linear-gradient(to right, ${key.join(", ")})` }), "strong",
        outline.element),
      says];
  };

  const start = () => {
    for (const element of document.querySelectorAll(".lab[data-lab]:not([data-started])")) {
      const { lab } = element.dataset;
      if (parts[lab]) {
        element.dataset.started = "";
        const content = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
        element.replaceChildren(...(element.lab = parts[lab](content)));
        // A script of its own adds a part and starts it; without it, what stands there stays.
      } else script(`lab_${lab}.js`);
    }
  };
  return { start, check, parts, kit: { make, name, choice, tick, button, buttons, column, row, saying, picture, script } };
})();
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", brainsegLab.start);
else brainsegLab.start();
