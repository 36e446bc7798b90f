// A chart by uPlot, and the same numbers as a table: nobody has to see the picture.
import { html, useEffect, useRef, useState } from "./dom.js";
import { none } from "./format.js";

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const ROWS = 40;
const utc = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);
const day = (seconds) => new Date(seconds * 1000).toISOString().slice(5, 10);
// With its day where the points are of several.
const moment = (points) => (points.length && day(points[0].time_s) !== day(points.at(-1).time_s) ? (seconds) => `${day(seconds)} ${utc(seconds)}` : utc);

// series: { label, key, color (a custom property), dash, width, steps }. points: rows with `time_s`, ascending.
// marks: { time_s, value, color, up, hollow }.
export function Chart({ label, points, series, marks = [], height = 220, sync, digits = 3, bands }) {
  const place = useRef(null), plot = useRef(null), latest = useRef({ marks, points });
  const [theme, setTheme] = useState(0);
  latest.current = { marks, points };
  useEffect(() => {
    const again = () => setTheme((n) => n + 1);
    addEventListener("theme", again);
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", again);
    return () => { removeEventListener("theme", again); system.removeEventListener("change", again); };
  }, []);
  const shape = series.map((each) => each.key).join();
  useEffect(() => {
    const axis = { stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 }, ticks: { stroke: color("--line"), width: 1 }, font: "11px system-ui" };
    const data = columns(points, series);
    const made = new uPlot({
      width: Math.max(place.current.clientWidth, 200), height,
      cursor: sync ? { sync: { key: sync, setSeries: false } } : {},
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { time: true } },
      axes: [{ ...axis, values: (_, given, __, ___, step) => given.map((each) => (step < 86400 && each % 86400 ? utc(each).slice(0, step < 60 ? 8 : 5) : day(each))), space: 70 }, { ...axis, size: 64, values: (_, given) => given.map((each) => each.toLocaleString("en-US", { maximumFractionDigits: digits })) }],
      legend: { live: true },
      bands: bands?.map(([high, low]) => ({ series: [series.findIndex((s) => s.key === high) + 1, series.findIndex((s) => s.key === low) + 1], fill: `${color("--accent")}22` })),
      series: [{ label: "UTC", value: (u, x) => (x == null ? none : moment(latest.current.points)(x)) }, ...series.map((each) => ({
        label: each.label, stroke: color(each.color), width: each.width ?? 2, dash: each.dash, points: { show: false }, spanGaps: false, paths: each.steps ? uPlot.paths.stepped({ align: 1 }) : undefined,
        value: (_, y) => (y == null ? none : y.toFixed(digits)),
      }))],
      hooks: { draw: [(u) => {
        for (const mark of latest.current.marks) {
          if (mark.time_s < u.scales.x.min || mark.time_s > u.scales.x.max) continue;
          const x = u.valToPos(mark.time_s, "x", true), y = u.valToPos(mark.value, "y", true);
          u.ctx.save();
          u.ctx.fillStyle = color(mark.color);
          u.ctx.beginPath();
          const s = 5 * devicePixelRatio, up = mark.up ? 1 : -1;
          u.ctx.moveTo(x, y - s * up); u.ctx.lineTo(x + s, y + s * up); u.ctx.lineTo(x - s, y + s * up);
          if (mark.hollow) { u.ctx.closePath(); u.ctx.strokeStyle = color(mark.color); u.ctx.lineWidth = devicePixelRatio; u.ctx.stroke(); } else u.ctx.fill();
          u.ctx.restore();
        }
      }] },
    }, data, place.current);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(place.current.clientWidth, 200), height }));
    watch.observe(place.current);
    return () => { watch.disconnect(); made.destroy(); plot.current = null; };
  }, [theme, shape, height]);
  useEffect(() => { plot.current?.setData(columns(points, series)); }, [points]);
  const when = moment(points);
  const step = Math.max(Math.floor(points.length / ROWS), 1);
  const told = points.filter((_, at) => (points.length - 1 - at) % step === 0);
  return html`<figure class="chart"><div ref=${place} role="img" aria-label=${`${label}; the table below has the numbers`}></div>
    <details><summary>${label} as a table</summary><div class="scroll"><table><caption class="hidden">${label}</caption>
      <thead><tr><th scope="col">time</th>${series.map((each) => html`<th scope="col" class="n">${each.label}</th>`)}</tr></thead>
      <tbody>${told.map((row) => html`<tr><td data-label="time">${when(row.time_s)} UTC</td>${series.map((each) => html`<td class="n" data-label=${each.label}>${row[each.key] == null ? none : row[each.key].toFixed(digits)}</td>`)}</tr>`)}</tbody></table></div></details>
  </figure>`;
}
// A hole of more than some seconds (or steps, of a coarser curve) stays one: nobody knows what was there.
const HOLE_S = 10;
function columns(points, series) {
  const times = points.map((each) => each.time_s);
  const hole = points.length > 1 ? Math.max(HOLE_S, (4 * (times.at(-1) - times[0])) / points.length) : HOLE_S;
  return [times, ...series.map((each) => {
    const found = points.map((row) => row[each.key] ?? undefined);
    for (let at = 0, last = null; at < found.length; at += 1) {
      if (found[at] === undefined) continue;
      if (last !== null && at - last > 1 && times[at] - times[last] > hole) found.fill(null, last + 1, at);
      last = at;
    }
    return found;
  })];
}
