// One run's report: its instances with their doubts, curves, costs, groups, other costs, fits, and the trades.
import { html, useEffect, useMemo, useState } from "../app/dom.js";
import { ask, useLive } from "../app/live.js";
import { Chart } from "../app/chart.js";
import { Panel, Select, Table } from "../app/parts.js";
import { setQuery } from "../app/route.js";
import { Waterfall } from "../app/waterfall.js";
import { count, none, percent, plain, price, shares, signed, span, stamp, tone, usd, told } from "../app/format.js";

const COLORS = ["--accent", "--good", "--warn", "--bad", "--soft", "--down"];
const BY = ["market type", "family", "hour", "regime", "evidence", "exit", "day", "market"];
// What stands between the mid and the ledger, in the order in which it is paid.
const PARTS = { spread: "from the mid to the touch; captured by quotes", slippage: "through the depth of the book", latency: "the mid ran away while the order was under way", adverse: "the mid moved against a quote's fill", fees: "of the exchange", rebates: "paid back", capital: "interest on the stake" };
const whole = (text) => html`<span class="nowrap">${text}</span>`;
const interval = (p) => (p.expectancy_low_usd === null ? "too few" : html`${whole(signed(p.expectancy_low_usd))} to ${whole(signed(p.expectancy_high_usd))}`);
const doubts = (p, ...figures) => p.doubts.filter((d) => figures.includes(d.figure)).map((d) => html`<small class="doubt" key=${d.text}>${d.text}</small>`);
const doubted = (value, p, ...figures) => html`${whole(value)}${doubts(p, ...figures)}`;

export function OneReport({ name, query }) {
  const path = `/api/reports/${encodeURIComponent(name)}`;
  const live = useLive(path, [], 3000);
  const [problem, setProblem] = useState("");
  const state = live.data?.state, report = live.data?.report;
  const make = () => { setProblem(""); ask(path, { method: "POST" }).catch((error) => setProblem(told(error))); };
  useEffect(() => { if (state && !report && !state.making && !state.failed) make(); }, [state?.name, !report && !state?.making]);
  const instances = report?.instances || [], only = query.get("instance");
  const shown = instances.find((p) => p.instance === only) || [...instances].sort((one, other) => Math.abs(other.net_usd) - Math.abs(one.net_usd))[0];
  const said = problem || (state?.making ? "The report is being made …" : state?.failed ? `It could not be made: ${state.failed}` : "");
  return html`<${Panel} title=${`Report of ${name}`} live=${live} note=${report ? `${stamp(report.first.slice(0, 19))} to ${stamp(report.last.slice(0, 19))}; after all costs${report.open ? `; ${count(report.open)} position${report.open > 1 ? "s" : ""} had not ended, not in it` : ""}` : ""}>
      <div class="row">${state?.page ? html`<a href=${state.page}>The report as a page of its own</a>` : null}<button type="button" disabled=${Boolean(state?.making)} onClick=${make}>${report ? "Make it anew" : "Make it"}</button>
        <span class="note">${state?.made ? `made ${stamp(state.made.slice(0, 19))}${state.run === "running" ? ", and the run goes on since" : ""}` : ""}</span></div>
      <p class=${`said whole ${state?.failed || problem ? "bad" : ""}`} role="status" aria-live="polite">${said}</p>
      ${report ? html`<${Table} name="performance" rows=${instances} keyOf=${(p) => p.instance} empty="No position was closed: there is nothing to judge a strategy by." columns=${COLUMNS} />` : null}<//>
    ${report && shown ? html`<${Curves} report=${report} />
      <${Panel} title="Of one instance" note="what follows is of it"><div class="filters"><label>Instance <select value=${shown.instance} onChange=${(event) => { setQuery("at", ""); setQuery("instance", event.target.value); }}>${instances.map((p) => html`<option value=${p.instance}>${p.instance}</option>`)}</select></label></div>
        <div class="grid"><div class="half"><h3>From mid to mid to what is left</h3><${Waterfall} label=${`Costs of ${shown.instance}`} steps=${[{ name: "gross", meaning: "from mid to mid", amount: shown.gross_usd, total: true }, ...Object.entries(shown.costs_usd).filter(([, amount]) => amount).map(([part, amount]) => ({ name: part, meaning: PARTS[part], amount: -amount })), { name: "net", amount: shown.net_usd, total: true }]} /></div>
        <div class="half"><h3>How sure: ratios and tails</h3><${Table} name="ratios" rows=${ratios(shown)} keyOf=${(r) => r.name} empty="" columns=${[{ key: "name", label: "Figure", sort: false }, { key: "value", label: "Value", num: true, sort: false }, { key: "meaning", label: "Meaning", wide: true, sort: false }]} /></div></div><//>
      <${Groups} path=${path} instance=${shown.instance} by=${query.get("by") || BY[0]} key=${state.made} />
      <div class="grid"><div class="half"><${Panel} title="The same trades under other costs"><${Table} name="stress" rows=${instances} keyOf=${(p) => p.instance} empty="" columns=${[{ key: "instance", label: "Instance" }, { key: "net_usd", label: "as it was", num: true, kind: (p) => tone(p.net_usd), cell: (p) => signed(p.net_usd) },
          ...Object.keys(shown.stressed_usd).map((key) => ({ key, label: key, num: true, by: (p) => p.stressed_usd[key], kind: (p) => tone(p.stressed_usd[key]), cell: (p) => signed(p.stressed_usd[key]) }))]} /><//></div>
        <div class="half"><${Panel} title="What the fills say that trading costs" note="dollars a share beyond spread and fee; for the settings"><${Table} name="fits" rows=${report.fits} keyOf=${(f) => f.instance} empty="No fill tells." columns=${[{ key: "instance", label: "Instance" }, { key: "latency_usd", label: "costs.latency", num: true, cell: (f) => (f.latency_usd === null ? "not shown" : plain(f.latency_usd)) }, { key: "adverse_selection_usd", label: "costs.adverse_selection", num: true, cell: (f) => (f.adverse_selection_usd === null ? "not shown" : plain(f.adverse_selection_usd)) }]} /><//></div></div>
      <${Reliability} rows=${report.reliability} query=${query} />
      <${Trades} path=${path} instance=${shown.instance} at=${Number(query.get("at") || 0)} key=${state.made} />` : null}`;
}

