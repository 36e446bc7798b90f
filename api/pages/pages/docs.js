// The API's document, drawn from /openapi.json: no script of anyone else, so that it works offline.
import { html } from "../app/dom.js";
import { useLive } from "../app/live.js";
import { Empty, Panel, Table } from "../app/parts.js";

const named = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(named).join(" or ");
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `${named(schema.items) || "any"}[]`;
  if (schema.additionalProperties && schema.additionalProperties !== true) return `{name: ${named(schema.additionalProperties)}}`;
  return schema.type || "any";
};
export default function Docs() {
  const live = useLive("/openapi.json", [], 600000);
  const d = live.data;
  if (!d) return html`<${Panel} title="API" live=${live}><${Empty}>Loading …<//><//>`;
  const routes = Object.entries(d.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, what]) => ({ path, verb: verb.toUpperCase(), ...what })));
  return html`<${Panel} title=${`${d.info.title} API`} note=${`version ${d.info.version}; the document: /openapi.json`}><p>${d.info.description.replaceAll("`", "")}</p>
    ${d.tags.map((tag) => html`<h3>${tag.name}: ${tag.description}</h3>${routes.filter((r) => r.tags?.includes(tag.name)).map((r) => html`<details><summary><code>${r.verb} ${r.path}</code> ${r.summary}</summary><p>${(r.description || "").replaceAll("`", "")}</p>
      <${Table} name=${r.operationId} rows=${r.parameters || []} keyOf=${(p) => p.name} empty="No parameters." columns=${[{ key: "name", label: "Parameter", sort: false }, { key: "in", label: "In", sort: false }, { key: "type", label: "Type", sort: false, cell: (p) => named(p.schema) }, { key: "default", label: "Default", sort: false, cell: (p) => JSON.stringify(p.schema.default ?? "") }, { key: "description", label: "Meaning", sort: false, wide: true }]} />
      ${r.requestBody ? html`<p>Body: <code>${named(r.requestBody.content["application/json"].schema)}</code></p>` : null}<p>Answers: ${Object.entries(r.responses).map(([code, a]) => `${code} ${named(a.content?.["application/json"]?.schema)}`).join(", ")}</p></details>`)}`)}<//>
    <${Panel} title="Contracts">${Object.entries(d.components.schemas).sort().map(([name, schema]) => html`<details id=${name}><summary><code>${name}</code> ${(schema.description || "").split("\n")[0].replaceAll("`", "")}</summary>
      <${Table} name=${`s-${name}`} rows=${Object.entries(schema.properties || {}).map(([key, each]) => ({ key, type: named(each), description: each.description || "" }))} keyOf=${(p) => p.key} empty="No fields." columns=${[{ key: "key", label: "Field", sort: false }, { key: "type", label: "Type", sort: false }, { key: "description", label: "Meaning", sort: false, wide: true }]} /></details>`)}<//>`;
}
