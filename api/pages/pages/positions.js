// Positions: what is held, what it cost, what it would bring, and where its exits are.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Panel, Table } from "../app/parts.js";
import { none, price, shares, signed, span, tone, usd } from "../app/format.js";

export default function Positions() {
  const live = useLive("/api/positions", ["fill", "outcome", "telemetry"], 2000);
  return html`<${Panel} title="Positions" live=${live} note="marked at the bid; fair by the model; exit levels as configured, bids of a share"><${Table} name="positions" rows=${live.data?.positions || []} keyOf=${(p) => `${p.account} ${p.strategy} ${p.market_key} ${p.outcome}`} empty=${live.data ? "Nothing is held." : "Loading …"} columns=${[
    { key: "market", label: "Market", cell: (p) => html`<a href=${`/markets/${p.market_key}`}>${p.market}</a>` }, { key: "strategy", label: "Strategy", cell: (p) => (p.account === "main" ? p.strategy : `${p.strategy} (${p.account === "live" ? "real money" : "paper twin"})`) },
    { key: "outcome", label: "Side" }, { key: "size_shares", label: "Shares", num: true, cell: (p) => shares(p.size_shares) }, { key: "average_usd", label: "Average", num: true, cell: (p) => price(p.average_usd) }, { key: "cost_usd", label: "Cost", num: true, cell: (p) => usd(p.cost_usd) },
    { key: "mark_usd", label: "Mark (bid)", num: true, cell: (p) => price(p.mark_usd) }, { key: "fair_usd", label: "Fair", num: true, cell: (p) => price(p.fair_usd) }, { key: "time_left_s", label: "Time left", num: true, cell: (p) => (p.time_left_s === 0 ? "ended" : span(p.time_left_s)) },
    { key: "unrealised_usd", label: "PnL at the bid", num: true, kind: (p) => tone(p.unrealised_usd), cell: (p) => signed(p.unrealised_usd) },
    { key: "exit_levels", label: "Exit levels", wide: true, sort: false, cell: (p) => Object.entries(p.exit_levels).map(([name, value]) => `${name.replace("_", "-")} ${value === null ? "out of reach" : price(value)}`).join(", ") || "held to settlement" },
  ]} /><//>`;
}
