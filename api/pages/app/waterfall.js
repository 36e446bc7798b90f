// Where the money of trades went: from mid to mid down to what is left. Bars, and each with its number.
import { html } from "./dom.js";
import { signed, tone } from "./format.js";

// steps: [{ name, meaning, amount }], the first and the last stand on zero, those between on what was left before.
export function Waterfall({ label, steps }) {
  let level = 0;
  const rows = steps.map((step) => {
    const from = step.total ? 0 : level, to = step.total ? step.amount : level + step.amount;
    level = to;
    return { ...step, from, to };
  });
  const low = Math.min(0, ...rows.map((r) => Math.min(r.from, r.to))), high = Math.max(0, ...rows.map((r) => Math.max(r.from, r.to)));
  const at = (value) => ((value - low) / (high - low || 1)) * 100;
  return html`<div class="scroll"><table class="waterfall"><caption class="hidden">${label}</caption>
    <thead><tr><th scope="col">Part</th><th scope="col" class="n">Dollars</th><th scope="col" aria-hidden="true"></th></tr></thead>
    <tbody>${rows.map((r) => html`<tr key=${r.name} class=${r.total ? "total" : ""}><td data-label="Part"><span class="cell">${r.name}${r.meaning ? html` <span class="note">${r.meaning}</span>` : null}</span></td>
      <td class="n" data-label="Dollars"><span class=${`cell ${tone(r.amount)}`}>${signed(r.amount)}</span></td>
      <td class="drawn" aria-hidden="true"><span class="fall"><b style=${{ left: `${at(0)}%` }}></b><i class=${r.to >= r.from ? "up" : "down"} style=${{ left: `${at(Math.min(r.from, r.to))}%`, width: `${Math.max(at(Math.max(r.from, r.to)) - at(Math.min(r.from, r.to)), 0.4)}%` }}></i></span></td></tr>`)}</tbody></table></div>`;
}
