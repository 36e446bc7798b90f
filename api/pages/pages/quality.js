// Quality: violations by feed, market and reason, over time; and what could not be used at all.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Chart } from "../app/chart.js";
import { Panel, Reason, Search, Select, Table } from "../app/parts.js";
import { clock, count } from "../app/format.js";

export default function Quality({ query }) {
  const live = useLive("/api/quality?minutes=60", ["quality", "telemetry"], 3000), dead = useLive("/api/dead-letters?limit=30", ["quality"], 5000);
  const over = live.data?.over_time || [], words = (query.get("q") || "").toLowerCase(), feed = query.get("feed"), reason = query.get("reason");
  const takes = (v) => (!feed || v.feed === feed) && (!reason || v.reason === reason) && (!words || `${v.feed} ${v.market || ""} ${v.reason}`.toLowerCase().includes(words));
  const rows = over.filter(takes).reverse(), totals = (live.data?.quality || []).filter(takes);
  const minutes = new Map();
  for (const v of over.filter(takes)) minutes.set(v.minute, (minutes.get(v.minute) || 0) + v.count);
  const points = [...minutes].map(([minute, n]) => ({ time_s: Date.parse(minute) / 1000, count: n }));
  const all = [...(live.data?.quality || []), ...over];
  return html`<${Panel} title="Findings by feed and reason" live=${live} note="since the flow's start, and in the last window that had some"><div class="filters"><${Select} name="feed" label="Feed" options=${[...new Set(all.map((v) => v.feed))].sort()} /><${Select} name="reason" label="Reason" options=${[...new Set(all.map((v) => v.reason))].sort()} /><${Search} name="q" label="Words" /></div>
    <${Table} name="totals" rows=${totals} keyOf=${(v) => v.feed + v.reason} empty=${live.data ? "No violation." : "Loading …"} columns=${[{ key: "feed", label: "Feed" }, { key: "reason", label: "Reason", wide: true, cell: (v) => html`<${Reason} code=${v.reason} meaning=${v.meaning} />` }, { key: "total", label: "Total", num: true, cell: (v) => count(v.total) }, { key: "window", label: "Last window", num: true, cell: (v) => count(v.window) }, { key: "window_end", label: "Which ended", cell: (v) => clock(v.window_end) }]} /><//>
    <${Panel} title="Over time" live=${live} note="findings a minute, of what is filtered"><${Chart} label="Findings a minute" points=${points} digits=${0} height=${160} series=${[{ label: "findings", key: "count", color: "--warn" }]} />
    <${Table} name="violations" rows=${rows.slice(0, 100)} keyOf=${(v) => v.minute + v.feed + v.market_key + v.strategy + v.reason} empty="None in the last hour." columns=${[{ key: "minute", label: "Minute", cell: (v) => clock(v.minute) }, { key: "feed", label: "Feed" }, { key: "market", label: "Market" }, { key: "strategy", label: "Strategy" }, { key: "reason", label: "Reason", cell: (v) => html`<code>${v.reason}</code>` }, { key: "count", label: "Count", num: true, cell: (v) => count(v.count) }]} /><//>
    <${Panel} title="Dead letters" live=${dead} note="records that could not be used, verbatim"><${Table} name="dead" rows=${dead.data?.dead_letters || []} keyOf=${(d) => `${d.topic} ${d.offset} ${d.detail}`} empty="None." columns=${[{ key: "time", label: "Time", cell: (d) => clock(d.time) }, { key: "topic", label: "Where", cell: (d) => html`<code>${d.topic}</code> ${d.offset}` }, { key: "reason", label: "Reason", cell: (d) => html`<code>${d.reason}</code>` }, { key: "detail", label: "What", wide: true }, { key: "frame", label: "Frame", wide: true, sort: false, cell: (d) => html`<code>${d.frame.slice(0, 160)}</code>` }]} /><//>`;
}
