// Validation: where each instance stands in promotion, what it rests on and when it could go up; and what was decided before.
import { html } from "../app/dom.js";
import { useLive, useTopic } from "../app/live.js";
import { Chart } from "../app/chart.js";
import { Bar, Check, Empty, Figure, Panel, Select, Steps, Table } from "../app/parts.js";
import { setQuery } from "../app/route.js";
import { Learned, apart } from "./strategies.js";
import { count, none, plain, signed, span, stamp, tone } from "../app/format.js";

// Insufficient data is a state of its own: never green, and never red.
const STANDING = { insufficient: ["insufficient data", "quiet"], failing: ["not shown", "warn"], met: ["everything is met", "good"], promoted: ["promoted", "good"], demoted: ["demoted", "bad"], kept: ["keeps its size", "good"], disabled: ["disabled", "bad"] };
const VERDICTS = { pass: ["met", "good"], fail: ["not met", "bad"], insufficient: ["insufficient data", "quiet"] };
const TOLD = { pass: ["up", "good"], hold: ["holds", ""], block: ["down", "bad"] };
const Mark = ({ is }) => html`<span class=${`mark ${is[1]}`}>${is[0]}</span>`;
const when = (hours) => (hours === null ? "not at today's effect" : hours === 0 ? "now" : hours > 72 ? `in about ${count(hours / 24)} days` : hours >= 1 ? `in about ${count(hours)} h` : `in about ${span(hours * 3600)}`);
const step = (d) => (d.old === d.new ? d.new : html`${d.old} → <strong>${d.new}</strong>`);
const rate = (value) => (value === null || value === undefined ? none : `${plain(value * 100)} %`);
const share = (c) => (c.verdict === "pass" ? 1 : c.threshold > 0 ? Math.min(Math.max(c.value / c.threshold, 0), 1) : 0);

export default function Validation({ rest, query, go, run }) {
  useTopic("promotions");
  const live = useLive("/api/promotions", ["promotion", "telemetry", "risk"], 5000), strategies = useLive("/api/strategies", ["telemetry", "outcome"], 5000);
  const all = live.data?.candidates || [], twins = Object.fromEntries((strategies.data?.strategies || []).map((s) => [s.id, s]));
  const distance = (c) => (twins[c.instance] ? apart(twins[c.instance])?.difference_usd : null);
  if (rest) return html`<${One} name=${rest} c=${all.find((c) => c.instance === rest)} live=${live} twin=${twins[rest]?.twin} learned=${twins[rest]?.learned} query=${query} run=${run} key=${rest} />`;
  const p = live.data;
  return html`<${Panel} title="Where each instance stands" live=${live} note="its latest decision; up by evidence that luck cannot make, down at once">
      <dl class="figures"><${Figure} label="Instances ever tried" value=${count(p?.trials)} note="each one raises the bar for the next" /><${Figure} label="False promotions allowed" value=${rate(p?.alpha)} note="of all of them together" /><${Figure} label="Of that spent" value=${rate(p?.spent)} /></dl>
      <${Steps}><${Table} name="candidates" rows=${all} keyOf=${(c) => c.instance} onOpen=${(c) => go(`/validation/${c.instance}`)} empty=${p ? "No instance is configured as active or shadow." : "Loading …"} columns=${[
        { key: "instance", label: "Instance", cell: (c) => html`<a href=${`/validation/${c.instance}`} tabindex="-1">${c.instance}</a>` },
        { key: "state", label: "State", cell: (c) => html`${c.state || none}${c.configured !== c.state ? html` <span class="note">configured ${c.configured || "no more"}</span>` : null}${c.latest && c.latest.new !== c.state ? html` <span class="note">decided: ${c.latest.new}</span>` : null}` },
        { key: "standing", label: "Verdict", cell: (c) => html`<${Mark} is=${STANDING[c.standing]} />${c.latest ? html`<span class="note below">${c.latest.time.slice(5, 16).replace("T", " ")} UTC</span>` : null}` },
        { key: "passed", label: "Criteria", cell: (c) => (c.latest ? html`${count(c.passed)} met${c.failed ? html`, <span class="bad">${count(c.failed)} not</span>` : null}${c.insufficient ? html`, <span class="quiet" title="cannot be judged yet">${count(c.insufficient)} open</span>` : null}` : none) },
        { key: "e_value", label: "Evidence", num: true, by: (c) => c.e_value ?? c.latest?.e_value, cell: (c) => html`${plain(c.e_value ?? c.latest?.e_value)}${c.latest ? html` <span class="quiet">of ${plain(c.latest.e_threshold)}</span>` : null}` },
        { key: "observations", label: "Observations", num: true, by: (c) => c.observations ?? c.latest?.observations, cell: (c) => count(c.observations ?? c.latest?.observations) },
        { key: "reachable_h", label: "Could be met", by: (c) => c.reachable_h, cell: (c) => (!c.latest || ["kept", "disabled"].includes(c.standing) ? none : run?.finished ? "the run is over" : when(c.reachable_h)) },
        { key: "twin", label: "Off its twin", num: true, by: (c) => distance(c), kind: (c) => tone(distance(c)), cell: (c) => signed(distance(c)) },
        { key: "said", label: "Why", wide: true, sort: false, kind: () => "why" },
      ]} /><//><//>
    <${History} query=${query} />
    <${Walks} query=${query} />
    <${Trials} query=${query} />`;
}

