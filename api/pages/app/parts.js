// What pages are made of: panels that show their age, tables, statuses, reasons.
import { html, useEffect, useRef, useState } from "./dom.js";
import { useLink } from "./live.js";
import { setQuery, useRoute } from "./route.js";
import { VERDICTS, none, span, told } from "./format.js";

const STALE_S = 6;
const STATUS = { online: "good", degraded: "warn", offline: "bad", missing: "bad", ended: "quiet", open: "good", running: "good" };

export function Age({ live }) {
  const link = useLink();
  if (!live.at) return html`<span class="age">${live.error ? "no answer" : "loading …"}</span>`;
  const age = (performance.now() - live.at) / 1000 + live.age;
  const stale = age > STALE_S || link.state === "lost";
  return html`<span class=${`age ${stale ? "stale" : ""}`}>${age < 1.5 ? "now" : `${span(age)} old`}${stale ? ", stale" : ""}</span>`;
}
export function Panel({ title, live, note, children, wide, id }) {
  const link = useLink();
  const old = live?.at && ((performance.now() - live.at) / 1000 + live.age > STALE_S || link.state === "lost");
  return html`<section class=${`panel ${wide ? "wide" : ""} ${old ? "old" : ""}`} id=${id} aria-label=${title}>
    <header><h2>${title}</h2>${note ? html`<span class="note">${note}</span>` : null}${live ? html`<${Age} live=${live} />` : null}</header>
    ${live?.error ? html`<p class="problem" role="status">${told(live.error)}</p>` : null}
    ${children}
  </section>`;
}
export const Status = ({ is, word }) => html`<span class=${`status ${STATUS[is] || ""}`}><i aria-hidden="true"></i>${word || is}</span>`;
export const Verdict = ({ is }) => html`<span class=${`verdict ${is}`}>${VERDICTS[is] || is}</span>`;
// A reason with its meaning beside it: a code alone is a riddle.
export const Reason = ({ code, meaning, short }) => (code ? html`<span class="reason" title=${meaning}><code>${code}</code>${meaning && !short ? html` <span class="meaning">${meaning}</span>` : null}</span>` : none);
export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;
export const Figure = ({ label, value, kind, note }) => html`<div class="figure"><dt>${label}</dt><dd><span class=${kind || ""}>${value}</span>${note ? html`<small>${note}</small>` : null}</dd></div>`;

// Sorted by what the URL says; cells carry their column's name, for on a phone each row is a card.
// A page is read from its top: the rows beyond these are drawn when they are asked for.
const FIRST = matchMedia("(max-width: 640px)").matches ? 12 : 50;
export function Table({ name, columns, rows, empty, caption, keyOf, onOpen, chosen, label, whole }) {
  const { query } = useRoute();
  const [most, setMost] = useState(whole ? Infinity : FIRST);
  const given = query.get(`${name}-sort`) || "";
  const down = given.startsWith("-"), by = given.replace("-", "");
  const column = columns.find((each) => each.key === by);
  const shown = column ? [...rows].sort((one, other) => compare(value(column, one), value(column, other)) * (down ? -1 : 1)) : rows;
  if (!rows.length) return html`<${Empty}>${empty}<//>`;
  const sort = (key) => setQuery(`${name}-sort`, by !== key ? key : down ? "" : `-${key}`);
  return html`<div class="scroll" tabindex="-1"><table>
    <caption class=${caption ? "" : "hidden"}>${caption || label || name}</caption>
    <thead><tr>${columns.map((each) => html`<th scope="col" class=${each.num ? "n" : ""} aria-sort=${by === each.key ? (down ? "descending" : "ascending") : "none"}>
      ${each.sort === false ? each.label : html`<button type="button" class="sort" tabindex="-1" onClick=${() => sort(each.key)}>${each.label}${by === each.key ? (down ? " ▾" : " ▴") : ""}</button>`}</th>`)}</tr></thead>
    <tbody>${shown.slice(0, most).map((row, at) => html`<${Row} key=${keyOf ? keyOf(row) : at} row=${row} columns=${columns} onOpen=${onOpen} chosen=${chosen} id=${keyOf?.(row)} first=${at === 0} />`)}</tbody>
  </table></div>${shown.length > most ? html`<button type="button" onClick=${() => setMost(most + 4 * FIRST)}>${Math.min(shown.length - most, 4 * FIRST)} more of ${shown.length} rows</button>` : null}`;
}
function Row({ row, columns, onOpen, chosen, id, first }) {
  const open = onOpen && (() => onOpen(row));
  const at = onOpen ? { tabindex: (chosen ? chosen === id : first) ? 0 : -1, "data-row": id, "data-newest": row.id, "data-first": first ? "" : null, onClick: open, onKeyDown: (event) => { if (event.key === "Enter" && event.target === event.currentTarget) { event.preventDefault(); open(); } } } : {};
  return html`<tr ...${at} class=${onOpen ? "openable" : ""} aria-selected=${chosen && chosen === id ? "true" : null}>${columns.map((each) =>
    html`<td data-label=${each.label} class=${`${each.num ? "n" : ""} ${each.kind?.(row) || ""} ${each.wide ? "long" : ""}`}><span class="cell">${each.cell ? each.cell(row) : row[each.key] ?? none}</span></td>`)}</tr>`;
}
const value = (column, row) => (column.by ? column.by(row) : row[column.key]);
const compare = (one, other) => (one === other ? 0 : one === null || one === undefined ? 1 : other === null || other === undefined ? -1 : one < other ? -1 : 1);

