// Live curves on a canvas: values against steps, one panel a canvas.

const MARGIN = { left: 44, right: 10, top: 22, bottom: 20 };

export class Curves {
  #series = new Map();
  #canvas;
  #waiting = false;

  // `names` are the series with the colour of each, a CSS variable.
  constructor(canvas, title, names) {
    this.#canvas = canvas;
    this.title = title;
    for (const [name, colour] of Object.entries(names)) this.#series.set(name, { colour, points: [] });
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  clear() {
    for (const series of this.#series.values()) series.points = [];
    this.draw();
  }

  add(name, step, value) {
    const series = this.#series.get(name);
    if (!series || !Number.isFinite(value)) return;
    // A run that goes on writes some steps again.
    while (series.points.length && series.points.at(-1)[0] >= step) series.points.pop();
    series.points.push([step, value]);
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.draw();
    });
  }

  values(name) {
    return this.#series.get(name)?.points ?? [];
  }

  // For those who do not see the curve: where it has come to.
  #describe() {
    const ends = [...this.#series.values()].flatMap(({ points }) => points.slice(-1));
    const last = ends.map(([step, value]) => `, last ${Number(value.toPrecision(3))} at step ${step}`).join("");
    this.#canvas.setAttribute("aria-label", `${this.title} against steps${last}`);
  }

  draw() {
    this.#describe();
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    canvas.width = width * scale;
    canvas.height = height * scale;
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(name).trim();
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "11px system-ui, sans-serif";
    pen.fillStyle = colour("--text");
    pen.fillText(this.title, MARGIN.left, 13);

    const all = [...this.#series.values()].flatMap((series) => series.points);
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
    pen.strokeStyle = colour("--line");
    pen.strokeRect(left + 0.5, top + 0.5, right - left, bottom - top);
    if (!all.length) return;
    const last = Math.max(...all.map(([step]) => step), 2);
    const ticks = nice(Math.min(...all.map(([, v]) => v)), Math.max(...all.map(([, v]) => v)));
    const [low, high] = [ticks[0], ticks.at(-1)];
    const x = (step) => left + ((step - 1) / (last - 1)) * (right - left);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
    pen.fillStyle = colour("--quiet");
    pen.textAlign = "right";
    for (const tick of ticks) {
      pen.fillText(String(tick), left - 5, y(tick) + 4);
      pen.beginPath();
      pen.moveTo(left, Math.round(y(tick)) + 0.5);
      pen.lineTo(right, Math.round(y(tick)) + 0.5);
      pen.stroke();
    }
    pen.fillText(`step ${last}`, right, height - 6);
    pen.textAlign = "left";
    for (const series of this.#series.values()) {
      pen.strokeStyle = pen.fillStyle = colour(series.colour);
      pen.lineWidth = 1.6;
      pen.beginPath();
      for (const [step, value] of series.points) pen.lineTo(x(step), y(value));
      pen.stroke();
      const end = series.points.at(-1);
      if (end) pen.fillRect(x(end[0]) - 2, y(end[1]) - 2, 4, 4);
      pen.lineWidth = 1;
    }
  }
}

// The records of a run's numbers, one a line.
export function records(lines) {
  return lines.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line)];
    } catch {
      // A crash may have cut the last line.
      return [];
    }
  });
}

// Three to six round numbers around a range.
function nice(low, high) {
  const span = Math.max(high - low, Math.abs(high) * 1e-3, 1e-6);
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const [first, last] = [Math.floor(low / step), Math.max(Math.ceil(high / step), Math.floor(low / step) + 1)];
  const ticks = [];
  for (let n = first; n <= last; n++) ticks.push(Number((n * step).toPrecision(6)));
  return ticks;
}