const WORDS = { "edge shown": "good", "no edge shown": "warn", loses: "bad", "insufficient data": "quiet" };
const between = (v) => (v.low_usd === null ? "too few" : `${plain(v.low_usd)} to ${plain(v.high_usd)}`);
function Walks({ query }) {
  const live = useLive("/api/walks", [], 15000);
  const all = live.data?.validations || [], name = (v) => `${v.data}-${v.anchored ? "anchored" : "sliding"}`;
  const shown = all.find((v) => name(v) === query.get("walk")) || all[0];
  if (!shown) return html`<${Panel} title="Walk forward" live=${live}><${Empty}>${live.data ? html`Nothing was walked forward yet: <code>profit validate ARCHIVE</code> does it.` : "Loading …"}<//><//>`;
  const rows = shown.walks.flatMap((w) => [{ ...w.verdict, id: w.verdict.strategy, on: "test windows" }, ...(w.holdout ? [{ ...w.holdout, id: `${w.verdict.strategy} held out`, on: "held out" }] : [])]);
  const chosen = shown.walks.find((w) => w.verdict.strategy === query.get("walked")) || [...shown.walks].sort((one, other) => other.verdict.trades - one.verdict.trades)[0];
  return html`<${Panel} title="Walk forward" live=${live} note="chosen on what was known then, judged by what came after">
      <div class="filters"><${Select} name="walk" label="Of" options=${all.slice(1).map((v) => [name(v), told(v)])} all=${told(all[0])} /></div>
      <${Table} name="walks" whole=${true} rows=${rows} keyOf=${(v) => v.id} empty="Nothing." columns=${[{ key: "strategy", label: "Strategy" }, { key: "on", label: "On" }, { key: "word", label: "Verdict", cell: (v) => html`<${Mark} is=${[v.word, WORDS[v.word]]} />` },
        { key: "trades", label: "Trades", num: true, cell: (v) => count(v.trades) }, { key: "observations", label: "Hours", num: true, cell: (v) => count(v.observations) }, { key: "net_usd", label: "Net", num: true, kind: (v) => tone(v.net_usd), cell: (v) => signed(v.net_usd) }, { key: "mean_usd", label: "$ a share", num: true, cell: (v) => plain(v.mean_usd) }, { key: "low_usd", label: "95 % interval", num: true, cell: between },
        { key: "deflated", label: "Above luck", num: true, cell: (v) => html`<span title=${`probability of being better than the best of ${v.tried} worthless sets`}>${rate(v.deflated)}</span>` }, { key: "tried", label: "Sets tried", num: true, cell: (v) => count(v.tried) }, { key: "reachable_h", label: "Could be promoted", cell: (v) => (v.reachable_h === null ? "not at this mean" : when(v.reachable_h)) }, { key: "why", label: "Why", wide: true, sort: false }]} /><//>
    ${chosen ? html`<${Panel} title=${`Windows of ${chosen.verdict.strategy}`} note="train, then validate, then test; times are UTC"><div class="filters"><label>Strategy <select value=${chosen.verdict.strategy} onChange=${(event) => setQuery("walked", event.target.value)}>${shown.walks.map((w) => html`<option value=${w.verdict.strategy}>${w.verdict.strategy}</option>`)}</select></label></div>
      ${chosen.steps.length ? html`<${Chart} label=${`Net of the test windows of ${chosen.verdict.strategy}`} points=${tested(chosen.steps)} digits=${2} series=${[{ label: "so far, $", key: "total", color: "--accent" }, { label: "of the window, $", key: "net", color: "--soft", width: 1, steps: true }]} />` : null}
      <${Table} name="windows" rows=${chosen.steps} keyOf=${(s) => s.test_start} empty="No window." columns=${[{ key: "train_start", label: "Train from", kind: () => "nowrap", cell: (s) => minute(s.train_start) }, { key: "validation_start", label: "Validate from", kind: () => "nowrap", cell: (s) => minute(s.validation_start) }, { key: "test_start", label: "Test from", kind: () => "nowrap", cell: (s) => minute(s.test_start) }, { key: "test_end", label: "To", kind: () => "nowrap", cell: (s) => minute(s.test_end) },
        { key: "chosen", label: "Chosen", wide: true, sort: false, cell: (s) => html`<code>${s.chosen.join(" ")}</code>` }, { key: "trained_on", label: "Trained on", num: true, cell: (s) => count(s.trained_on) }, { key: "validated_on", label: "Validated on", num: true, cell: (s) => count(s.validated_on) }, { key: "trades", label: "Tested on", num: true, cell: (s) => count(s.trades) }, { key: "net_usd", label: "Net of the test", num: true, kind: (s) => tone(s.net_usd), cell: (s) => signed(s.net_usd) }]} /><//>` : null}`;
}
// What the tests came to: of each window alone, and all of them up to there.
function tested(steps) {
  const points = [];
  let total = 0;
  for (const s of steps) {
    const start = Date.parse(s.test_start) / 1000, last = points.at(-1);
    if (last?.time_s === start) last.net = s.net_usd; else points.push({ time_s: start, net: s.net_usd, total });
    total += s.net_usd;
    points.push({ time_s: Date.parse(s.test_end) / 1000, net: s.net_usd, total });
  }
  return points;
}
const told = (v) => `${v.source.split("/").slice(-2).join("/")}, ${v.anchored ? "anchored" : "sliding"}, ${v.at.slice(0, 16).replace("T", " ")}`;
const minute = (iso) => iso.slice(0, 16).replace("T", " ");
function Trials({ query }) {
  const at = Number(query.get("trials-at") || 0), subject = query.get("subject") || "";
  const live = useLive(`/api/trials?limit=50&at=${at}&subject=${encodeURIComponent(subject)}`, [], 15000);
  const t = live.data, turn = (to) => setQuery("trials-at", to > 0 ? String(to) : "");
  return html`<${Panel} title="Trial journal" live=${live} note="every parameter set looked at makes the best of them more likely luck"><div class="filters"><label>Of <select value=${subject} onChange=${(event) => { turn(0); setQuery("subject", event.target.value); }}><option value="">all</option>${Object.entries(t?.tried || {}).map(([name, n]) => html`<option value=${name}>${name}: ${count(n)} sets</option>`)}</select></label></div>
    <${Table} name="trials" rows=${t?.trials || []} keyOf=${(r) => r.at + r.subject + r.changes.join() + r.data + r.what} empty=${t ? "Nothing was tried yet." : "Loading …"} columns=${[{ key: "at", label: "When", kind: () => "nowrap", cell: (r) => `${minute(r.at)} UTC` }, { key: "subject", label: "Of" }, { key: "what", label: "What", cell: (r) => (r.what === "holdout" ? html`holdout used <span class="note">from ${minute(r.since)}</span>` : r.by) }, { key: "changes", label: "Set", wide: true, sort: false, cell: (r) => (r.what === "holdout" ? r.why || none : html`<code>${r.changes.join(" ") || "as configured"}</code>`) }, { key: "data", label: "On", cell: (r) => html`<code>${r.data.slice(0, 12)}</code>` }, { key: "net_usd", label: "Net", num: true, kind: (r) => tone(r.net_usd), cell: (r) => signed(r.net_usd) }]} />
    ${t && (at > 0 || t.next !== null) ? html`<div class="row pages"><button type="button" disabled=${at <= 0} onClick=${() => turn(at - 50)}>Later ones</button><span class="note">${count(at + 1)} to ${count(at + t.trials.length)} of ${count(t.of)}</span><button type="button" disabled=${t.next === null} onClick=${() => turn(t.next)}>Earlier ones</button></div>` : null}<//>`;
}

