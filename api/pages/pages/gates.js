// Gates: how far the portfolio may go, what the next step asks for and when it could be met, arming, and what happened.
import { html, useState } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Panel, Table } from "../app/parts.js";
import { command } from "../app/control.js";
import { stamp } from "../app/format.js";

const STATES = { passed: "passed", here: "here", next: "next", later: "later" };
const when = (c) => (c.met ? "met" : c.hours === null ? "not at the rate so far" : `about ${c.hours.toFixed(1)} h`);

export default function Gates({ run }) {
  const live = useLive("/api/gates", ["telemetry", "risk", "answer"], 5000);
  const [said, say] = useState({ text: "", kind: "" });
  const [phrase, setPhrase] = useState("");
  const g = live.data, next = g?.gates.find((each) => each.state === "next");
  const below = g?.gates.filter((each) => each.state === "passed") || [];
  const go = (gate) => command({ do: "gate", subject: gate }, say);
  const confirm = (event) => { event.preventDefault(); command({ do: "confirm", subject: phrase }, say); setPhrase(""); };
  return html`<${Panel} title="Release gates" live=${live} note="up one by one, down at once">
      <ol class="gates">${(g?.gates || []).map((each) => html`<li class=${`gate ${each.state}`} key=${each.gate} aria-current=${each.state === "here" ? "step" : undefined}>
        <strong>${each.gate}</strong> <span class="tag">${STATES[each.state]}</span><br /><span>${each.meaning}</span></li>`)}</ol>
      ${g ? html`<p>At <strong>${g.gate}</strong> since ${stamp(g.since)}.${g.armed_until ? ` Disarms by itself at ${stamp(g.armed_until)}.` : ""}</p>` : null}
    <//>
    ${next ? html`<${Panel} title=${`What ${next.gate} asks for`} live=${live}>
      <${Table} name="criteria" rows=${next.criteria} keyOf=${(c) => c.name} empty="Nothing." columns=${[
        { key: "met", label: "Met", cell: (c) => html`<span class=${c.met ? "good" : "warn"}>${c.met ? "yes" : "no"}</span>` },
        { key: "name", label: "Criterion" },
        { key: "value", label: "Is", num: true },
        { key: "needed", label: "Needs", num: true },
        { key: "hours", label: "When", cell: when },
      ]} />
    <//>` : null}
    ${run?.finished ? null : html`<${Panel} title="Change the gate" note="answered by the trading flow">
      <div class="row">
        ${next && next.gate !== "LIVE_ARMED" ? html`<button type="button" class="primary" onClick=${() => go(next.gate)}>Go up to ${next.gate}</button>` : null}
        ${below.map((each) => html`<button type="button" key=${each.gate} onClick=${() => go(each.gate)}>Down to ${each.gate}</button>`)}
        ${g?.gate === "LIVE_ARMED" ? html`<button type="button" class="kill" onClick=${() => command({ do: "disarm" }, say)}>Disarm</button>`
          : html`<button type="button" onClick=${() => command({ do: "arm" }, say)}>Ask to arm</button>`}
      </div>
      <form class="row" onSubmit=${confirm}><label>Phrase of the answer <input name="phrase" value=${phrase} onInput=${(event) => setPhrase(event.target.value)} autocomplete="off" required /></label>
        <button type="submit">Confirm and arm</button></form>
      <p class=${`said ${said.kind}`} role="status" aria-live="polite">${said.text}</p>
    <//>`}
    <${Panel} title="History" live=${live}><${Table} name="gate-history" rows=${g?.history || []} keyOf=${(e) => e.id} empty="The gate was not changed in this run." columns=${[
      { key: "time", label: "When", cell: (e) => stamp(e.time) }, { key: "old", label: "From" }, { key: "new", label: "To" },
      { key: "reason", label: "Reason", cell: (e) => html`<code>${e.reason}</code>` }, { key: "text", label: "Why" },
    ]} /><//>`;
}
