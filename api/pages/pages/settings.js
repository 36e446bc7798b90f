// Settings: what is in force, and what differs from the defaults. Secrets are masked by the server.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Check, Panel, Search, Table } from "../app/parts.js";

const told = (value) => (typeof value === "string" ? value || "(empty)" : JSON.stringify(value));
export default function Settings({ query }) {
  const live = useLive("/api/settings", [], 30000);
  const words = (query.get("q") || "").toLowerCase();
  const rows = (live.data?.settings || []).filter((s) => (query.get("changed") !== "1" || s.changed) && (!words || `${s.key} ${s.meaning}`.toLowerCase().includes(words)));
  return html`<${Panel} title="Settings in force" live=${live} note=${live.data ? `configuration ${live.data.configuration}` : ""}><div class="filters"><${Check} name="changed" label="Only what differs from the defaults" /><${Search} name="q" label="Words" /></div>
    <${Table} name="settings" whole=${true} rows=${rows} keyOf=${(s) => s.key} empty=${live.data ? "Nothing differs from the defaults." : "Loading …"} columns=${[{ key: "key", label: "Key", cell: (s) => html`<code>${s.key}</code>` }, { key: "value", label: "Value", wide: true, kind: (s) => (s.changed ? "warn" : ""), cell: (s) => told(s.value) }, { key: "default", label: "Default", wide: true, cell: (s) => (s.changed ? told(s.default) : "same") }, { key: "meaning", label: "Meaning", wide: true }]} /><//>`;
}
