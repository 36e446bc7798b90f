// Strategies: every instance, every scan row, and what would have to change; a page for each instance.
import { html, useState } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Check, Empty, Figure, Panel, Reason, Search, Select, Steps, Table, Verdict } from "../app/parts.js";
import { command } from "../app/control.js";
import { clock, count, none, percent, signed, tenth, tone } from "../app/format.js";
import { DECISION_COLUMNS } from "./decisions.js";
import { Funnels } from "./funnel.js";

const listed = (given) => Object.entries(given).slice(0, 3).map(([reason, n]) => `${reason} ${count(n)}`).join(", ") || none;
const minus = (text) => text.replace("-", "−");
const decimals = (value) => (value === null || value === undefined ? none : minus(value.toFixed(4)));
const decimal = (value) => minus(value.toFixed(2));
// What the data gate refused was never scored.
const scored = (s, shown) => (s.verdict === "block" ? none : shown(s));
const SCAN_COLUMNS = [
  { key: "strategy", label: "Strategy" }, { key: "market", label: "Market", kind: () => "nowrap" },
  { key: "score", label: "Score", num: true, cell: (s) => scored(s, () => decimals(s.score)) }, { key: "threshold", label: "Threshold", num: true, cell: (s) => decimals(s.threshold) },
  { key: "margin", label: "Margin", num: true, cell: (s) => scored(s, () => decimals(s.margin)) }, { key: "normalised", label: "Normalised", num: true, cell: (s) => scored(s, () => (s.warming ? "warming" : decimal(s.normalised))) }, { key: "rank", label: "Rank", num: true, cell: (s) => scored(s, () => (s.warming ? none : percent(s.rank))) },
  { key: "verdict", label: "Verdict", cell: (s) => html`<${Verdict} is=${s.verdict} />` },
  { key: "reason", label: "Reason, and what would have to change", wide: true, kind: () => "why", cell: (s) => html`<${Reason} code=${s.reason} meaning=${s.meaning} />${s.to_change ? html`<span class="change">${s.to_change}</span>` : null}` },
  { key: "time", label: "Judged, UTC", num: true, cell: (s) => s.time.slice(11, 19) },
];
const stateOf = (s) => s.sizing.promotion || s.state;
export const apart = (s) => s.twin || s.learned;
// What reduces an instance's sizes, in words.
const orders = (given) => ["active", "twin", "canary", "reduced"].includes(given.promotion || given.state);
function sized(given) {
  if (!orders(given)) return `it is never ordered: ${given.promotion || given.state}`;
  if (given.entries === "off") return `off, by ${given.by}`;
  const parts = [["what it realised", given.realised], ["breakers", given.breakers], ["its promotion", given.promoted], ["the operator", given.operator]].filter(([, share]) => share < 1);
  return parts.length ? parts.map(([by, share]) => `${percent(share)} by ${by}`).join(", ") : "nothing reduces it";
}
// An instance and its paper twin, figure by figure.
function Twin({ of }) {
  const rows = [["Net", of.own.net_usd, of.twin.net_usd, of.difference_usd, signed], ["Net a share", of.own.per_share_usd, of.twin.per_share_usd, of.per_share_difference_usd, cents], ["Trades that ended", of.own.trades, of.twin.trades, of.own.trades - of.twin.trades, count], ["Fills", of.own.fills, of.twin.fills, of.own.fills - of.twin.fills, count], ["Shares bought", of.own.bought_shares, of.twin.bought_shares, of.own.bought_shares - of.twin.bought_shares, tenth]]
    .map(([figure, own, twin, apart, as]) => ({ figure, own, twin, apart, as }));
  return html`<${Table} name="twin" rows=${rows} keyOf=${(r) => r.figure} empty="" columns=${[{ key: "figure", label: "Figure", sort: false }, { key: "own", label: "This one", num: true, sort: false, cell: (r) => r.as(r.own) }, { key: "twin", label: "Its twin", num: true, sort: false, cell: (r) => r.as(r.twin) }, { key: "apart", label: "Apart", num: true, sort: false, kind: (r) => (r.as === signed || r.as === cents ? tone(r.apart) : ""), cell: (r) => r.as(r.apart) }]} />
    ${of.same_parameters ? null : html`<p class="warn">The two go by different parameters: what is apart is not the venue's doing alone.</p>`}`;
}
// What the learning flow says of an instance and the twin that it runs alone, at full size.
export function Learned({ of }) {
  return html`<dl class="figures"><${Figure} label="The instance" value=${signed(of.own_net_usd)} kind=${tone(of.own_net_usd)} /><${Figure} label="Its twin" value=${signed(of.twin_net_usd)} kind=${tone(of.twin_net_usd)} note="alone, at full size" /><${Figure} label="Apart" value=${signed(of.difference_usd)} kind=${tone(of.difference_usd)} /></dl>`;
}
const cents = (value) => (value === null || value === undefined ? none : `${value > 0 ? "+" : value < 0 ? "−" : ""}${Math.abs(value * 100).toFixed(2)} ¢`);
// Which runs "today" and "7 days" are the sums of: runs of one kind alone.
const KINDS = { live: ["live feeds", "on live feeds"], sim: ["simulated exchange", "on the simulated exchange"], recorded: ["recording", "on played recordings"], replay: ["replay", "that are replays"] };
const runsOf = (n) => `${count(n)} run${n === 1 ? "" : "s"}`;
function summed(e) {
  if (!e) return "…";
  if (!["live", "sim"].includes(e.kind)) return `this ${e.kind === "replay" ? "replay" : "run"} alone`;
  return e.complete ? `of ${runsOf(e.runs.length + e.quiet)} ${KINDS[e.kind][1]}` : "this run; the others are being read";
}
function Earned({ of }) {
  if (!of) return null;
  const apart = Object.entries(of.left_out).map(([kind, n]) => `${runsOf(n)} ${KINDS[kind][1]}`), unread = Object.keys(of.unread).length;
  const real = of.runs.filter((r) => r.real).length;
  return html`<details><summary>Which runs today and 7 days are of</summary>
    <p class="note">Days are UTC, by event time; today is ${of.today || none}. ${["live", "sim"].includes(of.kind) ? `Runs of this data folder ${KINDS[of.kind][1]}, whatever their settings were${of.quiet ? `; ${runsOf(of.quiet)} of them made and lost nothing in 7 days` : ""}.` : "A replay and a run on a recording trade the same hours again: nothing is added to them."}${of.kind === "live" ? ` Orders are ${real ? `on paper; ${runsOf(real)} had real ones too, whose money is not in these sums` : "on paper"}.` : ""}${apart.length ? ` Not in it: ${apart.join(", ")}.` : ""}</p>
    ${unread ? html`<p class="warn">Not in it, for they cannot be read: ${Object.entries(of.unread).map(([name, why]) => `${name} (${why})`).join("; ")}</p>` : null}
    <${Table} name="earned" rows=${of.runs} keyOf=${(r) => r.name} empty="No run." columns=${[{ key: "name", label: "Run", cell: (r) => html`${r.name}${r.current ? html` <span class="note">(this one)</span>` : null}` }, ...(of.kind === "live" ? [{ key: "real", label: "Orders", cell: (r) => (r.real ? "real and paper" : "paper") }] : []), { key: "today_usd", label: "Today", num: true, kind: (r) => tone(r.today_usd), cell: (r) => signed(r.today_usd) }, { key: "week_usd", label: "7 days", num: true, kind: (r) => tone(r.week_usd), cell: (r) => signed(r.week_usd) }]} /></details>`;
}
export default function Strategies({ rest, query, go, run }) {
  return rest ? html`<${One} id=${rest} key=${rest} go=${go} run=${run} />` : html`<${All} query=${query} go=${go} run=${run} />`;
}
function Scans({ rows, empty }) {
  return html`<${Table} name="scans" rows=${rows} columns=${SCAN_COLUMNS} keyOf=${(s) => `${s.strategy} ${s.market_key}`} empty=${empty} />`;
}
function All({ query, go, run }) {
  const live = useLive("/api/strategies", ["telemetry", "decision", "outcome", "risk"]), earned = useLive("/api/earnings", ["outcome", "fill"], 10000), scans = useLive("/api/scans", ["telemetry"], 2000);
  const all = scans.data?.scans || [];
  const words = (query.get("q") || "").toLowerCase();
  const rows = all.filter((s) => (!query.get("strategy") || s.strategy === query.get("strategy")) && (!query.get("verdict") || s.verdict === query.get("verdict"))
    && (run?.finished || query.get("ended") === "1" || !s.over) && (!words || `${s.market} ${s.market_key} ${s.reason}`.toLowerCase().includes(words)));
  const made = Object.fromEntries((earned.data?.instances || []).map((each) => [each.id, each]));
  return html`<${Panel} title="Instances" live=${live} note=${`after all fees; today and 7 days: ${summed(earned.data)}`}><${Steps}><${Table} name="instances" rows=${live.data?.strategies || []} keyOf=${(s) => s.id} onOpen=${(s) => go(`/strategies/${s.id}`)} empty="Loading …" columns=${[
    { key: "id", label: "Instance", cell: (s) => html`<a href=${`/strategies/${s.id}`} tabindex="-1">${s.id}</a>` }, { key: "state", label: "State", by: stateOf, cell: (s) => html`${s.sizing.promotion ? html`<a href=${`/validation/${s.id}`}>${stateOf(s)}</a>` : s.state}${s.sizing.entries === "off" ? html`, <strong class="bad">off</strong>` : ""}` },
    { key: "size", label: "Size", num: true, by: (s) => s.sizing.size, kind: (s) => (orders(s.sizing) && s.sizing.size === 0 ? "bad" : ""), cell: (s) => html`<span title=${sized(s.sizing)}>${orders(s.sizing) ? percent(s.sizing.size) : none}</span>` },
    { key: "evaluations", label: "Samples", num: true, cell: (s) => count(s.evaluations) }, { key: "pass_rate", label: "Pass rate", num: true, cell: (s) => percent(s.pass_rate) },
    { key: "passed", label: "Passed", num: true, cell: (s) => count(s.passed) }, { key: "held", label: "Waiting", num: true, cell: (s) => count(s.held) }, { key: "blocked", label: "Refused", num: true, cell: (s) => count(s.blocked) },
    { key: "blocks", label: "Refused because", wide: true, sort: false, kind: () => "why", cell: (s) => html`${listed(s.blocks)}${Object.keys(s.refused).length ? html`<br /><span class="quiet">entries, since ${clock(s.refused_since)}:</span> ${listed(s.refused)}` : null}` },
    { key: "today_usd", label: "Today", num: true, by: (s) => made[s.id]?.today_usd, kind: (s) => tone(made[s.id]?.today_usd), cell: (s) => signed(made[s.id]?.today_usd) }, { key: "week_usd", label: "7 days", num: true, by: (s) => made[s.id]?.week_usd, kind: (s) => tone(made[s.id]?.week_usd), cell: (s) => signed(made[s.id]?.week_usd) },
    { key: "realised_usd", label: "This run", num: true, kind: (s) => tone(s.realised_usd), cell: (s) => signed(s.realised_usd) },
    ...((live.data?.strategies || []).some(apart) ? [{ key: "twin", label: "Off its twin", num: true, by: (s) => apart(s)?.difference_usd, kind: (s) => tone(apart(s)?.difference_usd), cell: (s) => signed(apart(s)?.difference_usd) }] : []),
  ]} /><//><${Earned} of=${earned.data} /><//>
  <${Panel} title="Scans" live=${scans} note="the latest evaluation of every strategy and market">
    <div class="filters">${run?.finished ? null : html`<${Check} name="ended" label="Windows that ended, too" />`}<${Select} name="strategy" label="Strategy" options=${[...new Set(all.map((s) => s.strategy))]} /><${Select} name="verdict" label="Verdict" options=${[["pass", "passed"], ["hold", "waiting"], ["block", "refused"]]} /><${Search} name="q" label="Words" /></div>
    <${Scans} rows=${rows} empty=${scans.data ? "No window has been evaluated yet, or none matches." : "Loading …"} /><//>`;
}
// The operator's word on one instance: entries off or on, and how much of its size.
function Word({ s }) {
  const [said, say] = useState({ text: "", kind: "" });
  const [percentage, set] = useState("50");
  const off = s.sizing.entries === "off";
  const resize = (event) => { event.preventDefault(); command({ do: "size", subject: s.id, to: Number(percentage) / 100 }, say); };
  return html`<div class="row"><button type="button" onClick=${() => command({ do: off ? "enable" : "disable", subject: s.id }, say)}>${off ? "Switch entries on" : "Switch entries off"}</button>
      <form class="row" onSubmit=${resize}><label>Size, % <input name="size" type="number" min="0" max="100" step="1" required value=${percentage} onInput=${(event) => set(event.target.value)} /></label><button type="submit">Set size</button></form>
      <span class="note">Exits and settlement go on.</span></div>
    <p class=${`said whole ${said.kind}`} role="status" aria-live="polite">${said.text}</p>`;
}
function MarkOuts({ of }) {
  return html`<dl class="figures">
    ${[["1 s", of.gain_1s], ["5 s", of.gain_5s], ["30 s", of.gain_30s], ["Settlement", of.gain_settlement]].map(([label, gain]) => html`<${Figure} key=${label} label=${label} value=${cents(gain)} kind=${tone(gain)} />`)}
    <${Figure} label="Slippage" value=${cents(of.slippage).replace("+", "")} note="worse than the mid decided on" />
    <${Figure} label="Edge realised" value=${percent(of.edge_realised)} note="result over what was predicted" /></dl>`;
}
function One({ id, go, run }) {
  const live = useLive(`/api/strategies/${id}`, ["telemetry", "decision", "risk"]), scans = useLive(`/api/scans?strategy=${id}`, ["telemetry"], 2000);
  const decisions = useLive(`/api/decisions?limit=20&refusals=true&strategy=${id}`, ["decision"]);
  const earned = useLive("/api/earnings", ["outcome", "fill"], 10000), made = earned.data?.instances.find((each) => each.id === id);
  const s = live.data;
  if (live.error?.status === 404) return html`<${Panel} title=${`Instance ${id}`} live=${live}><p><a href="/strategies">All instances</a></p><//>`;
  return html`<${Panel} title=${`Instance ${id}`} live=${live} note=${s ? html`${s.strategy}, ${stateOf(s)}${s.twin_of ? html` of <a href=${`/strategies/${s.twin_of}`}>${s.twin_of}</a>` : ""}, model ${s.model}` : ""}>${s ? html`<dl class="figures">
      <${Figure} label="Evaluations" value=${count(s.evaluations)} note=${`${count(s.passed)} passed, ${count(s.held)} waiting, ${count(s.blocked)} refused`} /><${Figure} label="Pass rate" value=${percent(s.pass_rate)} />
      <${Figure} label="Today" value=${signed(made?.today_usd)} kind=${tone(made?.today_usd)} note=${summed(earned.data)} /><${Figure} label="7 days" value=${signed(made?.week_usd)} kind=${tone(made?.week_usd)} note=${made ? `it traded in ${runsOf(made.runs)}` : ""} /><${Figure} label="This run" value=${signed(s.realised_usd)} kind=${tone(s.realised_usd)} note="closed PnL less fees" /><${Figure} label="Size now" value=${orders(s.sizing) ? percent(s.sizing.size) : none} kind=${orders(s.sizing) && s.sizing.size === 0 ? "bad" : ""} note=${sized(s.sizing)} /></dl>
      <p>Last: <${Reason} code=${s.last_reason} meaning=${s.meaning} /></p>` : html`<${Empty}>Loading …<//>`}<//>
    ${run?.finished || !s ? null : html`<${Panel} title="Entries and size" note="asked here, answered by the trading flow"><${Word} s=${s} /><//>`}
    ${s?.twin ? html`<${Panel} title="Beside its paper twin" live=${live} note=${html`<a href=${`/strategies/${s.twin.twin.instance}`}>${s.twin.twin.instance}</a>: this run, positions that ended, after fees`}><${Twin} of=${s.twin} /><//>` : null}
    ${s?.learned ? html`<${Panel} title="Beside the learning flow's twin" live=${live} note="markets that are settled, after costs"><${Learned} of=${s.learned} /><p class="after"><a href=${`/validation/${s.id}`}>Its promotion</a></p><//>` : null}
    <${Panel} title="Mark-outs" live=${live} note="cents a share in the fills' favour, fees apart; the mid so long after each fill, less its price">${s ? html`<${MarkOuts} of=${s.markouts} />` : html`<${Empty}>Loading …<//>`}<//>
    <div class="grid"><div class="half"><${Panel} title="Refused and waiting, by reason" live=${live}><${Table} name="blocks" rows=${s ? [...Object.entries(s.blocks).map(([reason, n]) => ({ what: "refused: data", reason, n })), ...Object.entries(s.holds).map(([reason, n]) => ({ what: "waiting", reason, n })), ...Object.entries(s.refused).map(([reason, n]) => ({ what: `entry refused, since ${clock(s.refused_since)}`, reason, n }))] : []} keyOf=${(r) => r.what + r.reason} empty="Nothing yet." columns=${[
    { key: "what", label: "What" }, { key: "reason", label: "Reason", cell: (r) => html`<code>${r.reason}</code>` }, { key: "n", label: "Count", num: true, cell: (r) => count(r.n) }]} /><//></div>
    <div class="half"><${Panel} title="Parameters" live=${live}><${Table} name="parameters" rows=${s ? Object.entries(s.parameters).map(([key, value]) => ({ key, value: String(value) })) : []} keyOf=${(r) => r.key} empty="Loading …" columns=${[{ key: "key", label: "Key" }, { key: "value", label: "Value", num: true }]} /><//></div></div>
    <${Panel} title="Scans" live=${scans}><${Scans} rows=${(scans.data?.scans || []).filter((each) => run?.finished || !each.over)} empty="No open window has been evaluated yet." /><//>
    <${Panel} title="Latest decisions" live=${decisions} note="refused entries too; Enter opens the trace"><${Steps} keys=${true}><${Table} name="decisions" rows=${decisions.data?.decisions || []} columns=${DECISION_COLUMNS} keyOf=${(d) => d.first_id} onOpen=${(d) => go(`/decisions/${encodeURIComponent(d.id)}`)} empty="No decision yet." /><//><//>
    <${Funnels} of=${id} />`;
}
