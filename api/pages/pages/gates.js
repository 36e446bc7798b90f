// Gates: how far the portfolio may go, what the next step asks for and when it could be met, arming, and what happened.
import { html, useState } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Bar, Panel, Table } from "../app/parts.js";
import { command } from "../app/control.js";
import { count, span, stamp, usd } from "../app/format.js";

const when = (c) => (c.met ? "met" : c.hours === null ? "cannot be told: not at the rate so far" : `in about ${span(c.hours * 3600)}`);
// Names state their own unit.
const amount = (c, value) => (c.name.startsWith("everything") ? (value ? "yes" : "no") : c.name.startsWith("hours") ? `${value.toFixed(2)} h` : c.name.startsWith("net") ? usd(value) : count(value));
const least = (c) => (c.name.startsWith("net") ? "above $0" : `${c.most ? "at most " : ""}${amount(c, c.needed)}`);
const share = (c) => (c.met ? 1 : c.unknown || c.most || c.needed <= 0 ? 0 : Math.min(Math.max(c.value / c.needed, 0), 1));

export default function Gates({ run }) {
  const live = useLive("/api/gates", ["telemetry", "risk", "answer"], 5000);
  const [said, say] = useState({ text: "", kind: "" });
  const [sure, setSure] = useState("");
  const [phrase, setPhrase] = useState("");
  const g = live.data, next = g?.gates.find((each) => each.state === "next");
  const below = g?.gates.filter((each) => each.state === "passed") || [], beyond = g?.gates.filter((each) => each.state === "later") || [];
  const missing = next?.criteria.filter((c) => !c.met).length;
  const armed = g?.gate === "LIVE_ARMED";
  const go = (gate) => { setSure(""); command({ do: "gate", subject: gate }, say); };
  const confirm = (event) => { event.preventDefault(); command({ do: "confirm", subject: phrase.trim() }, say); setPhrase(""); };
  return html`<${Panel} title="Release gates" live=${live} note="up one by one, down at once">
      <ol class="gates">${(g?.gates || []).map((each) => html`<li class=${each.state} key=${each.gate} aria-current=${each.state === "here" ? "step" : undefined}>
        <strong>${each.gate}</strong> <span class="tag">${each.state}</span><span class="what">${each.meaning}</span></li>`)}</ol>
      ${g ? html`<p class="after">At <strong>${g.gate}</strong> since ${stamp(g.since.slice(0, 19))}${run?.finished ? ", to the end of the run" : ""}.${armed && !run?.finished ? html` <strong class="bad">Real orders go out.</strong> It disarms by itself at ${stamp(g.armed_until)}.` : ""}</p>` : null}
    <//>
    ${next ? html`<${Panel} title=${`What ${next.gate} ${run?.finished ? "asked" : "asks"} for`} live=${live} note=${run?.finished ? `the run is over: ${missing ? `${missing} of ${next.criteria.length} were not met` : "everything was met"}, and nothing will be any more` : missing ? `${missing} of ${next.criteria.length} missing; there is no way around one` : "everything is met"}>
      <${Table} name="criteria" rows=${next.criteria} keyOf=${(c) => c.name} empty="Nothing." columns=${[
        { key: "met", label: "Met", cell: (c) => html`<span class=${c.met ? "good" : "warn"}>${c.met ? "yes" : "no"}</span>` },
        { key: "name", label: "Criterion" },
        { key: "value", label: "Is", num: true, cell: (c) => (c.unknown ? "not measured" : amount(c, c.value)) },
        { key: "needed", label: "Needs", num: true, cell: least },
        { key: "share", label: "So far", by: share, cell: (c) => html`<${Bar} share=${share(c)} plain=${true} label=${`${Math.round(share(c) * 100)} % of what is needed`} />` },
        { key: "hours", label: run?.finished ? "Outcome" : "When it could be met", cell: (c) => (run?.finished ? (c.met ? "met" : "not met in this run") : when(c)) },
      ]} />
      ${beyond.length ? html`<details><summary>What the gates beyond ask for</summary><${Table} name="beyond" whole=${true} rows=${beyond.flatMap((each) => each.criteria.map((c) => ({ ...c, gate: each.gate })))} keyOf=${(c) => c.gate + c.name} empty="Nothing."
        columns=${[{ key: "gate", label: "Gate" }, { key: "name", label: "Criterion" }, { key: "needed", label: "Needs", num: true, cell: least }]} /></details>` : null}
    <//>` : null}
    ${run?.finished ? null : html`<${Panel} title="Change the gate" note="asked here, answered by the trading flow">
      <div class="row">
        ${next && next.gate !== "LIVE_ARMED" ? html`<button type="button" class="primary" onClick=${() => go(next.gate)}>Go up to ${next.gate}</button>` : null}
        ${below.map((each) => html`<button type="button" key=${each.gate} onClick=${() => (sure === each.gate ? go(each.gate) : setSure(each.gate))}>${sure === each.gate ? `Down to ${each.gate} now?` : `Down to ${each.gate}`}</button>`)}
      </div>
      <h3>${armed ? "Disarm" : "Arm for real orders"}</h3>
      ${armed ? html`<div class="row"><button type="button" class="kill" onClick=${() => command({ do: "disarm" }, say)}>Disarm</button><span class="note">No real order goes out any more; what works at the exchange is cancelled.</span></div>`
        : html`<p class="note">From LIVE_DRY_RUN alone: ask, and type the phrase of the answer within a minute. It disarms by itself.</p>
        <form class="row" onSubmit=${confirm}><button type="button" onClick=${() => command({ do: "arm" }, say)}>Ask to arm</button>
          <label>Phrase <input name="phrase" value=${phrase} onInput=${(event) => setPhrase(event.target.value)} autocomplete="off" placeholder="arm-0000-0000" required /></label>
          <button type="submit" class="kill" disabled=${!phrase.trim()}>Confirm and arm</button></form>`}
      <p class=${`said whole ${said.kind}`} role="status" aria-live="polite">${said.text}</p>
    <//>`}
    <${Panel} title="History" live=${live} note="this run"><${Table} name="gate-history" rows=${g?.history || []} keyOf=${(e) => e.id} empty="The gate was not changed in this run." columns=${[
      { key: "time", label: "When", cell: (e) => stamp(e.time) }, { key: "old", label: "From" }, { key: "new", label: "To" },
      { key: "reason", label: "Reason", cell: (e) => html`<code>${e.reason}</code>` }, { key: "text", label: "Why", wide: true },
    ]} /><//>`;
}
