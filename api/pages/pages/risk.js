// Risk: breakers, caps and how much of them is used, sizes, where the money stands, when it is decided.
import { html, useState } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Bar, Figure, Panel, Table } from "../app/parts.js";
import { command } from "../app/control.js";
import { none, percent, plain, stamp, usd } from "../app/format.js";
import { Holds } from "./overview.js";

const LEVELS = { clear: "good", reduced: "warn", stopped: "bad" };
const CAPS = [
  { key: "cap", label: "Cap", cell: (c) => html`<code>${c.cap}</code>` },
  { key: "subject", label: "Of" },
  { key: "used_usd", label: "Used", num: true, cell: (c) => usd(c.used_usd) },
  { key: "limit_usd", label: "Limit", num: true, cell: (c) => usd(c.limit_usd) },
  { key: "share", label: "Use", num: true, cell: (c) => html`${percent(c.share)} <${Bar} share=${c.share} label=${`${percent(c.share)} used`} />` },
];
const EXPIRY = [
  { key: "expires", label: "Expires", cell: (e) => stamp(e.expires) },
  { key: "market", label: "Market" },
  { key: "cost_usd", label: "At cost", num: true, cell: (e) => usd(e.cost_usd) },
];
const level = (e, given) => (e.kind === "multiplier" ? percent(Number(given)) : given);
const EVENTS = [
  { key: "time", label: "When", kind: () => "nowrap", cell: (e) => stamp(e.time) },
  { key: "kind", label: "What", kind: () => "nowrap", cell: (e) => (e.kind === "breaker" ? `breaker ${e.subject.replaceAll("_", " ")}` : e.kind) },
  { key: "name", label: "Of" },
  { key: "old", label: "From", cell: (e) => level(e, e.old) },
  { key: "new", label: "To", cell: (e) => level(e, e.new) },
  { key: "reason", label: "Reason", cell: (e) => html`<code>${e.reason}</code>` },
  { key: "text", label: "In words", wide: true },
];
const BOUNDS = [
  { key: "kind", label: "Breaker", cell: (b) => html`<code>${b.kind}</code>` },
  { key: "scope", label: "Of" },
  { key: "measure", label: "Measures", wide: true },
  { key: "reduce_at", label: "Reduces at", num: true, cell: (b) => plain(b.reduce_at) },
  { key: "stop_at", label: "Stops at", num: true, cell: (b) => plain(b.stop_at) },
  { key: "release", label: "Ends when", wide: true },
];
const orders = (s) => ["active", "twin", "canary", "reduced"].includes(s.promotion || s.state);
const SIZES = [
  { key: "instance", label: "Instance", cell: (s) => html`<a href=${`/strategies/${s.instance}`}>${s.instance}</a>` },
  { key: "state", label: "State", cell: (s) => html`${s.promotion || s.state}${s.promotion && s.promotion !== s.state ? html` <span class="note">by promotion, configured ${s.state}</span>` : ""}${s.entries === "off" ? html`, <strong class="bad">off</strong>` : ""}` },
  { key: "size", label: "Size now", num: true, cell: (s) => (orders(s) ? html`<strong class=${s.size === 0 ? "bad" : ""}>${percent(s.size)}</strong>` : none) },
  { key: "realised", label: "By what it realised", num: true, cell: (s) => percent(s.realised) },
  { key: "breakers", label: "By breakers", num: true, cell: (s) => percent(s.breakers) },
  { key: "promoted", label: "By promotion", num: true, cell: (s) => percent(s.promoted) },
  { key: "operator", label: "By the operator", num: true, cell: (s) => (s.entries === "off" ? `off, ${s.by}` : percent(s.operator)) },
];

