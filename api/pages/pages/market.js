// One window whole: the loop from feed to PnL, both books, the curves with one crosshair, decisions, orders, fills.
import { html, useEffect, useState } from "../app/dom.js";
import { ask, on, useLive, useTopic } from "../app/live.js";
import { Chart } from "../app/chart.js";
import { command } from "../app/control.js";
import { Empty, Figure, Panel, Reason, Steps, Table, Verdict } from "../app/parts.js";
import { clock, none, price, shares, signed, span, tone, usd } from "../app/format.js";
import { DECISION_COLUMNS } from "./decisions.js";

export default function Market({ rest, go, run }) {
  const key = rest || "now-BTC-5m";
  useTopic("journal"); useTopic("scans");
  const live = useLive(`/api/markets/${encodeURIComponent(key)}`, ["book", "decision", "order", "fill", "outcome", "scan"], 2000);
  const all = useLive("/api/markets?limit=60", ["outcome"], 5000);
  const [books, setBooks] = useState(null);
  const [said, say] = useState({ text: "", kind: "" });
  const m = live.data, shown = m?.summary.market_key;
  useEffect(() => { setBooks(null); return on("book", (event) => { if (event.market_key === shown) setBooks(event); }); }, [shown]);
  const choose = html`<label>Window <select value=${key} onChange=${(event) => go(`/markets/${event.target.value}`)}>
    ${["now-BTC-5m", "now-BTC-15m"].map((each) => html`<option value=${each}>running ${each.slice(4).replace("-", " ")}</option>`)}${(all.data?.markets || []).map((each) => html`<option value=${each.market_key}>${each.market}, ${each.state}</option>`)}</select></label>`;
  if (!m) return html`<${Panel} title="Market" live=${live}><div class="filters">${choose}</div><${Empty}>${live.error ? "No such window is known yet: the system is starting, or the window is too long ago." : "Loading …"}<//><//>`;
  const s = m.summary, ladders = books?.ladders || m.ladders;
  const last = m.curve[m.curve.length - 1], interval = last && last.low !== null ? last : null;
  // On the chart of Up, a price of Down is the other side of the dollar.
  const marked = (each, dollars, hollow) => ({ time_s: Date.parse(each.time) / 1000, value: each.outcome === "Up" ? dollars : 1 - dollars, up: each.side === "buy", color: each.outcome === "Up" ? "--up" : "--down", hollow });
  const marks = [...m.orders.map((o) => marked(o, o.limit_usd, true)), ...m.fills.map((f) => marked(f, f.price_usd, false))];
  return html`
    <${Panel} title=${s.market} live=${live} note=${run?.finished && s.state === "open" ? "open when the run ended" : s.state}><div class="filters">${choose}${run?.finished ? null : html`<button type="button" onClick=${() => command({ do: "close", market: s.market_key }, say)}>Close this market's positions</button>`}<span class=${`said ${said.kind}`} role="status">${said.text}</span></div>
      <dl class="figures"><${Figure} label="Time left" value=${s.state === "open" || s.state === "coming" ? span(s.time_left_s) : s.state} /><${Figure} label="Mid of Up" value=${price(s.mid)} /><${Figure} label="Fair value of Up" value=${price(s.fair)} note=${interval ? `95% for the variance: ${price(interval.low)} to ${price(interval.high)}` : "no estimate of its variance yet"} /><${Figure} label="Strike" value=${usd(s.strike_usd)} /><${Figure} label="PnL" value=${signed(s.pnl_usd)} kind=${tone(s.pnl_usd)} note=${s.result ? `result: ${s.result}` : "not resolved yet"} /></dl>
      <h3>The loop</h3><ol class="loop">${m.stages.map((each) => html`<li class=${each.verdict}><b>${each.stage}</b>${each.value}<small><${Verdict} is=${each.verdict} /> <code>${each.reason}</code></small><small>${clock(each.time)}</small></li>`)}</ol><//>
    <div class="grid"><div class="two-thirds"><${Panel} title="Fair value and mid of Up" live=${live} note="▲ bought, ▼ sold, hollow: the order at its limit; shaded: 95% of fair value for the error of its variance, jumps not in it"><${Chart} label="Fair value and mid" points=${m.curve} sync="market" marks=${marks} bands=${[["high", "low"]]} series=${[
    { label: "mid", key: "mid", color: "--ink" }, { label: "fair", key: "fair", color: "--accent" }, { label: "high", key: "high", color: "--line", width: 1 }, { label: "low", key: "low", color: "--line", width: 1 }]} /><//>
      <${Panel} title="Edge against its threshold" live=${live} note="dollars a share after costs"><${Chart} label="Edge and threshold" points=${m.curve} sync="market" height=${130} digits=${4} series=${[{ label: "edge", key: "edge", color: "--accent" }, { label: "threshold", key: "threshold", color: "--warn", dash: [6, 4] }]} /><//>
      <${Panel} title="Spot" live=${live}><${Chart} label="Spot" points=${m.curve} sync="market" height=${130} digits=${2} series=${[{ label: "spot", key: "spot", color: "--soft" }]} /><//></div>
      <div class="third"><${Panel} title="Books" live=${live} note="own orders outlined; ahead: shares at their price, at most"><div class="ladders">${ladders.map((each) => html`<${Ladder} key=${each.outcome} is=${each} />`)}</div>${ladders.length ? null : html`<${Empty}>No book yet.<//>`}<//>
      <${Panel} title="Windows before it" live=${live}><${Table} name="previous" rows=${m.previous} keyOf=${(p) => p.market_key} empty="None that this server has seen." columns=${[{ key: "market", label: "Window", cell: (p) => html`<a href=${`/markets/${p.market_key}`}>${p.market}</a>` }, { key: "result", label: "Result", cell: (p) => p.result || p.state }, { key: "pnl_usd", label: "PnL", num: true, kind: (p) => tone(p.pnl_usd), cell: (p) => (p.pnl_usd === null ? "no position" : signed(p.pnl_usd)) }]} /><//></div></div>
    <${Panel} title="Decisions in this window" live=${live} note="j, k, Enter"><${Steps} keys=${true}><${Table} name="decisions" rows=${m.decisions} columns=${DECISION_COLUMNS} keyOf=${(d) => d.first_id} onOpen=${(d) => go(`/decisions/${encodeURIComponent(d.id)}`)} empty="None yet." /><//><//>
    <${Panel} title="Orders" live=${live}><${Table} name="orders" rows=${m.orders} keyOf=${(o) => o.id + o.status} empty="No order in this window." columns=${[{ key: "time", label: "Time", kind: () => "nowrap", cell: (o) => clock(o.time) }, { key: "side", label: "Side", kind: () => "nowrap", cell: (o) => `${o.side} ${o.outcome}` }, { key: "limit_usd", label: "Limit", num: true, cell: (o) => price(o.limit_usd) }, { key: "filled_shares", label: "Filled", num: true, cell: (o) => `${o.filled_shares} of ${o.size_shares}` }, { key: "status", label: "Status" }, { key: "reason", label: "Why", wide: true, cell: (o) => html`<${Reason} code=${o.reason} meaning=${o.meaning} />` }]} /><//>`;
}
function Ladder({ is }) {
  const most = Math.max(...[...is.bids, ...is.asks].map((level) => level.size_shares), 1);
  const row = (level, side) => html`<div class=${`level ${side} ${level.own_shares ? "own" : ""}`}><i style=${{ transform: `scaleX(${level.size_shares / most})` }}></i><span>${price(level.price_usd)}</span><span>${level.own_shares ? `own ${shares(level.own_shares)}, ahead ≤ ${shares(level.ahead_shares)}` : ""}</span><span class="size">${shares(level.size_shares)}</span></div>`;
  return html`<section class="ladder" aria-label=${`Book of ${is.outcome}`}><b>${is.outcome} <span class=${is.ok ? "good" : "bad"}>${is.ok ? "sound" : is.checks.join(", ") || "not sound"}</span></b>
    ${[...is.asks].slice(0, 8).reverse().map((level) => row(level, "ask"))}<div class="spread">${is.bids[0] && is.asks[0] ? `spread ${price(is.asks[0].price_usd - is.bids[0].price_usd)}` : "one-sided"}${is.age_s === null ? "" : `, changed ${span(is.age_s)} ago`}</div>${is.bids.slice(0, 8).map((level) => row(level, "bid"))}</section>`;
}
