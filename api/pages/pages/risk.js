// Risk: breakers, caps and how much of them is used, multipliers, where the money stands, when it is decided.
import { html, useState } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Bar, Figure, Panel, Table } from "../app/parts.js";
import { command } from "../app/control.js";
import { percent, stamp, usd } from "../app/format.js";
import { Holds } from "./overview.js";

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
const EVENTS = [
  { key: "time", label: "When", cell: (e) => stamp(e.time) },
  { key: "kind", label: "What" },
  { key: "name", label: "Of" },
  { key: "old", label: "From" },
  { key: "new", label: "To" },
  { key: "reason", label: "Reason", cell: (e) => html`<code>${e.reason}</code>` },
  { key: "text", label: "In words" },
];

export default function Risk({ run }) {
  const live = useLive("/api/risk", ["fill", "order", "outcome", "risk"], 3000), holds = useLive("/api/holds", ["telemetry", "answer"]);
  const events = useLive("/api/risk/events?limit=50", ["risk"], 15000);
  const [said, say] = useState({ text: "", kind: "" });
  const r = live.data;
  const breakers = [
    { key: "id", label: "Breaker", cell: (b) => html`<code>${b.id}</code>` },
    { key: "level", label: "Level", cell: (b) => html`<span class=${b.level === "clear" ? "good" : b.level === "stopped" ? "bad" : "warn"}>${b.level}</span>` },
    { key: "value", label: "Value", num: true, cell: (b) => b.value.toFixed(4) },
    { key: "since", label: "Since", cell: (b) => (b.level === "clear" ? "" : stamp(b.since)) },
    { key: "meaning", label: "Meaning" },
    { key: "release", label: "Ends when" },
    { key: "act", label: "Release", cell: (b) => (b.level === "clear" || run?.finished ? "" : html`<button type="button" onClick=${() => command({ do: "release", what: `breaker:${b.id}` }, say)}>Release</button>`) },
  ];
  return html`<${Panel} title="What holds trading back now" live=${holds}><${Holds} data=${holds.data} /><//>
    <${Panel} title="Breakers" live=${live} note="sizes first, then entries; exits are never stopped"><${Table} name="breakers" rows=${r?.breakers || []} keyOf=${(b) => b.id} empty="No breaker was near its bound." columns=${breakers} />
      <p class=${`said ${said.kind}`} role="status" aria-live="polite">${said.text}</p><//>
    <${Panel} title="Caps and their use" live=${live} note="dollars at cost; of underlyings and expiries the worst joint outcome"><${Table} name="caps" rows=${r?.caps || []} keyOf=${(c) => c.cap + c.subject} empty="Loading …" columns=${CAPS} /><//>
    <div class="grid"><div class="half"><${Panel} title="Exposure by expiry" live=${live}><${Table} name="expiry" rows=${r?.exposure || []} keyOf=${(e) => e.expires + e.market} empty="Nothing is held." columns=${EXPIRY} /><//></div>
    <div class="half"><${Panel} title="Concentration" live=${live}><dl class="figures"><${Figure} label="Largest market" value=${percent(r?.concentration)} note="of the cost of all positions" />${Object.entries(r?.by_asset_usd || {}).map(([asset, cost]) => html`<${Figure} label=${asset} value=${usd(cost)} />`)}</dl><//>
    <${Panel} title="Size by what was realised" live=${live} note="of the full size"><dl class="figures">${Object.entries(r?.multipliers || {}).map(([name, share]) => html`<${Figure} label=${name} value=${percent(share)} />`)}</dl>${Object.keys(r?.multipliers || {}).length ? null : html`<p>No round has ended yet: all have the floor.</p>`}<//></div></div>
    <${Panel} title="Changes" live=${events}><${Table} name="risk-events" rows=${events.data?.events || []} keyOf=${(e) => e.id} empty="Nothing was changed yet." columns=${EVENTS} /><//>`;
}