function One({ name, c, live, twin, learned, query, run }) {
  const d = c?.latest;
  if (!c) return html`<${Panel} title=${`Promotion of ${name}`} live=${live}><${Empty}>${live.data ? html`No instance ${name} may be promoted. <a href="/validation">All of them</a>` : "Loading …"}<//><//>`;
  return html`<${Panel} title=${`Promotion of ${name}`} live=${live} note=${`${c.strategy}, ${c.state || "configured no more"}`}>
      <dl class="figures"><${Figure} label="Verdict" value=${STANDING[c.standing][0]} kind=${STANDING[c.standing][1]} note=${d ? `decided ${stamp(d.time.slice(0, 19))}` : "no decision yet"} />
        ${d ? html`<${Figure} label="E-value" value=${plain(d.e_value)} note=${`must reach ${plain(d.e_threshold)}`} /><${Figure} label="Of its forecasts" value=${plain(d.forecast_e_value)} /><${Figure} label="Against it" value=${plain(d.demotion_e_value)} note="that it loses" />
          <${Figure} label="Observations" value=${count(d.observations)} note="hours of one underlying" /><${Figure} label="Its level" value=${rate(d.level)} note=${`of ${rate(d.alpha)} for ${count(d.trials)} trials`} /><${Figure} label="Could be met" value=${run?.finished ? "the run is over" : when(c.reachable_h)} />` : null}</dl>
      <p class="after">${c.said} <a href=${`/strategies/${name}`}>The instance</a> · <a href="/validation">All of them</a></p><//>
    <${Panel} title="Criteria" live=${live} note=${d ? `read up to journal event ${count(d.journal)}, evidence from ${stamp(d.window_start.slice(0, 19))} to ${stamp(d.window_end.slice(0, 19))}` : ""}><${Criteria} rows=${d?.criteria || []} over=${run?.finished} /><//>
    <${Panel} title="Live bands" live=${live} note="fixed at the last step up; what happened since"><${Bands} rows=${d?.bands || []} /><//>
    ${twin ? html`<${Panel} title="Beside its paper twin" note="this run, positions that ended, after fees"><dl class="figures"><${Figure} label=${twin.own.instance} value=${signed(twin.own.net_usd)} kind=${tone(twin.own.net_usd)} note=${`${count(twin.own.trades)} trades`} /><${Figure} label=${twin.twin.instance} value=${signed(twin.twin.net_usd)} kind=${tone(twin.twin.net_usd)} note=${`${count(twin.twin.trades)} trades`} /><${Figure} label="Apart" value=${signed(twin.difference_usd)} kind=${tone(twin.difference_usd)} /></dl><p class="after"><a href=${`/strategies/${name}`}>Figure by figure</a></p><//>` : null}
    ${learned ? html`<${Panel} title="Beside the learning flow's twin" note="markets that are settled, after costs"><${Learned} of=${learned} /><//>` : null}
    <${History} query=${query} instance=${name} />`;
}

const Criteria = ({ rows, name = "criteria", over }) => html`<${Table} name=${name} whole=${true} rows=${rows} keyOf=${(r) => r.name} empty="Nothing was judged yet." columns=${[
  { key: "verdict", label: "Verdict", cell: (r) => html`<${Mark} is=${VERDICTS[r.verdict]} />` }, { key: "name", label: "Criterion" },
  { key: "value", label: "Is", num: true, cell: (r) => plain(r.value) }, { key: "threshold", label: "Needs", num: true, cell: (r) => plain(r.threshold) },
  { key: "share", label: "So far", by: share, cell: (r) => html`<${Bar} share=${share(r)} plain=${true} label=${`${Math.round(share(r) * 100)} % of what is needed`} />` },
  { key: "reachable_h", label: "Could be met", kind: () => "nowrap", cell: (r) => (r.verdict === "pass" ? none : over ? "the run is over" : when(r.reachable_h)) }, { key: "text", label: "In words", wide: true },
]} />`;
const Bands = ({ rows }) => html`<${Table} name="bands" whole=${true} rows=${rows} keyOf=${(r) => r.name} empty="None are in force: they are fixed at a step up, from a record of twenty observations at least." columns=${[
  { key: "verdict", label: "Verdict", cell: (r) => html`<${Mark} is=${r.verdict === "pass" ? ["within", "good"] : r.verdict === "fail" ? ["left it", "bad"] : ["nothing yet", "quiet"]} />` }, { key: "name", label: "Band" },
  { key: "value", label: "What happened", num: true, cell: (r) => plain(r.value) }, { key: "threshold", label: "Bound", num: true, cell: (r) => plain(r.threshold) },
  { key: "share", label: "Of the bound", by: (r) => used(r), cell: (r) => html`<${Bar} share=${used(r)} label=${`${Math.round(used(r) * 100)} % of the bound`} />` }, { key: "text", label: "In words", wide: true },
]} />`;
const used = (r) => (r.threshold ? Math.min(Math.max(r.value / r.threshold, 0), 1) : 0);

const PAGE = 50;
function History({ query, instance = "" }) {
  const before = query.get("before") || "", holds = query.get("holds") === "1", chosen = query.get("decision");
  const live = useLive(`/api/promotions/history?limit=${PAGE}&changes=${!holds}&instance=${encodeURIComponent(instance)}&before=${encodeURIComponent(before)}`, before ? [] : ["promotion"], 10000);
  const rows = live.data?.decisions || [], shown = rows.find((d) => d.id === chosen);
  return html`<${Panel} title="Decisions" live=${live} note="the latest first; Enter opens what one rests on"><div class="filters"><${Check} name="holds" label="Those that changed nothing, too" /></div>
      <${Steps} keys=${true}><${Table} name="history" rows=${rows} keyOf=${(d) => d.id} chosen=${chosen} onOpen=${(d) => setQuery("decision", d.id === chosen ? "" : d.id)} empty=${live.data ? (holds ? "Nothing was decided yet." : "No state was changed yet.") : "Loading …"} columns=${[
        { key: "time", label: "When", kind: () => "nowrap", cell: (d) => stamp(d.time.slice(0, 19)) }, ...(instance ? [] : [{ key: "instance", label: "Instance" }]),
        { key: "verdict", label: "Decision", cell: (d) => html`<${Mark} is=${TOLD[d.verdict] || [d.verdict, ""]} />` }, { key: "new", label: "State", kind: () => "nowrap", cell: step }, { key: "reason", label: "Reason", cell: (d) => html`<code title=${d.meaning}>${d.reason}</code>` },
        { key: "e_value", label: "Evidence", num: true, cell: (d) => html`${plain(d.e_value)} <span class="quiet">of ${plain(d.e_threshold)}</span>` }, { key: "observations", label: "Observations", num: true, cell: (d) => count(d.observations) }, { key: "text", label: "Why", wide: true },
      ]} /><//>
      ${before || live.data?.next ? html`<div class="row pages"><button type="button" disabled=${!before} onClick=${() => setQuery("before", "")}>The latest</button><button type="button" disabled=${!live.data?.next} onClick=${() => setQuery("before", live.data.next)}>Earlier ones</button></div>` : null}<//>
    ${shown ? html`<${Panel} title=${`What decision ${shown.id} rests on`} note=${`journal event ${count(shown.journal)}, code ${shown.code}, configuration ${shown.configuration}`}><p>${shown.text}</p><${Criteria} rows=${shown.criteria} name="decided" />${shown.bands.length ? html`<h3>Live bands</h3><${Bands} rows=${shown.bands} />` : null}<//>` : null}`;
}
