// Decisions: a live list with its filters in the URL, and the trace of one, down to the raw frame.
import { html, useEffect, useState } from "../app/dom.js";
import { ask, on, useLive } from "../app/live.js";
import { Check, Empty, Panel, Reason, Search, Select, Steps, Table, Verdict } from "../app/parts.js";
import { clock, count, none, numbers, price, shares, signed, stamp, usd } from "../app/format.js";

export const acted = (d) => `${d.action} ${d.outcome}`.trim();
export const DECISION_COLUMNS = [
  { key: "time", label: "Time", kind: () => "nowrap", cell: (d) => clock(d.time) },
  { key: "action", label: "What", kind: (d) => (d.action === "refuse" ? "quiet nowrap" : "nowrap"), cell: (d) => html`<b>${acted(d)}</b>${d.times > 1 ? html` <span class="note nowrap">× ${count(d.times)}</span>` : null}` },
  { key: "market", label: "Market", kind: () => "nowrap" },
  { key: "strategy", label: "Strategy" },
  { key: "price_usd", label: "Price", num: true, cell: (d) => (d.price_usd === null ? none : html`<span class="note">${d.price_is}</span> ${price(d.price_usd)}`) },
  { key: "size_shares", label: "Shares", num: true, cell: (d) => shares(d.size_shares) },
  { key: "reason", label: "Why", wide: true, cell: (d) => html`<${Reason} code=${d.reason} meaning=${d.sentence || d.meaning} />` },
];
const FILTERS = ["strategy", "market", "reason", "action", "q"];

export default function Decisions({ rest, query, go }) {
  return rest ? html`<${Trace} id=${rest} key=${rest} go=${go} />` : html`<${List} query=${query} go=${go} />`;
}
function List({ query, go }) {
  const asked = new URLSearchParams({ limit: "100", refusals: query.get("refusals") === "1" ? "true" : "false" });
  for (const name of FILTERS) if (query.get(name)) asked.set(name, query.get(name));
  const path = `/api/decisions?${asked}`;
  const live = useLive(path, ["decision"]);
  const strategies = useLive("/api/strategies", [], 60000), reasons = useLive("/api/reasons", [], 600000);
  const [more, setMore] = useState({ rows: [], next: null, path });
  useEffect(() => setMore({ rows: [], next: null, path }), [path]);
  const [fresh, setFresh] = useState([]);
  useEffect(() => { setFresh([]); return on("decision", (d) => setFresh((old) => [d, ...old].slice(0, 200))); }, [path]);
  const fetched = live.data?.decisions || [];
  // What came since the list was fetched stands on it at once; the next answer has it too.
  const first = fresh.filter((d) => takes(d, asked) && d.journal > (fetched[0]?.journal ?? -1)).reverse().reduce(joined, fetched);
  const rows = [...first, ...more.rows.filter((d) => !first.some((f) => f.id === d.id))];
  const next = more.next ?? live.data?.next;
  const older = async () => {
    const { body } = await ask(`${path}&before=${encodeURIComponent(next)}`);
    setMore((old) => ({ rows: [...old.rows, ...body.decisions], next: body.next, path }));
  };
  return html`<${Panel} title="Decisions" live=${live} note="j and k step, Enter opens the trace">
    <${Steps} keys=${true}><${Table} name="decisions" rows=${rows} columns=${DECISION_COLUMNS} keyOf=${(d) => d.first_id} onOpen=${(d) => go(`/decisions/${encodeURIComponent(d.id)}`)}
      empty=${live.data ? "No decision matches. Refused entries are shown when asked for; Overview says what holds trading back." : "Loading …"} /><//>
    <div class="row">${next ? html`<button type="button" onClick=${older}>Older</button>` : null}</div>
    <div class="filters" role="search" aria-label="Filters">
      <${Check} name="refusals" label="Show refused entries" />
      <${Select} name="strategy" label="Strategy" options=${(strategies.data?.strategies || []).map((s) => s.id)} />
      <${Select} name="action" label="What" options=${["enter", "exit", "refuse", "settle", "correct"]} />
      <${Select} name="reason" label="Reason" options=${(reasons.data?.reasons || []).map((r) => r.reason)} />
      <${Search} name="market" label="Market key" /><${Search} name="q" label="Words" />
    </div>
  <//>`;
}
const takes = (d, asked) => (asked.get("refusals") === "true" || d.action !== "refuse" || asked.get("reason") || asked.get("action") === "refuse")
  && (!asked.get("strategy") || d.strategy === asked.get("strategy")) && (!asked.get("market") || d.market_key === asked.get("market")) && (!asked.get("reason") || d.reason === asked.get("reason")) && (!asked.get("action") || d.action === asked.get("action")) && said(d, asked.get("q"));
