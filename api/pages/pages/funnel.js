// Why it did not trade: for each market, how many evaluations came how far, and the nearest miss.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Empty, Panel, Select } from "../app/parts.js";
import { useRoute } from "../app/route.js";
import { count } from "../app/format.js";

export default function Page() {
  return html`<${Funnels} filters=${true} />`;
}
// All strategies together, or one: `of`, or what the query names.
export function Funnels({ filters, of }) {
  const { query } = useRoute();
  const minutes = query.get("minutes") || "10", strategy = of || query.get("strategy") || "";
  const live = useLive(`/api/funnel?minutes=${minutes}&strategy=${encodeURIComponent(strategy)}`, ["telemetry", "decision"], 3000);
  const known = useLive(filters ? "/api/strategies" : "", [], 60000);
  return html`<${Panel} title=${`Why ${strategy || "it"} did, or did not, trade in the last ${minutes} minutes`} live=${live}>
    ${filters ? html`<div class="filters"><${Select} name="strategy" label="Strategy" options=${(known.data?.strategies || []).map((s) => s.id)} /><${Select} name="minutes" label="Minutes" options=${["1", "5", "30", "60"]} all="10" /></div>` : null}
    ${live.data?.funnels.length ? live.data.funnels.map((each) => html`<section key=${each.market_key}><h3><a href=${`/markets/${each.market_key}`}>${each.market}</a></h3>
      <div class="steps">${each.steps.map((step, at) => html`<div class="step"><span>${step.step}</span><b class="n">${count(step.count)}</b><small>${step.of !== (each.steps[at - 1] || step).of ? "counted anew: an evaluation may want none, one or several; refusals that repeat are told with the next" : Object.keys(step.lost).length ? `lost: ${Object.entries(step.lost).map(([reason, n]) => `${reason} ${count(n)}`).join(", ")}` : ""}</small></div>`)}</div>
      ${each.nearest ? html`<p class="note">${each.nearest}</p>` : null}</section>`) : html`<${Empty}>${live.data ? "No market was evaluated in that time." : "Loading …"}<//>`}<//>`;
}
