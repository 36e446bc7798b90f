// Conservation: nothing is evaluated and forgotten. Counters, their parts, and the audit's own sums.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Panel, Table } from "../app/parts.js";
import { clock, count, none, span } from "../app/format.js";

const yes = (is, good, bad, open) => (is === null ? html`<span class="quiet">${open}</span>` : html`<span class=${is ? "good" : "bad"}>${is ? good : bad}</span>`);
export default function Conservation({ run }) {
  const live = useLive("/api/conservation", ["telemetry"], 3000);
  const c = live.data, open = c?.equations.filter((e) => e.counters_agree === null).length;
  return html`<${Panel} title="Evaluations = passed + waiting + refused" live=${live} note=${c?.time ? `all numbers are of ${clock(c.time)}${run?.finished ? ", the end of the run" : `, the last second that the audit has whole; it is ${span(c.behind_s)} behind the counters`}` : ""}>
    ${c && !c.time && c.equations.length ? html`<p class="quiet">The audit has come to none of these seconds yet, so that nothing is compared: the counters alone are shown.</p>` : null}
    <${Table} name="equations" rows=${c?.equations || []} keyOf=${(e) => e.strategy} empty=${c ? "Nothing has been evaluated yet." : "Loading …"} columns=${[
    { key: "strategy", label: "Strategy" }, { key: "evaluations", label: "Evaluations", num: true, cell: (e) => count(e.evaluations) }, { key: "passed", label: "Passed", num: true, cell: (e) => count(e.passed) }, { key: "held", label: "Waiting", num: true, cell: (e) => count(e.held) }, { key: "blocked", label: "Refused", num: true, cell: (e) => count(e.blocked) },
    { key: "holds", label: "Adds up", cell: (e) => yes(e.holds, "yes", "NO", "") }, { key: "counters_agree", label: "Counters = audit", cell: (e) => yes(e.counters_agree, "yes", "NO", "not compared yet") },
    { key: "scanned", label: "Scan rows add up to", num: true, cell: (e) => (e.scanned === null ? none : count(e.scanned)) }, { key: "not_sent", label: "In no row yet", num: true, cell: (e) => (e.not_sent === null ? none : count(e.not_sent)) },
    ...(run?.finished ? [] : [{ key: "since", label: "Evaluated since", num: true, cell: (e) => (c.time ? `+${count(e.since)}` : none) }]),
    ...(open && c.time ? [{ key: "time", label: "Of", cell: (e) => clock(e.time) }] : []),
  ]} /><p class="note">${c?.note}</p><//>`;
}