const COLUMNS = [
  { key: "instance", label: "Instance", cell: (p) => html`<a href=${`/strategies/${p.instance}`}>${p.instance}</a>` },
  { key: "trades", label: "Trades", num: true, kind: () => "roomy", cell: (p) => doubted(count(p.trades), p, "trades") }, { key: "hit_rate", label: "Won", num: true, cell: (p) => percent(p.hit_rate) },
  { key: "net_usd", label: "Net", num: true, kind: () => "roomy", cell: (p) => doubted(html`<b class=${tone(p.net_usd)}>${signed(p.net_usd)}</b>`, p, "net_usd") },
  { key: "expectancy_usd", label: "Net a trade, 95 %", num: true, kind: () => "roomy", cell: (p) => html`${whole(signed(p.expectancy_usd))} <span class="quiet">${interval(p)}</span>${doubts(p, "expectancy_usd")}` },
  { key: "probabilistic_sharpe", label: "PSR", num: true, kind: () => "roomy", cell: (p) => doubted(p.probabilistic_sharpe === null ? none : percent(p.probabilistic_sharpe), p, "sharpe_daily") },
  { key: "profit_factor", label: "Profit factor", num: true, cell: (p) => plain(p.profit_factor) },
  { key: "drawdown_usd", label: "Closed drawdown", num: true, cell: (p) => usd(p.drawdown_usd) }, { key: "under_water_s", label: "Under water", num: true, cell: (p) => span(p.under_water_s) },
  { key: "turnover_usd", label: "Turnover", num: true, cell: (p) => usd(p.turnover_usd) }, { key: "exposure_usd", label: "Mean exposure", num: true, cell: (p) => usd(p.exposure_usd) },
];
const ratios = (p) => [
  { name: "Sharpe a trade", value: plain(p.sharpe_trade), meaning: "not annualised" }, { name: "Sortino a trade", value: plain(p.sortino_trade), meaning: "against the losses alone" },
  { name: "Sharpe a day", value: plain(p.sharpe_daily), meaning: p.sharpe_daily === null ? "too few days" : html`annualised by 365 days${doubts(p, "sharpe_daily")}` }, { name: "Sortino a day", value: plain(p.sortino_daily), meaning: p.sortino_daily === null ? "too few days" : "annualised by 365 days" },
  { name: "Deviation", value: usd(p.deviation_usd), meaning: "of net a trade" }, { name: "Tail loss", value: signed(p.tail_loss_usd), meaning: "mean of the worst 5 % of trades" }, { name: "Net a share", value: plain(p.per_share_usd), meaning: "dollars a share bought" },
  { name: "Capacity", value: p.capacity_usd === null ? none : usd(p.capacity_usd), meaning: p.capacity_usd === null ? "no slippage was seen" : "stake a trade that takes the whole edge" }, { name: "Edge realised", value: percent(p.edge_realised), meaning: p.edge_realised === null ? "the entries said nothing" : "net over what the entries expected" },
];