export default function Risk({ run }) {
  const live = useLive("/api/risk", ["fill", "order", "outcome", "risk", "answer"], 3000), holds = useLive("/api/holds", ["telemetry", "answer", "risk"]);
  const events = useLive("/api/risk/events?limit=50", ["risk"], 15000);
  const [said, say] = useState({ text: "", kind: "" });
  const [sure, setSure] = useState("");
  const r = live.data, clear = (r?.breakers || []).filter((b) => b.level === "clear");
  const release = (id) => { if (sure !== id) { setSure(id); return; } setSure(""); command({ do: "release", what: `breaker:${id}` }, say); };
  const breakers = [
    { key: "id", label: "Breaker", cell: (b) => html`<code>${b.id}</code>` },
    { key: "level", label: "Level", cell: (b) => html`<strong class=${LEVELS[b.level]}>${b.level}</strong>` },
    { key: "value", label: "Value", num: true, cell: (b) => plain(b.value) },
    { key: "reduce_at", label: "Reduces at", num: true, cell: (b) => plain(b.reduce_at) },
    { key: "stop_at", label: "Stops at", num: true, cell: (b) => plain(b.stop_at) },
    { key: "since", label: "Since", kind: () => "nowrap", cell: (b) => (b.level === "clear" ? "" : stamp(b.since)) },
    { key: "meaning", label: "Meaning", wide: true },
    { key: "release", label: "Ends when", wide: true },
    ...(run?.finished ? [] : [{ key: "act", label: "Release", sort: false, cell: (b) => (b.level === "clear" ? "" : html`<button type="button" aria-label=${`Release ${b.id}${sure === b.id ? " now?" : ""}`} onClick=${() => release(b.id)}>${sure === b.id ? "Release it now?" : "Release"}</button>`) }]),
  ];
  return html`<${Panel} title="Breakers" live=${live} note="sizes first, then entries; exits are never stopped"><${Table} name="breakers" rows=${(r?.breakers || []).filter((b) => b.level !== "clear")} keyOf=${(b) => b.id} empty=${r ? (clear.length ? `No breaker stands. ${clear.length} that ${clear.length > 1 ? "were" : "was"} near ${clear.length > 1 ? "their bounds are" : "its bound is"} clear.` : "No breaker was near its bound.") : "Loading …"} columns=${breakers} />
      <p class=${`said whole ${said.kind}`} role="status" aria-live="polite">${said.text}</p>
      ${clear.length ? html`<details><summary>${clear.length} that ${clear.length > 1 ? "are" : "is"} clear, with ${clear.length > 1 ? "their values" : "its value"}</summary><${Table} name="clear" whole=${true} rows=${clear} keyOf=${(b) => b.id} empty="" columns=${breakers.filter((c) => !["since", "act"].includes(c.key))} /></details>` : null}
      <details><summary>What the breakers watch, and their bounds</summary><${Table} name="bounds" whole=${true} rows=${r?.bounds || []} keyOf=${(b) => b.kind + b.scope} empty="Loading …" columns=${BOUNDS} /></details><//>
    <${Panel} title="Sizes" live=${live} note="of the full size; the parts are multiplied"><${Table} name="sizes" rows=${r?.sizing || []} keyOf=${(s) => s.instance} empty="Loading …" columns=${SIZES} /><//>
    <${Panel} title=${run?.finished ? "What held trading back at the end" : "What holds trading back now"} live=${holds}><${Holds} data=${holds.data} /><//>
    <${Panel} title="Caps and their use" live=${live} note="dollars at cost; of underlyings and expiries the worst joint outcome"><${Table} name="caps" rows=${r?.caps || []} keyOf=${(c) => c.cap + c.subject} empty="Loading …" columns=${CAPS} /><//>
    <div class="grid"><div class="half"><${Panel} title="Exposure by expiry" live=${live}><${Table} name="expiry" rows=${r?.exposure || []} keyOf=${(e) => e.expires + e.market} empty=${r ? "Nothing is held." : "Loading …"} columns=${EXPIRY} /><//></div>
    <div class="half"><${Panel} title="Concentration" live=${live}><dl class="figures"><${Figure} label="Largest market" value=${percent(r?.concentration)} note="of the cost of all positions" />${Object.entries(r?.by_asset_usd || {}).map(([asset, cost]) => html`<${Figure} key=${asset} label=${asset} value=${usd(cost)} note="at cost" />`)}</dl><//></div></div>
    <${Panel} title="Changes" live=${events} note="of multipliers, breakers, gates and instances, the latest first"><${Table} name="risk-events" rows=${events.data?.events || []} keyOf=${(e) => e.id} empty=${events.data ? "Nothing was changed yet." : "Loading …"} columns=${EVENTS} /><//>`;
}
