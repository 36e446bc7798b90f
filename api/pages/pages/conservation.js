// Conservation: nothing is evaluated and forgotten. Counters, their parts, and the audit's own sums.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Panel, Table } from "../app/parts.js";
import { clock, count, none } from "../app/format.js";

const yes = (is, good, bad, open) => (is === null ? html`<span class="quiet">${open}</span>` : html`<span class=${is ? "good" : "bad"}>${is ? good : bad}</span>`);
export default function Conservation() {
  const live = useLive("/api/conservation", ["telemetry"], 3000);
  return html`<${Panel} title="Evaluations = passed + waiting + refused" live=${live}><${Table} name="equations" rows=${live.data?.equations || []} keyOf=${(e) => e.strategy} empty="Nothing has been evaluated yet." columns=${[
    { key: "strategy", label: "Strategy" }, { key: "evaluations", label: "Evaluations", num: true, cell: (e) => count(e.evaluations) }, { key: "passed", label: "Passed", num: true, cell: (e) => count(e.passed) }, { key: "held", label: "Waiting", num: true, cell: (e) => count(e.held) }, { key: "blocked", label: "Refused", num: true, cell: (e) => count(e.blocked) },
    { key: "holds", label: "Adds up", cell: (e) => yes(e.holds, "yes", "NO", "") }, { key: "counters_agree", label: "Counters = audit", cell: (e) => yes(e.counters_agree, "yes", "NO", "the audit follows") },
    { key: "audit_time", label: "Compared at", cell: (e) => clock(e.audit_time) }, { key: "scanned", label: "Scan rows add up to", num: true, cell: (e) => (e.scanned === null ? none : count(e.scanned)) }, { key: "not_sent", label: "Not sent yet", num: true, cell: (e) => (e.not_sent === null ? none : count(e.not_sent)) },
  ]} /><p class="note">${live.data?.note}</p><//>`;
}