// j and k, arrows, Home and End step through the rows of a list; one of them is in the order of Tab.
export function useSteps(root, keys = true) {
  useEffect(() => {
    const act = (event) => {
      const down = ["j", "ArrowDown"].includes(event.key), up = ["k", "ArrowUp"].includes(event.key);
      if (!(down || up) || event.metaKey || event.ctrlKey || event.altKey) return;
      const inside = root.current?.contains(document.activeElement);
      if (/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName)) return;
      if (!inside && !(keys && ["j", "k"].includes(event.key))) return;
      const rows = [...root.current.querySelectorAll("[data-row]")];
      if (!rows.length) return;
      const now = rows.indexOf(document.activeElement.closest("[data-row]"));
      const next = rows[now < 0 ? 0 : Math.min(Math.max(now + (down ? 1 : -1), 0), rows.length - 1)];
      for (const row of rows) row.tabIndex = row === next ? 0 : -1;
      next.focus();
      next.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    };
    document.addEventListener("keydown", act);
    return () => document.removeEventListener("keydown", act);
  }, []);
}
export function Steps({ children, keys }) {
  const root = useRef(null);
  useSteps(root, keys);
  return html`<div ref=${root}>${children}</div>`;
}
// Filters live in the URL.
export function Select({ name, label, options, all = "all" }) {
  const { query } = useRoute();
  return html`<label>${label} <select value=${query.get(name) || ""} onChange=${(event) => setQuery(name, event.target.value)}>
    <option value="">${all}</option>${options.map((each) => { const [id, text] = Array.isArray(each) ? each : [each, each]; return html`<option value=${id}>${text}</option>`; })}</select></label>`;
}
export function Check({ name, label }) {
  const { query } = useRoute();
  return html`<label class="check"><input type="checkbox" checked=${query.get(name) === "1"} onChange=${(event) => setQuery(name, event.target.checked ? "1" : "")} /> ${label}</label>`;
}
export function Search({ name, label }) {
  const { query } = useRoute();
  return html`<label>${label} <input type="search" value=${query.get(name) || ""} onInput=${(event) => setQuery(name, event.target.value)} /></label>`;
}
// ``plain``: more is not worse.
export function Bar({ share, label, plain }) {
  const width = `${Math.min(Math.max(share || 0, 0), 1) * 100}%`;
  return html`<span class="bar" role="img" aria-label=${label}><i class=${plain ? "" : share > 0.9 ? "bad" : share > 0.7 ? "warn" : ""} style=${{ width }}></i></span>`;
}
export function useNow(every = 1000) {
  const [, draw] = useState(0);
  useEffect(() => { const timer = setInterval(() => draw((n) => n + 1), every); return () => clearInterval(timer); }, []);
}
export function csv(name, columns, rows) {
  const quote = (text) => `"${String(text ?? "").replaceAll('"', '""')}"`;
  const lines = [columns.join(","), ...rows.map((row) => columns.map((each) => quote(row[each])).join(","))];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([lines.join("\r\n")], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