const said = (d, words) => !words || words.toLowerCase().split(/\s+/).every((word) => [d.id, d.market_key, d.strategy, d.action, d.outcome, d.reason, d.meaning].join(" ").toLowerCase().includes(word));
const same = (one, other) => one && one.action === "refuse" && ["action", "strategy", "market_key", "outcome", "reason"].every((key) => one[key] === other[key]);
const joined = (rows, d) => (same(rows[0], d) ? [{ ...d, times: rows[0].times + d.times, first_id: rows[0].first_id }, ...rows.slice(1)] : [d, ...rows]);
// From memory at once; frames follow, for they come from the archive.
function Trace({ id, go }) {
  const path = `/api/decisions/${encodeURIComponent(id)}`;
  const [quick, setQuick] = useState(null), [whole, setWhole] = useState(null), [problem, say] = useState(null);
  useEffect(() => {
    let alive = true, timer = 0, tries = 0;
    ask(path).then(({ body }) => alive && setQuick(body)).catch((error) => alive && say(error));
    const look = () => ask(`${path}/trace`).then(({ body }) => {
      if (!alive) return;
      setWhole(body);
      tries += 1;
      if ((!body.complete || (body.decision.order_ids.length && !body.outcome)) && tries < 60) timer = setTimeout(look, body.complete ? 10000 : 2000);
    }).catch((error) => { if (alive && !quick) say(error); });
    look();
    const keys = (event) => { if (event.key === "Escape" && !document.querySelector("dialog[open]")) history.length > 1 ? history.back() : go("/decisions"); };
    document.addEventListener("keydown", keys);
    return () => { alive = false; clearTimeout(timer); document.removeEventListener("keydown", keys); };
  }, [path]);
  const d = whole?.decision || quick;
  if (!d) return html`<${Panel} title="Decision">${problem ? html`<p class="problem">${problem.cause} ${problem.cure || ""}</p>` : html`<${Empty}>Loading …<//>`}<//>`;
  const notes = whole?.notes || [];
  return html`<${Panel} title=${`${acted(d)}: ${d.market}`} note=${`${d.strategy}, ${stamp(d.time)}`} id="trace">
    <p class="summary">${whole?.sentence || d.sentence}</p>
    <p class="note"><code>${d.id}</code> · journal event ${d.journal} · configuration <code>${d.configuration}</code> · <a href=${`/markets/${d.market_key}`}>the market</a> · <a href="/decisions">all decisions</a> (Escape)</p>
    <div class="grid">
      <section class="half"><h3>Modules, in order</h3><ol class="trace">${d.spans.map((span) => html`<li class=${span.verdict}><b>${span.module}</b> <${Verdict} is=${span.verdict} /> <${Reason} code=${span.reason} meaning=${span.reason === "ok" ? "" : span.meaning} /><br />${span.to_change ? html`<span class="note">To pass: ${span.to_change}</span><br />` : null}<small>${numbers(span.numbers)}</small></li>`)}</ol>
        <h3>Orders and fills</h3>${whole && (whole.orders.length || whole.fills.length) ? html`<ol class="trace">
          ${whole.orders.map((o) => html`<li class=${o.filled_shares ? "pass" : o.status === "rejected" ? "block" : ""}><b>${o.status}</b> ${o.side} ${o.outcome}, limit ${price(o.limit_usd)}, ${shares(o.filled_shares) === none ? "0" : shares(o.filled_shares)} of ${shares(o.size_shares)} shares <${Reason} code=${o.reason} meaning=${o.meaning} /><br /><small>${o.id}, ${clock(o.time)}</small></li>`)}
          ${whole.fills.map((f) => html`<li class="pass"><b>fill</b> ${shares(f.size_shares)} shares at ${price(f.price_usd)}, fee ${price(f.fee_usd)} <small>${f.evidence}, ${clock(f.time)}</small></li>`)}</ol>` : html`<${Empty}>${d.order_ids.length ? "They follow from the archive." : "None: this decision sent no order."}<//>`}
        <h3>Ledger</h3>${whole?.postings.length ? html`<details><summary>${whole.postings.length} postings</summary><ul>${whole.postings.map((p) => html`<li><code>${p.transaction} ${p.kind}</code> ${p.account} ${signed(p.amount_usd)}</li>`)}</ul></details>` : html`<${Empty}>No posting.<//>`}
        <h3>Outcome</h3>${whole?.position ? html`<p>${whole.position.text[0].toUpperCase()}${whole.position.text.slice(1)}.</p>` : null}<p>${whole?.outcome ? `Result: ${whole.outcome.result}; ${whole.realised_usd === null ? "no position" : `closed PnL of ${d.strategy} in this market, less all fees: ${signed(whole.realised_usd)}`}` : "The market is not settled."}</p>
      </section>
      <section class="half"><h3>Raw frames</h3>${whole?.frames.length ? html`<ol class="trace">${whole.frames.map((f) => html`<li class=${f.missing ? "block" : "pass"}><b>${f.roles.join(", ")}</b> <code>${f.topic}</code> offset ${f.offset}${f.received_ns ? html`<br /><small>connection ${f.connection}, number ${f.number}, ${count(f.size)} bytes</small>` : null}
          ${f.missing ? html`<p class="note">${f.missing}</p>` : null}${f.frame === null ? null : html`<pre class="frame" tabindex="0" aria-label=${`frame at ${f.topic} ${f.offset}`}>${f.frame}${f.shortened ? " …" : ""}</pre>`}</li>`)}</ol>` : html`<${Empty}>${whole ? "The archive is some seconds behind: they follow." : "Looking in the archive …"}<//>
          <ul>${d.sources.map((s) => html`<li>${s.name}: <code>${s.topic}</code> offset ${s.offset}</li>`)}</ul>`}
        <h3>Journal events</h3>${whole?.journal.length ? html`<ul>${whole.journal.map((e) => html`<li><details><summary>${e.seq} ${e.event ? e.event.kind : "not in the archive"} (${e.roles.join(", ")})</summary><pre tabindex="0">${JSON.stringify(e.event, null, 1)}</pre></details></li>`)}</ul>` : html`<${Empty}>They follow.<//>`}
        ${notes.map((note) => html`<p class="note">${note}</p>`)}
      </section>
    </div>
  <//>`;
}