// One line an instance: at each trade of any of them what the others stood at.
function merged(curves, field) {
  const last = {}, rows = new Map();
  for (const { time_s, at, value } of curves.flatMap((c, at) => c.points.map((p) => ({ time_s: p.time_s, at, value: p[field] }))).sort((one, other) => one.time_s - other.time_s)) {
    last[`c${at}`] = value;
    rows.set(time_s, { time_s, ...last });
  }
  return [...rows.values()];
}
function Curves({ report }) {
  const curves = report.curves.slice(0, COLORS.length);
  const [net, fall] = useMemo(() => [merged(curves, "net_usd"), merged(curves, "drawdown_usd")], [report]);
  const series = curves.map((c, at) => ({ label: c.instance, key: `c${at}`, color: COLORS[at], steps: true }));
  const note = report.curves.length > curves.length ? `the first ${curves.length} of ${report.curves.length} instances` : "";
  return html`<div class="grid"><div class="half"><${Panel} title="Net after each trade" note=${note}><${Chart} label="Net" points=${net} sync="report" digits=${2} series=${series} /><//></div>
    <div class="half"><${Panel} title="Drawdown of closed trades" note=${note}><${Chart} label="Drawdown" points=${fall} sync="report" digits=${2} series=${series} /><//></div></div>`;
}
function Groups({ path, instance, by }) {
  const live = useLive(`${path}/groups?by=${encodeURIComponent(by)}&instance=${encodeURIComponent(instance)}&limit=200`, [], 15000);
  const g = live.data;
  return html`<${Panel} title=${`${instance} by ${by}`} live=${live} note=${g && g.of > g.groups.length ? `the ${g.groups.length} largest of ${count(g.of)}` : by === "regime" ? "spot's volatility at the entry: calm below 35 % a year, wild from 80 %" : ""}>
    <div class="filters"><${Select} name="by" label="Groups" options=${BY.slice(1)} all=${BY[0]} /></div>
    <${Table} name="groups" rows=${g?.groups || []} keyOf=${(p) => p.value} empty=${g ? "No trade." : "Loading …"} columns=${[{ key: "value", label: by[0].toUpperCase() + by.slice(1) }, { key: "trades", label: "Trades", num: true, cell: (p) => count(p.trades) }, { key: "hit_rate", label: "Won", num: true, cell: (p) => percent(p.hit_rate) },
      { key: "net_usd", label: "Net", num: true, kind: (p) => tone(p.net_usd), cell: (p) => signed(p.net_usd) }, { key: "expectancy_usd", label: "Net a trade", num: true, cell: (p) => signed(p.expectancy_usd) }, { key: "interval", label: "95 % interval", num: true, sort: false, cell: interval }, { key: "profit_factor", label: "Profit factor", num: true, cell: (p) => plain(p.profit_factor) }, { key: "drawdown_usd", label: "Closed drawdown", num: true, cell: (p) => usd(p.drawdown_usd) },
      { key: "doubts", label: "To doubt", wide: true, sort: false, cell: (p) => (p.doubts.length ? p.doubts.map((d) => d.text).join("; ") : none) }]} /><//>`;
}
function Reliability({ rows, query }) {
  const lefts = [...new Set(rows.map((r) => r.left_s))];
  if (!lefts.length) return null;
  const left = lefts.includes(query.get("left")) ? query.get("left") : lefts[0];
  return html`<${Panel} title="Reliability of the fair value" note="the forecast of Up beside how often it came"><div class="filters"><${Select} name="left" label="Seconds left" options=${lefts.slice(1)} all=${lefts[0]} /></div>
    <${Table} name="reliability" whole=${true} rows=${rows.filter((r) => r.left_s === left)} keyOf=${(r) => r.low} empty="None." columns=${[{ key: "low", label: "Bin", cell: (r) => `${percent(r.low)} to ${percent(r.high)}` }, { key: "forecasts", label: "Forecasts", num: true, cell: (r) => count(r.forecasts) }, { key: "forecast", label: "Mean forecast", num: true, cell: (r) => percent(r.forecast) }, { key: "observed", label: "Observed", num: true, cell: (r) => percent(r.observed) },
      { key: "interval", label: "95 % interval", num: true, sort: false, cell: (r) => `${percent(r.interval_low)} to ${percent(r.interval_high)}` }, { key: "within", label: "Forecast within it", by: (r) => r.forecast >= r.interval_low && r.forecast <= r.interval_high, cell: (r) => (r.forecast >= r.interval_low && r.forecast <= r.interval_high ? html`<span class="good">yes</span>` : html`<span class="warn">no</span>`) }]} /><//>`;
}
const PAGE = 50;
function Trades({ path, instance, at }) {
  const live = useLive(`${path}/trades?instance=${encodeURIComponent(instance)}&limit=${PAGE}&at=${at}`, [], 15000);
  const t = live.data;
  const turn = (to) => setQuery("at", to > 0 ? String(to) : "");
  const paid = (each) => Object.values(each.costs_usd).reduce((sum, part) => sum + part, 0);
  return html`<${Panel} title="Trades" live=${live} note=${t ? `${count(t.of)} round trips of ${instance}, the last closed first` : ""}><${Table} name="trades" rows=${t?.trades || []} keyOf=${(r) => r.opened + r.market_key + r.outcome + r.closed} empty=${t ? "None." : "Loading …"} columns=${[
      { key: "closed", label: "Closed", kind: () => "nowrap", cell: (r) => stamp(r.closed.slice(0, 19)) }, { key: "market_key", label: "Market", cell: (r) => html`${r.asset} ${r.horizon} <span class="note">${r.outcome}</span>` }, { key: "size_shares", label: "Shares", num: true, cell: (r) => shares(r.size_shares) }, { key: "stake_usd", label: "Stake", num: true, cell: (r) => usd(r.stake_usd) },
      { key: "gross_usd", label: "Gross", num: true, cell: (r) => signed(r.gross_usd) }, { key: "costs_usd", label: "Costs", num: true, by: paid, cell: (r) => html`<span title=${Object.entries(r.costs_usd).filter(([, part]) => part).map(([part, value]) => `${part} ${price(value)}`).join(", ")}>${usd(paid(r))}</span>` }, { key: "net_usd", label: "Net", num: true, kind: (r) => tone(r.net_usd), cell: (r) => signed(r.net_usd) },
      { key: "predicted_usd", label: "Expected", num: true, cell: (r) => signed(r.predicted_usd) }, { key: "exit", label: "Left by", cell: (r) => html`<code>${r.exit}</code>` }, { key: "evidence", label: "Evidence" }, { key: "regime", label: "Regime" }, { key: "account", label: "Account" }]} />
    ${t && (at > 0 || t.next !== null) ? html`<div class="row pages"><button type="button" disabled=${at <= 0} onClick=${() => turn(at - PAGE)}>Later ones</button><span class="note">${count(at + 1)} to ${count(at + t.trades.length)}</span><button type="button" disabled=${t.next === null} onClick=${() => turn(t.next)}>Earlier ones</button></div>` : null}<//>`;
}
