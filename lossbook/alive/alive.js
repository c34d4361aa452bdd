/* Alive figures. Python has written each one whole: the still drawing, the sliders, the sentence and, as data, what they depend on.
 * This script computes that again when a slider or a handle moves. Formulas are nested lists, ["add", "x", 1], printed from the
 * package's own; nothing is ever turned into code. tests/test_alive.py compares every number with what the package computes. */
(() => {
  "use strict";

  // ---- 1. arithmetic -------------------------------------------------------------------------------------------------

  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const count = (n) => Array.from({ length: n }, (_, i) => i);
  const softplus = (u) => Math.max(u, 0) + Math.log1p(Math.exp(-Math.abs(u)));
  const logsumexp = (z) => {
    const top = Math.max(...z);
    return top + Math.log(sum(z.map((u) => Math.exp(u - top))));
  };
  const softmax = (z) => {
    const total = logsumexp(z);
    return z.map((u) => Math.exp(u - total));
  };

  const functions = {
    add: (...terms) => sum(terms),
    mul: (...factors) => factors.reduce((product, factor) => product * factor, 1),
    pow: (base, power) => base ** power,
    exp: Math.exp,
    log: Math.log,
    cos: Math.cos,
    sin: Math.sin,
    abs: Math.abs,
    ceil: Math.ceil,
    sign: Math.sign,
    max: Math.max,
    min: Math.min,
    lt: (a, b) => a < b,
    le: (a, b) => a <= b,
    gt: (a, b) => a > b,
    ge: (a, b) => a >= b,
    eq: (a, b) => a === b,
    sigmoid: (u) => 1 / (1 + Math.exp(-u)),
    softplus,
    logsumexp,
    softmax: (z, k) => softmax(z)[k - 1],
    list: (...entries) => entries,
    at: (entries, k) => entries[k - 1], // classes and examples are counted from 1, as in the book
    size: (entries) => entries.length,
  };

  // Forms decide themselves what of them is computed, and how often.
  const forms = {
    if: (names, condition, yes, no) => evaluate(evaluate(condition, names) ? yes : no, names),
    let(names, name, value, body) {
      const inner = Object.create(names);
      inner[name] = evaluate(value, names);
      return evaluate(body, inner);
    },
    sum: (names, body, index, n) => sum(forms.each(names, body, index, n)),
    each(names, body, index, n) {
      const inner = Object.create(names);
      return count(evaluate(n, names)).map((i) => {
        inner[index] = i + 1;
        return evaluate(body, inner);
      });
    },
    locus(names, x, y, t, from, to, n) {
      const [a, b] = [evaluate(from, names), evaluate(to, names)];
      const inner = Object.create(names);
      return count(n).map((i) => {
        inner[t] = a + ((b - a) * i) / (n - 1);
        return [evaluate(x, inner), evaluate(y, inner)];
      });
    },
  };

  function evaluate(expression, names) {
    if (typeof expression === "number") return expression;
    if (typeof expression === "string") {
      if (expression in names) return names[expression];
      throw new Error(`no value is called ${expression}`);
    }
    const [head, ...rest] = expression;
    if (Object.hasOwn(forms, head)) return forms[head](names, ...rest);
    if (Object.hasOwn(functions, head)) return functions[head](...rest.map((part) => evaluate(part, names)));
    throw new Error(`no function is called ${head}`);
  }

  // ---- 2. algorithms: what is more than a formula ----------------------------------------------------------------------

  /** Intercept and slope of the least weighted squares. */
  function weightedLine(points, weights) {
    const total = sum(weights);
    const mean = (f) => sum(points.map((point, i) => weights[i] * f(point))) / total;
    const [x0, y0] = [mean(([x]) => x), mean(([, y]) => y)];
    const slope = mean(([x, y]) => (x - x0) * (y - y0)) / mean(([x]) => (x - x0) ** 2);
    return [y0 - slope * x0, slope];
  }

  const leastSquares = (points) => weightedLine(points, points.map(() => 1));

  /** The line with the least absolute residuals goes through two of the points: try all pairs. */
  function leastAbsolute(points) {
    let [best, least] = [null, Infinity];
    points.forEach(([x1, y1], i) => {
      for (const [x2, y2] of points.slice(i + 1).filter(([x]) => x !== x1)) {
        const slope = (y2 - y1) / (x2 - x1);
        const cost = sum(points.map(([x, y]) => Math.abs(y1 + slope * (x - x1) - y)));
        if (cost < least - 1e-12) [best, least] = [[y1 - slope * x1, slope], cost];
      }
    });
    return best;
  }

  /** Weigh, fit, repeat: a point further away than delta counts delta / distance. */
  function huberLine(points, delta) {
    let line = leastAbsolute(points);
    for (let step = 0; step < 5000; step++) {
      const [a, b] = line;
      line = weightedLine(points, points.map(([x, y]) => Math.min(1, delta / Math.abs(a + b * x - y))));
      if (Math.abs(line[0] - a) + Math.abs(line[1] - b) < 1e-14) break;
    }
    return line;
  }

  /** Of each bin that is not empty: mean probability, frequency of the event, number of examples. */
  function reliability(probabilities, outcomes, bins) {
    const groups = count(bins).map(() => []);
    probabilities.forEach((p, i) => groups[Math.min(Math.floor(p * bins), bins - 1)].push(i));
    const mean = (group, values) => sum(group.map((i) => values[i])) / group.length;
    return groups.filter((g) => g.length).map((g) => [mean(g, probabilities), mean(g, outcomes), g.length]);
  }

  /** The losses of a box beside another, both x1, y1, x2, y2: IoU, GIoU, DIoU, CIoU. */
  function boxLosses(a, b) {
    const area = ([x1, y1, x2, y2]) => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);
    const inner = [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
    const hull = [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];
    const union = area(a) + area(b) - area(inner);
    const iou = area(inner) / union;
    const squares = (dx, dy) => dx * dx + dy * dy;
    const between = squares((a[0] + a[2] - b[0] - b[2]) / 2, (a[1] + a[3] - b[1] - b[3]) / 2);
    const distance = between / squares(hull[2] - hull[0], hull[3] - hull[1]);
    const angle = ([x1, y1, x2, y2]) => Math.atan2(x2 - x1, y2 - y1);
    const shape = ((2 / Math.PI) * (angle(a) - angle(b))) ** 2;
    const penalty = shape === 0 ? 0 : shape ** 2 / (1 - iou + shape);
    return [1 - iou, 1 - iou + (area(hull) - union) / area(hull), 1 - iou + distance, 1 - iou + distance + penalty];
  }

  /** A density on a grid, as probabilities. */
  function onGrid(density, from, to, n) {
    const values = count(n).map((i) => density(from + ((to - from) * i) / (n - 1)));
    const total = sum(values);
    return values.map((value) => value / total);
  }

  const bell = (x, mean, width) => Math.exp(-(((x - mean) / width) ** 2) / 2) / width;
  const divergence = (p, q) => sum(p.map((share, i) => (share > 0 ? share * Math.log(share / q[i]) : 0)));

  /** KL(q || p) and KL(p || q) of a truth q with two peaks, each [share, place], and a model p with one peak at each of the means. */
  function twoDirections(peaks, means, width, [from, to, n]) {
    const q = onGrid((x) => sum(peaks.map(([share, place]) => share * bell(x, place, 1))), from, to, n);
    return means.map((mean) => {
      const p = onGrid((x) => bell(x, mean, width), from, to, n);
      return [divergence(q, p), divergence(p, q)];
    });
  }

  /** The walk of an optimiser down the valley (x² + steep y²) / 2. */
  function descent(kind, [x, y], steep, rate, momentum, steps) {
    const path = [[x, y]];
    let [point, speed, square] = [[x, y], [0, 0], [0, 0]];
    for (let step = 1; step <= steps; step++) {
      const slope = [point[0], steep * point[1]];
      if (kind === "adam") {
        speed = speed.map((s, i) => momentum * s + (1 - momentum) * slope[i]);
        square = square.map((s, i) => 0.999 * s + 0.001 * slope[i] ** 2);
        const size = (i) => Math.sqrt(square[i] / (1 - 0.999 ** step)) + 1e-8;
        point = point.map((w, i) => w - (rate * speed[i]) / (1 - momentum ** step) / size(i));
      } else {
        speed = speed.map((s, i) => (kind === "momentum" ? momentum * s : 0) + slope[i]);
        point = point.map((w, i) => w - rate * speed[i]);
      }
      path.push(point);
    }
    return path;
  }

  /** Row t, column s: the probability that an alignment which reads as the labels is in state s at step t; and the loss. */
  function alignments(logits, labels, blank) {
    const states = [blank, ...labels.flatMap((label) => [label, blank])];
    const p = logits.map((row) => softmax(row));
    const enters = (s) => [s, s - 1, ...(states[s] !== blank && states[s] !== states[s - 2] ? [s - 2] : [])].filter((r) => r >= 0);
    const [steps, last] = [p.length, states.length - 1];
    const forward = [states.map((k, s) => (s < 2 ? p[0][k] : 0))];
    for (let t = 1; t < steps; t++) {
      forward.push(states.map((k, s) => p[t][k] * sum(enters(s).map((r) => forward[t - 1][r]))));
    }
    const backward = [states.map((_, s) => (s > last - 2 ? 1 : 0))];
    for (let t = steps - 1; t > 0; t--) {
      const row = states.map(() => 0);
      states.forEach((k, s) => enters(s).forEach((r) => (row[r] += p[t][k] * backward[0][s])));
      backward.unshift(row);
    }
    const total = forward[steps - 1][last] + (last ? forward[steps - 1][last - 1] : 0);
    return { loss: -Math.log(total), visits: forward.map((row, t) => row.map((f, s) => (f * backward[t][s]) / total)) };
  }

  Object.assign(functions, {
    least_squares: leastSquares,
    least_absolute: leastAbsolute,
    huber_line: huberLine,
    reliability,
    box_losses: boxLosses,
    two_directions: twoDirections,
    gradient_descent: (start, steep, rate, momentum, steps) => descent("plain", start, steep, rate, momentum, steps),
    heavy_ball: (start, steep, rate, momentum, steps) => descent("momentum", start, steep, rate, momentum, steps),
    adam: (start, steep, rate, momentum, steps) => descent("adam", start, steep, rate, momentum, steps),
    ctc_loss: (logits, labels, blank) => alignments(logits, labels, blank).loss,
    ctc_visits: (logits, labels, blank) => alignments(logits, labels, blank).visits,
  });

  // ---- 3. from values to the drawing and the sentence; lossbook/alive/_drawing.py has the same functions -----------------

  const mentions = (expression, names) =>
    Array.isArray(expression) ? expression.some((part) => mentions(part, names)) : names.has(expression);

  /** Every value of a figure, given the positions of its sliders and handles; of those `before`, what did not move is kept. */
  function state(figure, positions, before) {
    const names = Object.assign(Object.create(null), figure.data, positions);
    const moved = new Set(Object.keys(positions).filter((name) => positions[name] !== before?.[name]));
    for (const [name, expression] of figure.lets) {
      const stays = before && !mentions(expression, moved);
      names[name] = stays ? before[name] : evaluate(expression, names);
      if (!stays) moved.add(name);
    }
    return names;
  }

  const pixel = (u) => {
    const rounded = Math.round(Math.min(Math.max(u, -9999), 9999) * 10 + 0.003) / 10;
    return String(rounded === 0 ? 0 : rounded);
  };

  /** Path data of one mark; X and Y take values to pixels. */
  const paths = {
    line: (points, X, Y) => points.map(([x, y], i) => `${i ? "L" : "M"}${X(x)} ${Y(y)}`).join(""),
    dots: (points, X, Y, r) => points.map(([x, y]) => circle(X(x), Y(y), r)).join(""),
    bubbles: (points, X, Y) => points.map(([x, y, r]) => circle(X(x), Y(y), r)).join(""),
    bars: (points, X, Y, half) =>
      points.map(([x, y]) => `M${pixel(+X(x) - half)} ${Y(0)}V${Y(y)}H${pixel(+X(x) + half)}V${Y(0)}Z`).join(""),
    box: ([x1, y1, x2, y2], X, Y) => `M${X(x1)} ${Y(y1)}H${X(x2)}V${Y(y2)}H${X(x1)}Z`,
    arrows: (arrows, X, Y, head) => arrows.map((arrow) => arrowPath(arrow, X, Y, head)).join(""),
  };

  const circle = (x, y, r) => `M${pixel(+x - r)} ${y}a${pixel(r)} ${pixel(r)} 0 1 0 ${pixel(2 * r)} 0a${pixel(r)} ${pixel(r)} 0 1 0 ${pixel(-2 * r)} 0Z`;

  function arrowPath([x1, y1, x2, y2], X, Y, head) {
    const [a, b, c, d] = [+X(x1), +Y(y1), +X(x2), +Y(y2)];
    const length = Math.hypot(c - a, d - b);
    if (length < 0.5) return "";
    const size = Math.min(head, length) / length;
    const [u, v] = [(c - a) * size, (d - b) * size];
    const wing = (side) => `L${pixel(c - u + side * 0.5 * v)} ${pixel(d - v - side * 0.5 * u)}`;
    return `M${pixel(a)} ${pixel(b)}L${pixel(c)} ${pixel(d)}M${pixel(c)} ${pixel(d)}${wing(1)}M${pixel(c)} ${pixel(d)}${wing(-1)}`;
  }

  const scales = ({ xlim: [x1, x2], ylim: [y1, y2], width, height }) => [
    (x) => pixel(((x - x1) / (x2 - x1)) * width),
    (y) => pixel(((y2 - y) / (y2 - y1)) * height),
  ];

  /** A number with so many decimals. Adding a trifle decides ties in the same way as Python does. */
  function written(value, decimals) {
    const text = Math.abs(value) >= 1e9 ? value.toExponential(1) : (value + 1e-12).toFixed(decimals);
    return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
  }

  const say = (template, names) =>
    template.replace(/\{(\w+)(?::(\d))?\}/g, (_, name, decimals) => written(names[name], Number(decimals ?? 0)));

  function draw(panel, names) {
    const [X, Y] = scales(panel);
    return panel.marks.map(({ kind, of, size, text }) =>
      kind === "text" ? [X(names[of][0]), Y(names[of][1]), say(text, names)] : paths[kind](names[of], X, Y, size),
    );
  }

  // ---- 4. the element ----------------------------------------------------------------------------------------------------

  const decimalsOf = (step) => (String(step).split(".")[1] ?? "").length;
  const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

  function makeElement() {
    return class LossFigure extends HTMLElement {
      connectedCallback() {
        if (this.figure) return;
        this.figure = JSON.parse(this.querySelector('script[type="application/json"]').textContent);
        this.sliders = [...this.querySelectorAll("input[type=range]")];
        this.panels = [...this.querySelectorAll(".panel")];
        this.handles = [...this.querySelectorAll(".handle")];
        this.positions = { ...this.figure.positions };
        for (const control of this.querySelectorAll("input, button")) control.disabled = false;
        for (const slider of this.sliders) {
          slider.addEventListener("input", () => this.move({ [slider.name]: slider.valueAsNumber }));
        }
        this.handles.forEach((element, i) => this.animate(element, this.figure.handles[i]));
        this.querySelector("button.reset").addEventListener("click", () => this.reset());
        this.setAttribute("data-lm-suppress-shortcuts", "true"); // in JupyterLab the arrow keys would go to the next cell
        this.player = this.querySelector("button.play");
        this.player?.addEventListener("click", () => this.play());
        this.stop();
        this.update();
      }

      disconnectedCallback() {
        this.stop();
      }

      /** New positions, now; the drawing follows with the next frame. */
      move(positions) {
        Object.assign(this.positions, positions);
        this.waiting ??= requestAnimationFrame(() => this.update());
      }

      reset() {
        this.stop();
        this.move(this.figure.positions);
      }

      update() {
        this.waiting = null;
        const names = (this.names = state(this.figure, this.positions, this.names));
        this.figure.panels.forEach((panel, i) => {
          const marks = this.panels[i].querySelectorAll(".mark");
          draw(panel, names).forEach((shape, j) => {
            if (typeof shape === "string") return marks[j].setAttribute("d", shape);
            [marks[j].textContent] = shape.slice(2);
            marks[j].setAttribute("x", shape[0]);
            marks[j].setAttribute("y", shape[1]);
          });
        });
        for (const slider of this.sliders) {
          const shown = written(this.positions[slider.name], decimalsOf(slider.step)) + (slider.dataset.unit ?? "");
          slider.value = this.positions[slider.name];
          slider.setAttribute("aria-valuetext", shown);
          slider.parentElement.querySelector(".value").textContent = shown;
        }
        this.handles.forEach((element, i) => this.place(element, this.figure.handles[i], names));
        const sentence = say(this.figure.says, names);
        const output = this.querySelector("output");
        if (output.textContent !== sentence) output.textContent = sentence;
      }

      place(element, handle, names) {
        const [X, Y] = scales(this.figure.panels[handle.panel]);
        element.setAttribute("transform", `translate(${X(names[handle.at[0]])} ${Y(names[handle.at[1]])})`);
        const parts = handle.moves.map(({ name, word, step }) => [word, written(names[name], decimalsOf(step))]);
        const last = handle.moves.at(-1);
        element.setAttribute("aria-valuenow", names[last.name]);
        element.setAttribute("aria-valuetext", parts.map((part) => part.join(" ")).join(", "));
      }

      /** A handle follows the pointer, and the arrow keys while it has the focus. */
      animate(element, handle) {
        const panel = this.figure.panels[handle.panel];
        const last = handle.moves.at(-1);
        const attributes = { tabindex: 0, role: "slider", "aria-valuemin": last.limits[0], "aria-valuemax": last.limits[1] };
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        const within = ({ limits, step }, value) => {
          const near = Math.round(Math.min(Math.max(value, limits[0]), limits[1]) / step) * step;
          return Number(near.toFixed(decimalsOf(step)));
        };
        const go = (x, y) => {
          const goal = { x, y };
          this.move(Object.fromEntries(handle.moves.map((move) => [move.name, within(move, goal[move.along])])));
        };
        element.addEventListener("pointerdown", (event) => {
          element.setPointerCapture(event.pointerId);
          element.focus({ preventScroll: true });
          event.preventDefault();
        });
        // The finger moves the handle, not the page; inside a drawing browsers do not heed `touch-action: none`.
        element.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
        element.addEventListener("pointermove", (event) => {
          if (!element.hasPointerCapture(event.pointerId)) return;
          const inside = element.parentNode.getScreenCTM().inverse();
          const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(inside);
          const { xlim, ylim, width, height } = panel;
          go(xlim[0] + (x / width) * (xlim[1] - xlim[0]), ylim[1] - (y / height) * (ylim[1] - ylim[0]));
        });
        element.addEventListener("keydown", (event) => {
          const [x, y] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key] ?? [0, 0];
          if (!x && !y) return;
          event.preventDefault();
          const only = handle.moves.length === 1 ? handle.moves[0].along : null; // one direction: every arrow moves
          const by = { x: only === "x" ? x + y : x, y: only === "y" ? x + y : y };
          const steps = event.shiftKey ? 10 : 1;
          const goal = handle.moves.map((m) => [m.name, within(m, this.positions[m.name] + by[m.along] * steps * m.step)]);
          this.move(Object.fromEntries(goal));
        });
      }

      /** Run a slider to its end; who asked for less motion gets one step at a time. */
      play() {
        const slider = this.sliders.find(({ name }) => name === this.player.dataset.of);
        const step = () => {
          const next = Math.min(this.positions[slider.name] + Number(slider.step), Number(slider.max));
          this.move({ [slider.name]: next });
          if (next >= Number(slider.max)) this.stop();
        };
        if (this.running) return this.stop();
        if (this.positions[slider.name] >= Number(slider.max)) this.move({ [slider.name]: Number(slider.min) });
        if (calm()) return step();
        this.player.textContent = "Stop";
        this.running = setInterval(step, 120);
      }

      stop() {
        clearInterval(this.running);
        this.running = null;
        if (this.player) this.player.textContent = calm() ? "One step" : "Run";
      }
    };
  }

  globalThis.lossbookAlive = { evaluate, state, draw, say, functions: [...Object.keys(functions), ...Object.keys(forms)] };
  if (globalThis.customElements && !customElements.get("loss-figure")) customElements.define("loss-figure", makeElement());
})();
