// Overview: what holds trading back, what was decided last, the line room by room, feeds, money.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Empty, Figure, Panel, Reason, Status, Steps, Table } from "../app/parts.js";
import { clock, count, none, percent, signed, span, tenth, tone, usd } from "../app/format.js";
import { DECISION_COLUMNS } from "./decisions.js";

const LATEST = DECISION_COLUMNS.filter((column) => ["time", "action", "market", "price_usd", "size_shares"].includes(column.key));
const TITLES = { feeds: "Feeds", connections: "Connections", integrity: "Integrity", data_gates: "Data gates", features: "Features", strategies: "Strategies", gates: "Entry gates", sizing: "Sizing", execution: "Execution", exits: "Exits", settlement: "Settlement", reconciliation: "Reconciliation", portfolio: "Portfolio", flows: "Flows", processes: "Processes" };

export default function Overview({ go, run }) {
  const holds = useLive("/api/holds", ["telemetry", "decision", "answer", "quality"]);
  const modules = useLive("/api/modules", ["telemetry"]);
  const decisions = useLive("/api/decisions?limit=8", ["decision"]);
  const feeds = useLive("/api/feeds", ["telemetry"]);
  const money = useLive("/api/portfolio?points=10", ["telemetry", "fill", "outcome"]);
  const gauges = money.data?.gauges || {};
  return html`
    <div class="grid">
      <div class="half"><${Panel} title=${run?.finished ? "What held trading back at the end" : "What holds trading back now"} live=${holds} id="holds"><${Holds} data=${holds.data} /><//></div>
      <div class="half"><${Panel} title="Latest decisions" live=${decisions} note="Enter opens the trace"><${Steps}>
        <${Table} name="latest" rows=${decisions.data?.decisions || []} columns=${LATEST} keyOf=${(d) => d.first_id} onOpen=${(d) => go(`/decisions/${encodeURIComponent(d.id)}`)}
          empty=${decisions.data ? `No entry or exit yet. ${holds.data?.summary || ""}` : "Loading …"} /><//><//>
    <${Panel} title="Money" live=${money}><dl class="figures">
      <${Figure} label="Equity" value=${usd(gauges.equity)} note="positions at the bid" />
      <${Figure} label="Cash" value=${usd(gauges.cash)} /><${Figure} label="Reserved" value=${usd(gauges.reserved)} />
      <${Figure} label="Utilisation" value=${percent(money.data?.utilisation)} note="of the total cap" />
      <${Figure} label="Realised PnL" value=${signed(gauges.realised)} kind=${tone(gauges.realised)} note="closed PnL less all fees" />
      <${Figure} label="Unrealised" value=${signed(gauges.unrealised)} kind=${tone(gauges.unrealised)} />
      <${Figure} label="Positions" value=${count(gauges.positions)} /><${Figure} label="Drawdown at the bid" value=${usd(money.data?.drawdown_usd)} />
    </dl><//></div>
    </div>
    <${Panel} title="The line" live=${modules} note="a room a module, in the order of the journey; counts since start: passed, waiting, refused"><${Line} modules=${modules.data?.modules} /><//>
    <${Panel} title="Feeds" live=${feeds}><${Table} name="feeds" rows=${feeds.data?.feeds || []} keyOf=${(f) => f.feed} empty="No feed has reported yet." columns=${[
    { key: "feed", label: "Feed" },
    { key: "state", label: "State", cell: (f) => html`<${Status} is=${f.status} word=${f.state} />` },
    { key: "since", label: "Since", cell: (f) => clock(f.since) },
    { key: "why", label: "Why", wide: true, cell: (f) => html`<${Reason} code=${f.why} meaning=${f.meaning} />` },
    { key: "lag_p50_ms", label: "Lag p50, ms", num: true, cell: (f) => tenth(f.lag_p50_ms) },
    { key: "lag_p99_ms", label: "Lag p99, ms", num: true, cell: (f) => tenth(f.lag_p99_ms) },
    { key: "per_s", label: "Frames/s", num: true, cell: (f) => tenth(f.per_s) },
  ]} />${feeds.data ? html`<p class="note">Our own lag: ${Object.entries(feeds.data.pipeline).map(([name, ms]) => `${name.replaceAll("_", " ").replace(" ms", "")} ${tenth(ms)} ms`).join(", ") || "not measured yet"}</p>` : null}<//>`;
}
export function Holds({ data }) {
  if (!data) return html`<${Empty}>Loading …<//>`;
  return html`<p class="summary">${data.summary}</p><${Steps}><ul class="holds">${data.holds.map((hold, at) => html`<li class=${`s${hold.severity}`} key=${`${hold.subject}${hold.reason}`}>
    ${hold.until ? html`<span class=${`act ${hold.act}`}>${hold.act === "you" ? "you have to act" : hold.act === "wait" ? "wait" : "nothing to do"}</span>` : null}
    <a href=${hold.link} data-row=${`${hold.subject}${hold.reason}`} tabindex=${at ? -1 : 0}>${hold.what}</a>
    <small><code>${hold.reason}</code>${hold.since ? ` since ${clock(hold.since)}` : ""}${hold.until ? `, until: ${hold.until}` : ""}</small></li>`)}</ul><//>`;
}
function Line({ modules }) {
  if (!modules?.length) return html`<${Empty}>The system is starting: no module has reported yet.<//>`;
  const stations = [];
  for (const view of modules) {
    if (stations.at(-1)?.room !== view.room) stations.push({ room: view.room, modules: [] });
    stations.at(-1).modules.push(view);
  }
  return html`<div class="line">${stations.map(({ room, modules: inside }) => html`<section class="station" key=${room} style=${{ flexGrow: inside.length }} aria-label=${TITLES[room] || room}>
    <h3>${TITLES[room] || room}</h3><div class="rooms">${inside.map((view) => html`<${Room} key=${view.module} view=${view} />`)}</div></section>`)}</div>`;
}
function Room({ view }) {
  const judged = Object.keys(view.counts).length > 0;
  return html`<article class=${`room ${view.status}`} data-module=${view.module} title=${view.gauges_text}>
    <b>${view.module.split(/(?<=[._])/).map((part, at) => (at ? html`<wbr />${part}` : part))}</b><${Status} is=${view.status} word=${view.state === view.status ? view.status : `${view.status}: ${view.state}`} />
    <span class="facts">${view.status === "ended" ? null : html`<span>${view.age_s === null ? "never" : `${span(Math.max(view.age_s, 0))} ago`}</span>`}${view.rate_10s === null || view.status === "ended" ? null : html`<span>${tenth(view.rate_10s)}/s</span>`}</span>
    ${judged ? html`<span class="facts"><span class="good">${count(view.passed)} passed</span><span>${count(view.held)} waiting</span><span class=${view.blocked ? "bad" : ""}>${count(view.blocked)} refused</span></span>` : null}
    ${view.last_reason && view.last_reason !== "ok" ? html`<span class="last" title=${view.meaning}>${view.last_reason}${view.status === "online" || !view.meaning ? "" : `: ${view.meaning}`}</span>` : null}
  </article>`;
}
