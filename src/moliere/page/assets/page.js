// SPDX-License-Identifier: Apache-2.0
// Draws the items of the page from the JSON in #data: id -> item.
//
// chart:   x, y {label, log, min, max, categories}, series, ratio {y, series}
// series:  name, kind (line, steps, points, bars), colour (0 reference, 1.. palette, -1 muted), x
//          (missing over categories and where there are no values), y,
//          down, up (lengths of the error bars; up is down where it is missing), filled, names
// x, r:    a list, or {from, to, count, log} in equal steps (log: factors), or the number of an
//          earlier list of the same item
// polar:   scale {label, log, min, max}, unit, equal_rings, maps {name, r, alpha, values (alpha, r)}
// matrix:  scale, diverging, rows, columns, values (row, column)
// download: name, type, text
// What is not a number is null.
"use strict";
(() => {
  const items = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip");
  const drawn = new Map(); // figure -> {redraw(), release(), texts}
  // Chart.js keeps some MB per chart: past so many, charts out of view are given back.
  const KEPT = 60;
  const COLOURS = 6;
  let keep_all = false;

  // ---- small helpers

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const place = (colour) => (colour < 0 ? "muted" : colour === 0 ? 0 : ((colour - 1) % COLOURS) + 1);
  const colour_of = (series) => css(`--c-${place(series.colour)}`);
  const translucent = (hex, alpha) =>
    hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
  const finite = (value) => typeof value === "number" && Number.isFinite(value);

  function element(name, class_name, text) {
    const made = document.createElement(name);
    if (class_name) made.className = class_name;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const power_of_ten = (exponent) => "10" + [...String(exponent)].map((c) => SUPERSCRIPTS[c]).join("");

  function number(value, digits = 4) {
    if (!finite(value)) return "–";
    if (value === 0) return "0";
    const size = Math.abs(value);
    if (size >= 1e-4 && size < 1e5) return String(Number(value.toPrecision(digits)));
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    const short = Number(mantissa);
    const power = power_of_ten(Number(exponent));
    return short === 1 ? power : `${short}·${power}`;
  }

  function positions(x, known) {
    if (typeof x === "number") return known[x];
    let list = x;
    if (!Array.isArray(x)) {
      const last = x.count - 1;
      list = Array.from({ length: x.count }, (_, i) =>
        x.log ? x.from * (x.to / x.from) ** (i / last) : x.from + ((x.to - x.from) * i) / last);
      list[last] = x.to;
    }
    known.push(list);
    return list;
  }

  // ---- the box beside the pointer

  function show_tip(title, rows, x, y) {
    tip.replaceChildren(element("b", "", title));
    for (const { colour, text } of rows) {
      const row = element("div");
      if (colour) row.append(element("i", `c-${colour}`));
      row.append(text);
      tip.append(row);
    }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const right = x + 16 + box.width < innerWidth ? x + 16 : Math.max(4, x - 16 - box.width);
    tip.style.left = `${right}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 16, innerHeight - box.height - 4))}px`;
  }
  const hide_tip = () => { tip.hidden = true; };

  // ---- series as Chart.js wants them

  function unpack(list, known, categories) {
    for (const one of list) {
      one.x = categories ? categories.map((_, i) => i) : one.x === undefined ? [] : positions(one.x, known);
      one.up = one.up || one.down;
      one.lower = one.down && one.y.map((y, i) => (finite(y) && finite(one.down[i]) ? y - one.down[i] : null));
      one.upper = one.up && one.y.map((y, i) => (finite(y) && finite(one.up[i]) ? y + one.up[i] : null));
    }
  }

  function unpack_chart(item) {
    if (item.unpacked) return;
    const known = [];
    unpack(item.series, known, item.x.categories);
    if (item.ratio) unpack(item.ratio.series, known, item.x.categories);
    item.unpacked = true;
  }

  function extent(lists, log) {
    let low = Infinity;
    let high = -Infinity;
    for (const list of lists) {
      for (const value of list || []) {
        if (!finite(value) || (log && value <= 0)) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    if (low > high) return log ? [1, 10] : [0, 1];
    return [low, high];
  }

  function x_range(axis, all) {
    let [low, high] = extent(all.map((one) => one.x), axis.log);
    if (!all.some((one) => one.kind === "steps")) {
      const pad = axis.log ? (high / low) ** 0.03 : (high - low) * 0.03;
      [low, high] = axis.log ? [low / pad, high * pad] : [low - pad, high + pad];
    }
    return with_limits(axis, low, high);
  }

  function y_range(axis, all) {
    let [low, high] = extent(all.map((one) => one.y), axis.log);
    const least = low;
    const bounds = extent(all.flatMap((one) => [one.lower, one.upper]), axis.log);
    if (all.some((one) => one.lower)) {
      // A bound near 0 must not stretch a logarithmic axis over many decades.
      low = Math.min(low, axis.log ? Math.max(bounds[0], low / 3) : bounds[0]);
      high = Math.max(high, bounds[1]);
    }
    if (axis.log) {
      // A histogram's tail below eight decades leaves the rest no room; other values are all shown.
      const tail = all.every((one) => one.kind === "steps") ? high * 1e-8 : 0;
      return with_limits(axis, Math.max(low / 1.5, tail), high * 1.5);
    }
    // The uncertainty of an almost empty bin may reach below 0; its axis does not.
    const counts = least >= 0 && all.some((one) => one.kind === "steps" || one.kind === "bars");
    const from_zero = counts || (low >= 0 && low < 0.3 * high);
    const pad = 0.06 * (high - (from_zero ? 0 : low));
    return with_limits(axis, from_zero ? 0 : low - pad, high + pad);
  }

  function with_limits(axis, low, high) {
    const min = axis.min ?? low;
    const max = axis.max ?? high;
    if (min < max) return [min, max];
    return axis.log ? [min / 2, min * 2] : [min - (Math.abs(min) || 1) / 2, min + (Math.abs(min) || 1) / 2];
  }

  // The smallest of some widths that holds nine of ten ratios; labels stay off the panel's borders.
  function ratio_range(axis, all) {
    const off = all.flatMap((one) => one.y.filter(finite).map((y) => Math.abs(y - 1))).sort((a, b) => a - b);
    const typical = off.length ? off[Math.floor(0.9 * (off.length - 1))] : 0;
    const half = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5].find((width) => width * 1.2 >= typical) ?? 1;
    return { half, range: with_limits(axis, 1 - 1.35 * half, 1 + 1.35 * half) };
  }

  const POINTS = ["circle", "circle", "rect", "triangle", "rectRot", "crossRot", "star"];

  function dataset(one, index, axis_id, axis, floor) {
    const colour = colour_of(one);
    const drawable = (y) => {
      if (!finite(y)) return NaN;
      if (!axis.log || y > 0) return y;
      return one.kind === "steps" && y === 0 ? floor : NaN; // an empty bin reaches the axis
    };
    const muted = one.colour < 0;
    const made = {
      type: one.kind === "bars" ? "bar" : "line",
      series: one,
      yAxisID: axis_id,
      order: one.kind === "bars" ? index : -index - 1, // lines: later ones on top, all above bars
      borderColor: colour,
      backgroundColor: one.kind === "bars" ? translucent(colour, 0.85) : colour,
      borderWidth: one.kind === "bars" ? 0 : muted ? 1.5 : 2,
      borderDash: one.colour > COLOURS ? [7, 4] : muted ? [4, 4] : [],
      borderJoinStyle: one.kind === "steps" ? "miter" : "round",
      pointRadius: one.kind === "points" ? 3.5 : one.kind === "line" && one.y.length <= 40 && !muted ? 2.5 : 0,
      pointHitRadius: 0,
      pointHoverRadius: 4,
      pointStyle: POINTS[one.colour < 0 ? 0 : place(one.colour)],
      showLine: one.kind !== "points",
      clip: 8,
      data: [],
    };
    if (one.kind === "steps") {
      // Two points a bin, so that a bin without a value is a gap of one bin.
      one.y.forEach((y, i) => made.data.push({ x: one.x[i], y: drawable(y) }, { x: one.x[i + 1], y: drawable(y) }));
      made.pointHoverRadius = 0;
    } else {
      one.y.forEach((y, i) => made.data.push({ x: finite(one.x[i]) ? one.x[i] : NaN, y: drawable(y) }));
    }
    return made;
  }

  // ---- axes

  function log_ticks(scale, room) {
    const { min, max } = scale;
    const first = Math.ceil(Math.log10(min) - 1e-9);
    const last = Math.floor(Math.log10(max) + 1e-9);
    const ticks = [];
    if (last > first) {
      const stride = Math.ceil((last - first + 1) / room);
      for (let decade = first - 1; decade <= last; ++decade) {
        for (let digit = 1; digit < 10; ++digit) {
          const value = digit * 10 ** decade;
          if (value < min * 0.999999 || value > max * 1.000001) continue;
          const major = digit === 1;
          const named = major && (decade - first) % stride === 0;
          if (!major && last - first > 8) continue;
          ticks.push({ value, major, text: named ? (decade < -2 || decade > 3 ? power_of_ten(decade) : number(value)) : "" });
        }
      }
    } else {
      // The more digits, the nearer their words: 7 is 0.146 of a decade beyond 5, 5 is 0.4 beyond 2.
      const decades = Math.log10(max / min);
      const near = [[0.146, [1, 2, 3, 5, 7]], [0.3, [1, 2, 5]], [0.47, [1, 3]]];
      const [, digits] = near.find(([step]) => step * room >= decades) ?? [1, [1]];
      for (let decade = first - 1; decade <= last + 1; ++decade) {
        for (const digit of digits) {
          const value = digit * 10 ** decade;
          if (value >= min && value <= max) ticks.push({ value, major: true, text: number(value) });
        }
      }
      if (ticks.length < 2) return [min, Math.sqrt(min * max), max].map((value) => ({ value, major: true, text: number(value, 3) }));
    }
    return ticks;
  }

  function axis_options(axis, [min, max], more) {
    const grid = css("--line");
    const options = {
      type: axis.categories ? "category" : axis.log ? "logarithmic" : "linear",
      title: { display: Boolean(axis.label), text: axis.label || "", color: css("--faint"), font: { size: 12 } },
      grid: {
        color: (context) => (context.tick?.major === false && axis.log ? "transparent" : grid),
        borderColor: css("--faint"),
        tickColor: css("--faint"),
        tickLength: 4,
      },
      ticks: { color: css("--faint"), font: { size: 11 }, includeBounds: false, maxRotation: 0 },
      ...more,
    };
    if (axis.categories) {
      options.labels = axis.categories;
      options.offset = true;
      const slanted = axis.categories.some((name) => name.length * 7 > 420 / axis.categories.length);
      Object.assign(options.ticks, { autoSkip: false, minRotation: slanted ? 40 : 0, maxRotation: 90 });
      options.grid.display = false;
      return options;
    }
    Object.assign(options, { min, max });
    if (axis.log) {
      options.ticks.autoSkip = false;
      options.ticks.callback = (_, index, ticks) => ticks[index].text;
      options.afterBuildTicks = (scale) => {
        const { width, height } = scale.chart;
        scale.ticks = log_ticks(scale, Math.max(2, Math.floor(scale.axis === "x" ? width / 60 : height / 45)));
      };
    } else {
      options.ticks.callback = (value) => number(value, 6);
      options.ticks.autoSkipPadding = 12;
    }
    return options;
  }

  // ---- what Chart.js does not draw: bands, error bars, the line at ratio 1, panels apart

  function panel_of(chart, index) {
    const scale = chart.scales[chart.data.datasets[index].yAxisID];
    return { left: chart.chartArea.left, right: chart.chartArea.right, top: scale.top, bottom: scale.bottom, scale };
  }

  function draw_band(context, one, x_scale, scale, colour) {
    const x = (value) => x_scale.getPixelForValue(value);
    const y = (value) => {
      const pixel = scale.type === "logarithmic" && value <= 0 ? scale.bottom : scale.getPixelForValue(value);
      return Math.max(scale.top - 10, Math.min(scale.bottom + 10, pixel));
    };
    context.fillStyle = translucent(colour, 0.25);
    if (one.kind === "steps") {
      one.y.forEach((_, i) => {
        if (!finite(one.lower[i]) || !finite(one.upper[i])) return;
        context.fillRect(x(one.x[i]), y(one.upper[i]), x(one.x[i + 1]) - x(one.x[i]), y(one.lower[i]) - y(one.upper[i]));
      });
      return;
    }
    let run = [];
    const finish = () => {
      if (run.length > 1) {
        context.beginPath();
        run.forEach((i) => context.lineTo(x(one.x[i]), y(one.upper[i])));
        run.reverse().forEach((i) => context.lineTo(x(one.x[i]), y(one.lower[i])));
        context.fill();
      }
      run = [];
    };
    one.y.forEach((_, i) => (finite(one.lower[i]) && finite(one.upper[i]) && finite(one.x[i]) ? run.push(i) : finish()));
    finish();
  }

  function draw_whiskers(context, one, meta, scale, colour) {
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.beginPath();
    meta.data.forEach((point, i) => {
      if (!finite(one.lower[i]) || !finite(one.upper[i]) || !finite(point.x)) return;
      const low = scale.type === "logarithmic" && one.lower[i] <= 0 ? scale.bottom : scale.getPixelForValue(one.lower[i]);
      const high = scale.getPixelForValue(one.upper[i]);
      context.moveTo(point.x, low);
      context.lineTo(point.x, high);
      for (const end of [low, high]) {
        context.moveTo(point.x - 3, end);
        context.lineTo(point.x + 3, end);
      }
    });
    context.stroke();
  }

  // Triangles at the rim of the ratio's panel, where values lie beyond it.
  function draw_beyond(context, one, x_scale, scale, colour) {
    context.fillStyle = colour;
    one.y.forEach((y, i) => {
      if (!finite(y) || (y >= scale.min && y <= scale.max)) return;
      if (one.kind === "steps" && y === 0) return; // an empty bin: the steps show it
      const end = one.kind === "steps" ? one.x[i + 1] : one.x[i];
      const middle = (x_scale.getPixelForValue(one.x[i]) + x_scale.getPixelForValue(end)) / 2;
      const [tip, base] = y > scale.max ? [scale.top + 1, scale.top + 7] : [scale.bottom - 1, scale.bottom - 7];
      context.beginPath();
      context.moveTo(middle, tip);
      context.lineTo(middle - 3.5, base);
      context.lineTo(middle + 3.5, base);
      context.fill();
    });
  }

  function draw_fill(context, one, x_scale, scale, colour) {
    context.fillStyle = translucent(colour, 0.12);
    one.y.forEach((y, i) => {
      if (!finite(y) || (scale.type === "logarithmic" && y <= 0)) return;
      const left = x_scale.getPixelForValue(one.x[i]);
      const top = scale.getPixelForValue(y);
      context.fillRect(left, top, x_scale.getPixelForValue(one.x[i + 1]) - left, scale.bottom - top);
    });
  }

  const extras = {
    id: "extras",
    beforeDatasetsDraw(chart) {
      const scale = chart.scales.ratio;
      if (!scale) return;
      const { ctx: context, chartArea: area } = chart;
      const one = scale.getPixelForValue(1);
      context.save();
      context.strokeStyle = css("--c-muted");
      context.setLineDash([4, 4]);
      context.beginPath();
      context.moveTo(area.left, one);
      context.lineTo(area.right, one);
      context.stroke();
      context.setLineDash([]);
      context.beginPath();
      context.moveTo(area.left, scale.top);
      context.lineTo(area.right, scale.top);
      context.stroke();
      context.restore();
    },
    beforeDatasetDraw(chart, { index, meta }) {
      const { series: one } = chart.data.datasets[index];
      const { left, right, top, bottom, scale } = panel_of(chart, index);
      const context = chart.ctx;
      const colour = colour_of(one);
      const room = one.kind === "points" ? 5 : 1; // points on the border stay whole
      context.save();
      context.beginPath();
      context.rect(left - room, top - (chart.scales.ratio ? 0 : room), right - left + 2 * room, bottom - top + (chart.scales.ratio ? 0 : 2 * room));
      context.clip();
      if (one.filled && one.kind === "steps") draw_fill(context, one, chart.scales.x, scale, colour);
      if (one.lower && (one.kind === "steps" || one.kind === "line")) draw_band(context, one, chart.scales.x, scale, colour);
      if (one.lower && one.kind === "points") draw_whiskers(context, one, meta, scale, colour);
    },
    afterDatasetDraw(chart, { index, meta }) {
      const { series: one } = chart.data.datasets[index];
      if (one.lower && one.kind === "bars") draw_whiskers(chart.ctx, one, meta, panel_of(chart, index).scale, css("--ink"));
      if (chart.data.datasets[index].yAxisID === "ratio") draw_beyond(chart.ctx, one, chart.scales.x, chart.scales.ratio, colour_of(one));
      chart.ctx.restore();
    },
  };

  // ---- what lies at a position: one point of each series

  function nearest(one, x) {
    if (one.kind === "steps") {
      for (let i = 0; i < one.y.length; ++i) if (x >= one.x[i] && x <= one.x[i + 1]) return i;
      return -1;
    }
    let best = -1;
    let distance = Infinity;
    one.x.forEach((value, i) => {
      const off = Math.abs(value - x);
      if (finite(one.y[i]) && off < distance) [best, distance] = [i, off];
    });
    return best;
  }

  function points_at(chart, x) {
    const found = [];
    chart.data.datasets.forEach(({ series: one }, datasetIndex) => {
      if (!chart.isDatasetVisible(datasetIndex)) return;
      const at = nearest(one, x);
      const index = one.kind === "steps" ? 2 * at : at;
      const meta = chart.getDatasetMeta(datasetIndex);
      if (at >= 0 && meta.data[index]) found.push({ element: meta.data[index], datasetIndex, index });
    });
    return found;
  }

  Chart.Interaction.modes.position = (chart, event) => points_at(chart, chart.scales.x.getValueForPixel(event.x));

  function value_text(one, at) {
    let text = number(one.y[at]);
    if (one.lower && finite(one.lower[at])) {
      const same = Math.abs(one.up[at] - one.down[at]) <= 1e-3 * Math.abs(one.up[at]);
      text += same ? ` ± ${number(one.down[at], 2)}` : ` [${number(one.lower[at], 3)}, ${number(one.upper[at], 3)}]`;
    }
    return text;
  }

  function show_points(item, { chart, tooltip }) {
    const points = tooltip.opacity === 0 ? [] : tooltip.dataPoints || [];
    if (points.length === 0) return hide_tip();
    const at = ({ dataset: { series: one }, dataIndex }) => (one.kind === "steps" ? dataIndex >> 1 : dataIndex);
    const first = points[0].dataset.series;
    const i = at(points[0]);
    const where = item.x.categories ? item.x.categories[i]
      : first.kind === "steps" ? `${number(first.x[i], 5)} to ${number(first.x[i + 1], 5)}` : number(first.x[i], 5);
    const rows = points.map((point) => {
      const one = point.dataset.series;
      const own = one.kind !== "steps" && !item.x.categories && one.x[at(point)] !== first.x[i] ? ` (at ${number(one.x[at(point)], 5)})` : "";
      const name = one.names ? `${one.name}, ${one.names[at(point)]}` : one.name;
      const ratio = point.dataset.yAxisID === "ratio" ? `${item.ratio.y.label || "ratio"} ` : "";
      return { colour: place(one.colour), text: `${ratio}${name}: ${value_text(one, at(point))}${own}` };
    });
    const box = chart.canvas.getBoundingClientRect();
    show_tip(`${item.x.label || "x"}: ${where}`, rows, box.left + tooltip.caretX, box.top + tooltip.caretY);
  }

  // ---- charts

  function make_chart(figure, item) {
    unpack_chart(item);
    const y = y_range(item.y, item.series);
    const x = x_range(item.x, [...item.series, ...(item.ratio?.series || [])]);
    const datasets = item.series.map((one, i) => dataset(one, i, "y", item.y, y[0]));
    const scales = {
      x: axis_options(item.x, x, { position: "bottom" }),
      y: axis_options(item.y, y, { position: "left", stack: "panels", stackWeight: 3, weight: 2 }),
    };
    if (item.ratio) {
      const { half, range } = ratio_range(item.ratio.y, item.ratio.series);
      item.ratio.series.forEach((one, i) => datasets.push(dataset(one, item.series.length + i, "ratio", item.ratio.y, range[0])));
      scales.ratio = axis_options(item.ratio.y, range, { position: "left", stack: "panels", stackWeight: 1, weight: 1 });
      // An axis without words or line keeps the panels' words apart.
      scales.gap = { type: "linear", position: "left", stack: "panels", stackWeight: 0.2, weight: 1.5,
        grid: { display: false, drawBorder: false }, ticks: { display: false } };
      if (!item.ratio.y.log && item.ratio.y.min === undefined && item.ratio.y.max === undefined) {
        scales.ratio.afterBuildTicks = (scale) => { scale.ticks = [1 - half, 1, 1 + half].map((value) => ({ value })); };
      }
    }
    const chart = new Chart(figure.querySelector("canvas"), {
      type: "line",
      data: { datasets },
      plugins: [extras],
      options: {
        animation: false, parsing: false, normalized: true, responsive: true, maintainAspectRatio: false,
        interaction: { mode: "position", intersect: false },
        layout: { padding: { right: 10, top: 4 } },
        font: { family: getComputedStyle(document.body).fontFamily },
        scales,
        plugins: { legend: { display: false }, tooltip: { enabled: false, external: (context) => show_points(item, context) } },
      },
    });
    for (const button of figure.querySelectorAll(".legend button")) {
      set_visible(chart, button, button.getAttribute("aria-pressed") === "true");
    }
    if (figure.querySelector('.legend [aria-pressed="false"]')) chart.update();
    return chart;
  }

  // A series' ratio goes with it.
  function set_visible(chart, button, visible) {
    const chosen = chart.data.datasets[Number(button.dataset.series)].series;
    chart.data.datasets.forEach(({ series: one, yAxisID }, i) => {
      if (one === chosen || (yAxisID === "ratio" && one.name === chosen.name)) chart.setDatasetVisibility(i, visible);
    });
  }

  function step_cursor(chart, item, by) {
    const one = item.series.find((series, i) => series.y.length && chart.isDatasetVisible(i));
    if (!one) return;
    const count = one.y.length;
    chart.cursor = chart.cursor === undefined ? (by > 0 ? 0 : count - 1) : (chart.cursor + by + count) % count;
    const x = one.kind === "steps" ? (one.x[chart.cursor] + one.x[chart.cursor + 1]) / 2 : one.x[chart.cursor];
    const points = points_at(chart, x).map(({ datasetIndex, index }) => ({ datasetIndex, index }));
    const position = { x: chart.scales.x.getPixelForValue(x), y: chart.chartArea.top };
    chart.setActiveElements(points);
    chart.tooltip.setActiveElements(points, position);
    chart.update();
  }

  const PRINT_WIDTH = 325; // CSS pixels: two columns of A4 or letter less margins

  function draw_chart(figure, item) {
    let chart = make_chart(figure, item);
    const canvas = figure.querySelector("canvas");
    if (!figure.bound) {
      figure.bound = true;
      figure.addEventListener("click", (event) => {
        const button = event.target.closest(".legend button");
        if (!button) return;
        const visible = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(visible));
        const current = Chart.getChart(canvas);
        if (current) { set_visible(current, button, visible); current.update(); }
      });
      canvas.addEventListener("keydown", (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        const current = Chart.getChart(canvas);
        if (event.key === "Escape") hide_tip();
        if (!by || !current) return;
        event.preventDefault();
        step_cursor(current, item, by);
      });
      canvas.addEventListener("blur", hide_tip);
    }
    return {
      redraw() { chart.destroy(); chart = make_chart(figure, item); },
      // Half a page wide, at the size that words have there, and sharp on paper.
      print() {
        chart.options.devicePixelRatio = 3;
        chart.resize(PRINT_WIDTH, PRINT_WIDTH * (item.ratio ? 3 / 4 : 10 / 16));
      },
      release() { chart.destroy(); },
      boxes() { return label_boxes(chart); },
    };
  }

  // ---- colour scales

  // Points of viridis (S. van der Walt and N. Smith, CC0): even steps for the eye, colour-blind or not.
  const VIRIDIS = ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"];
  const DIVERGING = () => ["#0072b2", css("--neutral"), "#d55e00"];
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

  function colour_scale(scale, values, diverging) {
    let [low, high] = extent([values], scale.log);
    if (diverging) [low, high] = [-Math.max(-low, high), Math.max(-low, high)];
    if (scale.log) low = Math.max(low, high * 1e-7);
    [low, high] = with_limits(scale, low, high);
    const stops = diverging ? DIVERGING() : VIRIDIS;
    const colours = stops.map(rgb);
    const part = (value) => (scale.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const at = (t) => {
      const position = Math.max(0, Math.min(1, t)) * (colours.length - 1);
      const i = Math.min(Math.floor(position), colours.length - 2);
      return colours[i].map((c, k) => Math.round(c + (colours[i + 1][k] - c) * (position - i)));
    };
    return {
      low, high, stops, log: scale.log,
      rgb: (value) => at(part(value)),
      css: (value) => (!finite(value) || (scale.log && value <= 0) ? null : `rgb(${at(part(value)).join(",")})`),
    };
  }

  function draw_scale_bar(figure, scale, colours) {
    const box = figure.querySelector(".scale");
    const bar = element("div", "bar");
    bar.style.background = `linear-gradient(to right, ${colours.stops.join(",")})`;
    const middle = colours.log ? Math.sqrt(colours.low * colours.high) : (colours.low + colours.high) / 2;
    const ends = element("div", "ends");
    for (const value of [colours.low, middle, colours.high]) ends.append(element("span", "", number(Math.abs(value) < 1e-12 * colours.high ? 0 : value, 3)));
    box.replaceChildren(bar, ends, element("div", "label", (scale.label || "") + (colours.log ? " (logarithmic; empty: 0)" : "")));
  }

  // A canvas of so many CSS pixels, sharp on the screen at hand.
  function canvas_context(canvas, width, height) {
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return context;
  }

  // ---- polar maps

  function unpack_polar(item) {
    if (item.unpacked) return;
    const known = [];
    for (const map of item.maps) map.r = positions(map.r, known);
    item.unpacked = true;
  }

  function radii(item, map, largest, size) {
    const last = map.r.length - 1;
    const outer = size / 2 - 1;
    return map.r.map((r, i) => outer * (item.equal_rings ? i / last : r / largest));
  }

  function draw_polar_map(canvas, item, map, colours, largest) {
    const size = canvas.clientWidth;
    if (size < 4) return; // a window that is being opened or closed
    const context = canvas_context(canvas, size, size);
    const edges = radii(item, map, largest, size);
    const rings = edges.length - 1;
    const turn = (2 * Math.PI) / map.alpha;
    context.translate(size / 2, size / 2);
    for (let a = 0; a < map.alpha; ++a) {
      // alpha runs anticlockwise from -pi; the canvas' angles run clockwise.
      const from = Math.PI - a * turn;
      const to = from - turn;
      for (let r = 0; r < rings; ++r) {
        const value = map.values[a * rings + r];
        const colour = colours.css(value) || css("--empty");
        context.beginPath();
        context.arc(0, 0, edges[r + 1], from, to, true);
        context.arc(0, 0, edges[r], to, from, false);
        context.closePath();
        context.fillStyle = context.strokeStyle = colour;
        context.lineWidth = 0.6; // hides the seams between neighbours
        context.fill();
        context.stroke();
      }
    }
    context.beginPath();
    context.arc(0, 0, edges[rings], 0, 2 * Math.PI);
    context.strokeStyle = css("--line");
    context.lineWidth = 1;
    context.stroke();
  }

  function polar_cell(canvas, item, map, largest, event) {
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left - box.width / 2;
    const y = box.height / 2 - (event.clientY - box.top);
    const edges = radii(item, map, largest, box.width);
    const distance = Math.hypot(x, y);
    const ring = edges.findIndex((edge, i) => i + 1 < edges.length && distance >= edge && distance < edges[i + 1]);
    if (ring < 0) return null;
    const alpha = Math.min(map.alpha - 1, Math.floor(((Math.atan2(y, x) + Math.PI) / (2 * Math.PI)) * map.alpha));
    return { ring, alpha, value: map.values[alpha * (edges.length - 1) + ring] };
  }

  function show_polar_cell(canvas, item, map, largest, event) {
    const cell = polar_cell(canvas, item, map, largest, event);
    if (!cell) return hide_tip();
    const turn = 360 / map.alpha;
    const rows = [
      { text: `r ${number(map.r[cell.ring])} to ${number(map.r[cell.ring + 1])} ${item.unit || ""}` },
      { text: `α ${number(cell.alpha * turn - 180)}° to ${number((cell.alpha + 1) * turn - 180)}°` },
      { text: `${item.scale.label || "value"}: ${number(cell.value)}` },
    ];
    show_tip(map.name || item.title, rows, event.clientX, event.clientY);
  }

  function draw_polar(figure, item) {
    unpack_polar(item);
    const canvases = [...figure.querySelectorAll(".tile canvas")];
    const values = [].concat(...item.maps.map((map) => map.values));
    const largest = Math.max(...item.maps.map((map) => map.r[map.r.length - 1]));
    const redraw = () => {
      const colours = colour_scale(item.scale, values, false);
      item.maps.forEach((map, i) => draw_polar_map(canvases[i], item, map, colours, largest));
      draw_scale_bar(figure, item.scale, colours);
    };
    if (!figure.bound) {
      figure.bound = true;
      canvases.forEach((canvas, i) => {
        canvas.addEventListener("pointermove", (event) => show_polar_cell(canvas, item, item.maps[i], largest, event));
        canvas.addEventListener("pointerleave", hide_tip);
      });
      on_resize(figure, redraw);
    }
    redraw();
    return { redraw, release() { for (const canvas of canvases) canvas.width = canvas.height = 1; }, boxes: () => [] };
  }

  // ---- matrices

  const NAME_FONT = 12;

  function matrix_layout(figure, item) {
    const context = figure.querySelector("canvas").getContext("2d");
    context.font = `${NAME_FONT}px ${getComputedStyle(document.body).fontFamily}`;
    const width = figure.querySelector(".plot").clientWidth;
    const longest = (names) => Math.max(0, ...(names || []).map((name) => context.measureText(name).width));
    const rows = (item.rows || []).length;
    const columns = (item.columns || []).length;
    const left = Math.min(longest(item.rows) + 8, 0.35 * width);
    const cell = Math.min(72, (width - left - 2) / Math.max(1, columns));
    const column_names = longest(item.columns);
    const top = NAME_FONT / 2; // the first name may be taller than its cell
    const upright = column_names > cell - 6;
    const bottom = Math.min(upright ? column_names + 10 : NAME_FONT + 8, 0.35 * width);
    return { width, rows, columns, left, top, cell, upright, bottom, height: top + rows * cell + bottom };
  }

  function fitted(context, text, width) {
    if (context.measureText(text).width <= width) return text;
    let short = text;
    while (short.length > 1 && context.measureText(short + "…").width > width) short = short.slice(0, -1);
    return short + "…";
  }

  function draw_matrix_names(context, item, layout, boxes) {
    const { left, top, cell, rows, columns, upright, bottom } = layout;
    const stride = Math.max(1, Math.ceil((NAME_FONT + 2) / cell));
    context.fillStyle = css("--faint");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (let i = 0; i < rows; i += stride) {
      const text = fitted(context, item.rows[i], left - 8);
      context.fillText(text, left - 6, top + (i + 0.5) * cell);
      const w = context.measureText(text).width;
      boxes.push({ text, x: left - 6 - w, y: top + (i + 0.5) * cell - NAME_FONT / 2, w, h: NAME_FONT });
    }
    for (let i = 0; i < columns; i += stride) {
      const text = fitted(context, item.columns[i], upright ? bottom - 8 : cell);
      const w = context.measureText(text).width;
      const x = left + (i + 0.5) * cell;
      const y = top + rows * cell + 6;
      context.save();
      context.translate(x, y);
      if (upright) context.rotate(-Math.PI / 2);
      context.textAlign = upright ? "right" : "center";
      context.textBaseline = upright ? "middle" : "top";
      context.fillText(text, 0, 0);
      context.restore();
      boxes.push(upright ? { text, x: x - NAME_FONT / 2, y, w: NAME_FONT, h: w } : { text, x: x - w / 2, y, w, h: NAME_FONT });
    }
  }

  // Black or white, whichever is read better on a colour (luma of ITU-R BT.601).
  const ink_on = ([r, g, b]) => (0.299 * r + 0.587 * g + 0.114 * b > 140 ? "#111" : "#fff");

  function draw_matrix_image(figure, item, boxes) {
    const canvas = figure.querySelector("canvas");
    const layout = matrix_layout(figure, item);
    const { left, top, cell, rows, columns } = layout;
    canvas.style.width = `${layout.width}px`;
    canvas.style.height = `${layout.height}px`;
    const context = canvas_context(canvas, layout.width, layout.height);
    context.font = `${NAME_FONT}px ${getComputedStyle(document.body).fontFamily}`;
    const colours = colour_scale(item.scale, item.values, item.diverging);
    const written = cell >= 38;
    for (let i = 0; i < rows; ++i) {
      for (let j = 0; j < columns; ++j) {
        const value = item.values[i * columns + j];
        const colour = colours.css(value);
        context.fillStyle = colour || css("--empty");
        const gap = cell > 12 ? 1 : 0;
        context.fillRect(left + j * cell, top + i * cell, cell - gap + (gap ? 0 : 0.5), cell - gap + (gap ? 0 : 0.5));
        if (!written || !colour) continue;
        context.fillStyle = ink_on(colours.rgb(value));
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText(fitted(context, number(value, 2), cell - 4), left + (j + 0.5) * cell, top + (i + 0.5) * cell);
      }
    }
    boxes.length = 0;
    draw_matrix_names(context, item, layout, boxes);
    draw_scale_bar(figure, item.scale, colours);
    return layout;
  }

  function draw_matrix(figure, item) {
    const boxes = [];
    let layout = null;
    const redraw = () => { layout = draw_matrix_image(figure, item, boxes); };
    const canvas = figure.querySelector("canvas");
    if (!figure.bound) {
      figure.bound = true;
      canvas.addEventListener("pointermove", (event) => {
        const box = canvas.getBoundingClientRect();
        const j = Math.floor((event.clientX - box.left - layout.left) / layout.cell);
        const i = Math.floor((event.clientY - box.top - layout.top) / layout.cell);
        if (i < 0 || j < 0 || i >= layout.rows || j >= layout.columns) return hide_tip();
        const value = number(item.values[i * layout.columns + j]);
        show_tip(`${item.rows[i]}, ${item.columns[j]}`, [{ text: `${item.scale.label || "value"}: ${value}` }], event.clientX, event.clientY);
      });
      canvas.addEventListener("pointerleave", hide_tip);
      on_resize(figure, redraw);
    }
    redraw();
    return { redraw, release() { canvas.width = 1; }, boxes: () => boxes };
  }

  // ---- CSV and PNG of one figure

  const csv_text = (text) => `"${String(text ?? "").replaceAll('"', '""')}"`;
  const csv_number = (value) => (finite(value) ? value : "");

  function csv(item) {
    const lines = [];
    if (item.kind === "chart") {
      lines.push("panel,series,x,x_to,y,lower,upper");
      const add = (panel, list) => list.forEach((one) => one.y.forEach((y, i) => {
        const x = item.x.categories ? csv_text(item.x.categories[i]) : csv_number(one.x[i]);
        const to = one.kind === "steps" ? one.x[i + 1] : "";
        lines.push([panel, csv_text(one.name), x, to, csv_number(y), csv_number(one.lower?.[i]), csv_number(one.upper?.[i])].join(","));
      }));
      add("main", item.series);
      if (item.ratio) add("ratio", item.ratio.series);
    } else if (item.kind === "polar") {
      lines.push("map,alpha_bin,r_from,r_to,value");
      for (const map of item.maps) {
        const rings = map.r.length - 1;
        map.values.forEach((value, i) => lines.push([csv_text(map.name), Math.floor(i / rings), map.r[i % rings], map.r[(i % rings) + 1], csv_number(value)].join(",")));
      }
    } else {
      lines.push("row,column,value");
      const columns = (item.columns || []).length;
      item.values.forEach((value, i) => lines.push([csv_text(item.rows[Math.floor(i / columns)]), csv_text(item.columns[i % columns]), csv_number(value)].join(",")));
    }
    return lines.join("\n") + "\n";
  }

  function save(name, url) {
    const link = element("a");
    link.href = url;
    link.download = name;
    link.click();
  }

  function save_text(name, type, text) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    save(name, url);
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  function save_png(figure) {
    const canvas = figure.querySelector("canvas");
    const copy = element("canvas");
    copy.width = canvas.width;
    copy.height = canvas.height;
    const context = copy.getContext("2d");
    context.fillStyle = css("--panel");
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(canvas, 0, 0);
    save(`${figure.id}.png`, copy.toDataURL("image/png"));
  }

  function add_tools(figure, item) {
    if (figure.querySelector(".tools")) return;
    const tools = element("span", "tools");
    const add = (name, what, run) => {
      const button = element("button", "", name);
      button.type = "button";
      button.setAttribute("aria-label", `${what} of ${item.title}`);
      button.addEventListener("click", run);
      tools.append(button);
    };
    add("CSV", "Save the figures", () => save_text(`${figure.id}.csv`, "text/csv", csv(item)));
    if (item.kind !== "polar") add("PNG", "Save the picture", () => save_png(figure));
    figure.querySelector("figcaption").append(tools);
  }

  // ---- drawing when in view

  const DRAW = { chart: draw_chart, polar: draw_polar, matrix: draw_matrix };
  const figures = [...document.querySelectorAll("figure")];

  function draw(figure) {
    if (drawn.has(figure) || figure.hidden) return;
    const item = items[figure.id];
    try {
      drawn.set(figure, DRAW[item.kind](figure, item));
      add_tools(figure, item);
    } catch (error) {
      console.error(`${figure.id}: ${error.stack}`); // one bad drawing keeps none of the others
    }
  }

  function release(figure) {
    if (keep_all || drawn.size <= KEPT || !drawn.has(figure)) return;
    drawn.get(figure).release();
    drawn.delete(figure);
  }

  // A screen's height ahead: who scrolls sees charts, not their making.
  const in_view = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      if (isIntersecting) draw(target);
      else release(target);
    }
  }, { rootMargin: "100% 0px" });

  function on_resize(figure, redraw) {
    let width = figure.clientWidth;
    new ResizeObserver(() => {
      if (figure.clientWidth === width || !drawn.has(figure)) return;
      width = figure.clientWidth;
      redraw();
    }).observe(figure);
  }

  function draw_all() {
    keep_all = true;
    figures.forEach(draw);
  }

  // ---- theme, print, search, downloads

  function set_theme(name) {
    if (document.documentElement.dataset.theme === name) return;
    document.documentElement.dataset.theme = name;
    for (const one of drawn.values()) one.redraw();
  }

  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", () => set_theme(dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () =>
    set_theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

  let theme_before_print = null;
  addEventListener("beforeprint", () => {
    theme_before_print = document.documentElement.dataset.theme;
    set_theme("light");
    draw_all();
    for (const one of drawn.values()) one.print?.();
  });
  addEventListener("afterprint", () => {
    keep_all = false;
    document.documentElement.dataset.theme = theme_before_print;
    for (const one of drawn.values()) one.redraw();
  });

  for (const search of document.querySelectorAll(".search")) {
    const input = search.querySelector("input");
    const own = [...search.closest("section").querySelectorAll("figure")];
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const figure of own) {
        const name = figure.dataset.name.toLowerCase();
        figure.hidden = !words.every((word) => name.includes(word));
      }
      const left = own.filter((figure) => !figure.hidden).length;
      search.querySelector("output").textContent = words.length ? `${left} of ${own.length}` : "";
    });
  }

  for (const button of document.querySelectorAll("button.download")) {
    const { name, type, text } = items[button.id];
    button.addEventListener("click", () => save_text(name, type || "text/plain", text || ""));
  }

  // ---- checks: scripts/check-page calls these

  // Boxes of the words on a chart's axes, in CSS pixels of its canvas.
  function label_boxes(chart) {
    const boxes = [];
    for (const scale of Object.values(chart.scales)) {
      for (const label of scale._labelItems || []) {
        const text = [].concat(label.label).join(" ");
        if (!text) continue;
        chart.ctx.font = label.font.string;
        const w = chart.ctx.measureText(text).width;
        const h = label.font.size;
        const [x, y] = label.translation;
        const turned = Math.abs(label.rotation) > 0.8;
        // Turned labels end at their tick.
        if (turned) boxes.push({ text, x: x - h / 2, y, w: h, h: w });
        else if (label.rotation) continue; // slanted: boxes overlap where words do not
        else boxes.push({ text, x: label.textAlign === "right" ? x - w : label.textAlign === "left" ? x : x - w / 2, y: scale.axis === "x" ? y : y - h / 2, w, h });
      }
    }
    return boxes;
  }

  const overlap = (a, b) =>
    Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x) > 1 && Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y) > 1;

  function overlaps(boxes, where) {
    const sorted = [...boxes].sort((a, b) => a.y - b.y);
    const problems = [];
    sorted.forEach((a, i) => {
      for (let k = i + 1; k < sorted.length && sorted[k].y < a.y + a.h; ++k) {
        if (overlap(a, sorted[k])) problems.push(`${where}: "${a.text}" and "${sorted[k].text}" overlap`);
      }
    });
    return problems;
  }

  function has_ink(canvas) {
    if (!canvas.width || !canvas.height) return false;
    return canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some((byte) => byte !== 0);
  }

  function check_figure(figure) {
    if (!drawn.has(figure)) return [`${figure.id}: not drawn`];
    const problems = [];
    for (const canvas of figure.querySelectorAll("canvas")) {
      if (canvas.clientWidth < 20 || canvas.clientHeight < 20) problems.push(`${figure.id}: a drawing without size`);
      else if (!has_ink(canvas)) problems.push(`${figure.id}: an empty drawing`);
    }
    const canvas = figure.querySelector("canvas");
    const boxes = drawn.get(figure).boxes();
    for (const box of boxes) {
      if (box.x < -2 || box.y < -2 || box.x + box.w > canvas.clientWidth + 2 || box.y + box.h > canvas.clientHeight + 2) {
        problems.push(`${figure.id}: "${box.text}" leaves the drawing`);
      }
    }
    return problems.concat(overlaps(boxes, figure.id));
  }

  const TEXTS = "h1, h2, main p, nav a, nav button, caption, td, th, figcaption > span, figcaption button, " +
    ".legend button, .tile span, .scale span, .scale .label, .download";

  function check_texts() {
    const problems = [];
    const boxes = [];
    for (const one of document.querySelectorAll(TEXTS)) {
      if (!one.offsetParent || !one.textContent.trim() || one.querySelector(TEXTS)) continue;
      const box = one.getBoundingClientRect();
      const text = one.textContent.trim().slice(0, 40);
      if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0) problems.push(`"${text}" overflows its box`);
      // What sticks to the window's side moves over the rest on purpose only in the navigation.
      boxes.push({ text, x: box.left, y: box.top + scrollY, w: box.width, h: box.height });
      if (!one.closest(".table, nav") && (box.left < -1 || box.right > document.documentElement.clientWidth + 1)) {
        problems.push(`"${text}" leaves the window`);
      }
    }
    if (document.documentElement.scrollWidth > document.documentElement.clientWidth + 1) problems.push("the page is wider than the window");
    return problems.concat(overlaps(boxes, "text"));
  }

  function check_links() {
    const problems = [];
    for (const link of document.querySelectorAll('a[href^="#"]')) {
      if (!document.getElementById(link.getAttribute("href").slice(1))) problems.push(`dead link ${link.getAttribute("href")}`);
    }
    const ids = new Set();
    for (const { id } of document.querySelectorAll("[id]")) {
      if (ids.has(id)) problems.push(`the id ${id} is used twice`);
      ids.add(id);
    }
    return problems;
  }

  window.moliere_draw_all = draw_all;
  window.moliere_check = () => [...figures.filter((figure) => !figure.hidden).flatMap(check_figure), ...check_texts(), ...check_links()];
  for (const figure of figures) in_view.observe(figure);
  window.moliere_ready_ms = performance.now();
})();
