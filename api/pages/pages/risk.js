// Risk: caps and how much of them is used, where the money stands, when it is decided.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Bar, Figure, Panel, Table } from "../app/parts.js";
import { percent, stamp, usd } from "../app/format.js";
import { Holds } from "./overview.js";

export default function Risk() {
  const live = useLive("/api/risk", ["fill", "order", "outcome"], 3000), holds = useLive("/api/holds", ["telemetry", "answer"]);
  const r = live.data;
  return html`<${Panel} title="What holds trading back now" live=${holds}><${Holds} data=${holds.data} /><//>
    <${Panel} title="Caps and their use" live=${live} note="dollars at cost, reservations in the total"><${Table} name="caps" rows=${r?.caps || []} keyOf=${(c) => c.cap + c.subject} empty="Loading …" columns=${[{ key: "cap", label: "Cap", cell: (c) => html`<code>${c.cap}</code>` }, { key: "subject", label: "Of" }, { key: "used_usd", label: "Used", num: true, cell: (c) => usd(c.used_usd) }, { key: "limit_usd", label: "Limit", num: true, cell: (c) => usd(c.limit_usd) }, { key: "share", label: "Use", num: true, cell: (c) => html`${percent(c.share)} <${Bar} share=${c.share} label=${`${percent(c.share)} used`} />` }]} /><//>
    <div class="grid"><div class="half"><${Panel} title="Exposure by expiry" live=${live}><${Table} name="expiry" rows=${r?.exposure || []} keyOf=${(e) => e.expires + e.market} empty="Nothing is held." columns=${[{ key: "expires", label: "Expires", cell: (e) => stamp(e.expires) }, { key: "market", label: "Market" }, { key: "cost_usd", label: "At cost", num: true, cell: (e) => usd(e.cost_usd) }]} /><//></div>
    <div class="half"><${Panel} title="Concentration" live=${live}><dl class="figures"><${Figure} label="Largest market" value=${percent(r?.concentration)} note="of the cost of all positions" />${Object.entries(r?.by_asset_usd || {}).map(([asset, cost]) => html`<${Figure} label=${asset} value=${usd(cost)} />`)}</dl><//></div></div>`;
}
