// Runs: everything on disk, how it ended, its report, and the command that opens it in these pages.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Panel, Table } from "../app/parts.js";
import { count, signed, stamp, tone, usd } from "../app/format.js";

const TONE = { running: "good", unfinished: "warn", damaged: "bad" };
export default function Runs() {
  const live = useLive("/api/runs", [], 10000);
  return html`<${Panel} title="Runs and replays" live=${live}><${Table} name="runs" rows=${live.data?.runs || []} keyOf=${(r) => r.name} empty=${live.data ? "No run in the data folder." : "Loading …"} columns=${[
    { key: "name", label: "Run", kind: () => "nowrap", cell: (r) => html`${r.name}${r.current ? html` <span class="note">(this one)</span>` : null}` }, { key: "state", label: "State", wide: true, cell: (r) => html`<span class=${TONE[r.state]}>${r.state}</span>${r.why ? html` <span class="note">${r.why}</span>` : null}` }, { key: "feeds", label: "Feeds", wide: true }, { key: "started", label: "Started", kind: () => "nowrap", cell: (r) => stamp(r.started.slice(0, 19)) },
    { key: "equity_usd", label: "Equity", num: true, cell: (r) => usd(r.equity_usd) }, { key: "realised_usd", label: "Realised", num: true, kind: (r) => tone(r.realised_usd), cell: (r) => signed(r.realised_usd) }, { key: "fills", label: "Fills", num: true, cell: (r) => count(r.fills) },
    { key: "open_with", label: "Open it here with", sort: false, kind: () => "nowrap", cell: (r) => html`<code>${r.open_with}</code>` }, { key: "report", label: "Report", sort: false, cell: (r) => html`<a href=${`/reports?runs=${encodeURIComponent(r.name)}`}>Report<span class="hidden"> of ${r.name}</span></a>` },
  ]} /><//>`;
}
