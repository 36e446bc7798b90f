// Reports: what one run came to, with what is to be doubted beside each number; several runs compared, differences first.
import { html, useEffect, useState } from "../app/dom.js";
import { ask, useLive } from "../app/live.js";
import { Panel, Search, Table } from "../app/parts.js";
import { setQuery } from "../app/route.js";
import { count, none, plain, stamp, usd } from "../app/format.js";
import { OneReport } from "./report.js";

const MOST = 8; // runs compared
const chosenIn = (query) => (query.get("runs") || "").split(",").filter(Boolean).slice(0, MOST);
const started = (r) => (r.started ? r.started.slice(0, 16).replace("T", " ") : none);

export default function Reports({ query }) {
  const live = useLive("/api/reports", [], 4000);
  const all = live.data?.reports || [], words = (query.get("q") || "").toLowerCase();
  const asked = chosenIn(query), served = all.find((r) => r.current)?.name;
  const chosen = asked.length ? asked : served ? [served] : all.slice(0, 1).map((r) => r.name);
  const choose = (name, is) => setQuery("runs", (is ? [...chosen, name] : chosen.filter((each) => each !== name)).slice(-MOST).join(","));
  const rows = all.filter((r) => !words || `${r.name} ${r.feeds} ${r.run}`.toLowerCase().includes(words));
  return html`<${Panel} title="Runs" live=${live} note="choose one to read its report, several to compare them">
      <div class="filters"><${Search} name="q" label="Words" />${asked.length ? html`<button type="button" onClick=${() => setQuery("runs", "")}>Choose none</button>` : null}</div>
      <div class="low"><${Table} name="reports" rows=${rows} keyOf=${(r) => r.name} empty=${live.data ? "No run in the data folder, or none matches." : "Loading …"} columns=${[
        { key: "chosen", label: "Chosen", sort: false, cell: (r) => html`<input type="checkbox" aria-label=${`Choose ${r.name}`} checked=${chosen.includes(r.name)} onChange=${(event) => choose(r.name, event.target.checked)} />` },
        { key: "name", label: "Run", cell: (r) => html`<a href=${`/reports?runs=${encodeURIComponent(r.name)}`}>${r.name}</a>${r.current ? html` <span class="note">(this one)</span>` : null}` },
        { key: "run", label: "State" }, { key: "feeds", label: "Feeds", wide: true }, { key: "started", label: "Started", kind: () => "nowrap", cell: started },
        { key: "made", label: "Report", cell: (r) => (r.making ? `${r.making === "making" ? "is being made" : "waits to be made"} …` : r.made ? `made ${stamp(r.made.slice(0, 19))}${r.older ? ", before what the run did last" : ""}` : r.failed ? html`<span class="bad">could not be made</span>` : html`<span class="quiet">none yet</span>`) },
        { key: "page", label: "As a page", sort: false, cell: (r) => (r.page ? html`<a href=${r.page}>page<span class="hidden"> of ${r.name}</span></a>` : none) },
      ]} /></div><//>
    ${chosen.length > 1 ? html`<${Compared} names=${chosen} all=${all} key=${chosen.join()} />` : chosen.length ? html`<${OneReport} name=${chosen[0]} query=${query} key=${chosen[0]} />` : null}`;
}

const told = (value, unit) => (value === null ? html`<span class="quiet">none</span>` : typeof value === "string" ? value : unit === "usd" ? usd(value) : plain(value));
function Compared({ names, all }) {
  const known = names.map((name) => all.find((r) => r.name === name));
  const missing = known.filter((r) => r && !r.made && !r.failed), ready = known.every((r) => r?.made);
  const [tried, setTried] = useState(false);
  useEffect(() => {
    if (tried || !missing.length) return;
    setTried(true);
    for (const r of missing) if (!r.making) ask(`/api/reports/${encodeURIComponent(r.name)}`, { method: "POST" }).catch(() => {});
  }, [missing.length]);
  const live = useLive(ready ? `/api/comparison?${names.map((name) => `run=${encodeURIComponent(name)}`).join("&")}` : null, [], 10000);
  const c = live.data;
  if (!ready) return html`<${Panel} title="Comparison"><p class="empty" role="status">${known.some((r) => !r) && all.length ? `There is no run ${names.filter((_, at) => !known[at]).join(", ")}.` : known.find((r) => r?.failed && !r.made) ? `${known.find((r) => r?.failed).name}: ${known.find((r) => r?.failed).failed}` : `Reports are being made of ${missing.map((r) => r.name).join(", ")} …`}</p><//>`;
  const values = names.map((name, at) => ({ key: `v${at}`, label: name, num: true, by: (d) => d.values[at], cell: (d) => told(d.values[at], d.unit) }));
  return html`<${Panel} title="Figures that differ" live=${live} note=${c ? `the largest difference in money first; ${count(c.equal)} other${c.equal === 1 ? " is" : "s are"} the same in all` : ""}>
      ${(c?.doubts || []).map((text) => html`<p class="note warn" key=${text}>${text}</p>`)}
      <${Table} name="figures" rows=${c?.figures || []} keyOf=${(d) => d.instance + d.name} empty=${c ? "No figure differs." : "Loading …"} columns=${[{ key: "instance", label: "Instance", cell: (d) => html`<a href=${`/strategies/${d.instance}`}>${d.instance}</a>` }, { key: "name", label: "Figure", cell: (d) => d.name.replaceAll("_", " ") }, ...values, { key: "spread", label: "Apart", num: true, cell: (d) => (d.unit === "usd" ? usd(d.spread) : plain(d.spread)) }]} /><//>
    <${Panel} title="Settings that differ" live=${live} note="of those that can change a decision"><${Table} name="settings" rows=${c?.settings || []} keyOf=${(d) => d.name} empty=${c ? "The runs went by the same settings." : "Loading …"} columns=${[{ key: "name", label: "Key", cell: (d) => html`<code>${d.name}</code>` }, ...values.map((v) => ({ ...v, num: false, wide: true }))]} /><//>`;
}
