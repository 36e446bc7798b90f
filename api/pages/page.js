// The page draws what the server says. The only thing it works out by itself is how long ago something came.

const KEPT = 60;
const POLL_MS = 5000;
const STALLED_MS = 10000;
const $ = (id) => document.getElementById(id);
const number = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = number(0), tenths = number(1), cents = number(2), pips = number(4);
const meanings = new Map();
let limits = {}; // reason -> [dollars, whose]
const rows = new Map(); // module -> its row's cells and when its telemetry came
const groups = new Map(); // group -> its tbody
let heard = performance.now();

function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function reasonNode(reason, detail = "") {
  const made = element("span", reason || "–");
  const meaning = detail || meanings.get(reason);
  if (meaning) {
    made.className = "reason";
    made.title = meaning;
    made.tabIndex = 0;
    made.setAttribute("aria-label", `${reason}: ${meaning}`);
  }
  return made;
}

const utc = (ns) => (ns ? new Date(Math.trunc(ns / 1e6)).toISOString().slice(11, 19) : "–");
const dollars = (micro) => cents.format(micro / 1e6);

async function fetched(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  const body = await answer.json();
  if (!answer.ok && path !== "/health") throw body;
  return body;
}

// --- modules ------------------------------------------------------------------------------------------------------

const ORDER = ["feeds", "connections", "integrity", "data gates", "features and strategies", "gates and sizing", "execution and settlement", "flows and processes"];
const WORST = ["failed", "silent", "warning", "waiting", "starting"];

function groupBody(name) {
  let body = groups.get(name);
  if (!body) {
    body = element("tbody");
    const head = element("tr", undefined, "group");
    const cell = element("th", name);
    cell.colSpan = 8;
    cell.scope = "rowgroup";
    head.append(cell);
    body.append(head);
    body.dataset.order = String(ORDER.indexOf(name));
    const after = [...$("modules").tBodies].find((each) => Number(each.dataset.order) > ORDER.indexOf(name));
    $("modules").insertBefore(body, after || null);
    groups.set(name, body);
  }
  return body;
}

function moduleRow(view) {
  let kept = rows.get(view.module);
  if (!kept) {
    const row = element("tr");
    const cells = Array.from({ length: 8 }, () => element("td"));
    ["", "", "reported, s ago:", "passed", "waiting", "refused", "rate, 1/s:", ""].forEach((label, at) => {
      if (label) cells[at].dataset.label = label;
      if (at >= 2 && at <= 6) cells[at].className = "n";
    });
    cells[0].textContent = view.module;
    cells[1].append(element("span", undefined, "dot"), element("span", "", "word"));
    row.append(...cells);
    row.dataset.module = view.module;
    const body = groupBody(view.group);
    const after = [...body.rows].slice(1).find((each) => each.dataset.module > view.module);
    body.insertBefore(row, after || null);
    kept = { row, cells, reason: null };
    rows.set(view.module, kept);
    $("modules-empty").hidden = true;
  }
  return kept;
}

function showModule(view) {
  const kept = moduleRow(view);
  const { row, cells } = kept;
  kept.came = performance.now() - view.age_s * 1000;
  const judged = Object.keys(view.counts).length > 0;
  kept.status = view.status;
  row.className = judged ? view.status : `${view.status} unjudged`;
  kept.said = `${view.module} ${view.state}${view.last_reason && view.last_reason !== "ok" ? ` (${view.last_reason})` : ""}`;
  kept.silent = view.status === "silent" ? view.module : "";
  put(cells[1].lastChild, view.state);
  put(cells[3], judged ? whole.format(view.passed) : "–");
  put(cells[4], judged ? whole.format(view.held) : "–");
  put(cells[5], judged ? whole.format(view.blocked) : "–");
  put(cells[6], view.rate_10s === null ? "–" : tenths.format(view.rate_10s));
  const counters = Object.entries(view.counters).sort(([one], [other]) => (other === "frames") - (one === "frames")).map(([name, count]) => `${name} ${whole.format(count)}`).join(", ");
  const text = [view.module === "portfolio" ? "" : view.gauges_text, counters].filter(Boolean).join("; ");
  const said = `${view.last_reason}|${text}`;
  if (kept.reason !== said) {
    kept.reason = said;
    cells[7].replaceChildren(...(view.last_reason || !text ? [reasonNode(view.last_reason)] : []));
    if (text) cells[7].append(element("span", ` ${text}`, "quiet"));
    cells[7].title = text;
  }
  if (view.module === "portfolio") showMoney(view.gauges);
}

function showMoney(gauges) {
  for (const cell of document.querySelectorAll("[data-gauge]")) {
    const value = gauges[cell.dataset.gauge];
    if (typeof value !== "number") continue;
    const unit = cell.dataset.unit;
    const sign = "signed" in cell.dataset && value > 0 ? "+" : "";
    cell.replaceChildren(...(unit ? [element("span", unit, "unit")] : []), sign + (unit === "$" ? cents : whole).format(value));
    const bad = "zero" in cell.dataset ? value !== 0 : "signed" in cell.dataset && value < 0;
    const good = "zero" in cell.dataset ? value === 0 : "signed" in cell.dataset && value > 0;
    cell.className = bad ? "bad-text" : good ? "good-text" : "";
  }
}

// The worst first, in one line that keeps its place when nothing is wrong.
function showWorst() {
  const wrong = [...rows.values()].filter(({ status }) => WORST.includes(status)).sort((one, other) => WORST.indexOf(one.status) - WORST.indexOf(other.status));
  const said = wrong.map((each) => (each.silent ? `${each.silent} has not reported for ${whole.format(Math.max(0, (performance.now() - each.came) / 1000))} s` : each.said));
  put($("worst"), !rows.size ? "–" : wrong.length ? `${wrong.length === 1 ? "Problem" : `${wrong.length} problems`}: ${said.join(", ")}` : `All ${rows.size} modules report.`);
  $("worst").title = said.join("\n");
  $("worst").className = `worst ${wrong.length ? wrong[0].status : "running"}`;
}

function showAges() {
  showWorst();
  const now = performance.now();
  for (const { cells, came } of rows.values()) put(cells[2], whole.format(Math.max(0, (now - came) / 1000)));
  if (source && source.readyState === EventSource.OPEN) {
    const late = now - heard > STALLED_MS;
    pill("stream", late ? `stream silent for ${whole.format((now - heard) / 1000)} s` : "stream live", late ? "warn" : "good");
  }
}

function pill(id, text, kind) {
  put($(id), text);
  $(id).className = `pill ${kind}`;
}

// --- lists --------------------------------------------------------------------------------------------------------

function prepend(id, record, make) {
  if ([...$(id).rows].some((row) => row.dataset.id === record.id)) return; // it was fetched already
  $(id).prepend(identified(record, make));
  while ($(id).rows.length > KEPT) $(id).lastChild.remove();
  $(`${id}-empty`).hidden = true;
}

function identified(record, make) {
  const row = make(record);
  row.dataset.id = record.id;
  return row;
}

function line(...cells) {
  const row = element("tr");
  for (const cell of cells) {
    const made = element("td", undefined, cell.n ? "n" : "");
    made.append(cell.node || String(cell.n ?? cell));
    row.append(made);
  }
  return row;
}

const VERDICTS = { pass: "passed", hold: "waiting", block: "refused" };
const ACTIONS = { block: "refused" };
const acted = (decision) => `${ACTIONS[decision.action] || decision.action} ${decision.outcome}`.trim();

// What the price of a decision is: of a refused one the ask that was seen, else the limit of its order, or the payout.
function priceText(decision) {
  if (!decision.price && decision.action === "block") return "–";
  const kind = { block: "ask", settle: "payout" }[decision.action] || "limit";
  return `${kind} ${pips.format(decision.price / 1e4)}`;
}

// A limit of money is shown with its numbers, where the sizing stated the room that was left.
function detailOf(decision) {
  const limit = limits[decision.reason];
  const sizing = decision.spans.find((span) => span.module === "sizing");
  if (limit === undefined || !sizing || typeof sizing.numbers.room !== "number") return "";
  const [amount, whose] = limit;
  return `limit of $${whole.format(amount)} ${whose} reached (holding $${cents.format(Math.max(0, amount - sizing.numbers.room))})`;
}

function decisionRow(decision) {
  const button = element("button", acted(decision));
  button.type = "button";
  button.title = `Why ${decision.id}?`;
  button.addEventListener("click", () => why(decision.id));
  return line(
    utc(decision.timestamp), { node: button }, decision.market_key, decision.strategy, { n: priceText(decision) },
    { n: decision.size ? cents.format(decision.size / 1e6) : "–" }, { node: reasonNode(decision.reason, detailOf(decision)) },
  );
}

function fillRow(fill) {
  return line(
    utc(fill.timestamp), `${fill.side} ${fill.outcome}`, fill.market_key, { n: pips.format(fill.price / 1e4) },
    { n: cents.format(fill.size / 1e6) }, { n: pips.format(fill.fee / 1e6) },
  );
}

const resultOf = (outcome) => ({ 10000: "Up", 0: "Down" }[outcome.payout_up] || `Up paid $${pips.format(outcome.payout_up / 1e4)}`);

function outcomeRow(outcome) {
  const made = Object.entries(outcome.pnl).map(([name, micro]) => `${name} ${micro > 0 ? "+" : ""}${dollars(micro)}`);
  return line(utc(outcome.timestamp), outcome.market_key, resultOf(outcome), made.join(", ") || "no position");
}

function showList(id, records, make) {
  $(id).replaceChildren(...records.slice(0, KEPT).map((each) => identified(each, make)));
  $(`${id}-empty`).hidden = records.length > 0;
}

async function showDecisions() {
  const all = $("refusals").checked;
  showList("decisions", (await fetched(`/api/decisions?limit=${KEPT}&refusals=${all}`)).decisions, decisionRow);
}

async function showQuality() {
  const { quality } = await fetched("/api/quality");
  showList("quality", quality, (each) =>
    line(each.feed, { node: reasonNode(each.reason) }, { n: whole.format(each.total) }, { n: whole.format(each.window) }, utc(each.window_end)));
}

async function showHealth() {
  const health = await fetched("/health");
  const well = health.status === "ok";
  pill("health", well ? (health.warnings.length ? "healthy, with warnings" : "healthy") : "problem", well ? (health.warnings.length ? "warn" : "good") : "bad");
  $("health").title = [...health.wrong, ...health.warnings].join("\n");
  $("wrong").hidden = well;
  put($("wrong"), health.wrong.map((each) => `Problem: ${each}`).join("\n"));
  put($("dead"), whole.format(health.dead_letters));
}

async function showModules() {
  for (const view of (await fetched("/api/modules")).modules) showModule(view);
}

// --- why ----------------------------------------------------------------------------------------------------------

function section(title, ...parts) {
  return [element("h3", title), ...parts];
}

function items(list, empty) {
  if (!list.length) return element("p", empty, "quiet");
  const made = element("ol");
  for (const parts of list) {
    const item = element("li");
    item.append(...parts);
    made.append(item);
  }
  return made;
}

const stamp = (ns) => new Date(Math.trunc(ns / 1e6)).toISOString().replace("T", " ").replace("Z", " UTC");
const values = (numbers) => Object.entries(numbers).map(([name, value]) => `${name} ${value}`).join(", ");

function chainParts(chain) {
  const { decision } = chain;
  return [
    element("p", chain.sentence),
    ...section("1. Raw frames", items(chain.frames.map((f) => [
      element("b", f.roles.join(", ")), ` ${f.topic}, partition ${f.partition}, offset ${f.offset}`,
      f.received_ns ? `; received ${stamp(f.received_ns)}, connection ${f.connection}, number ${f.number}, ${whole.format(f.size)} bytes` : "",
      ...(f.missing ? [element("p", f.missing, "quiet")] : []),
      ...(f.frame === null ? [] : [element("pre", f.frame + (f.shortened ? " …" : ""))]),
    ]), "none")),
    ...section("2. Journal events", items(chain.journal.map((e) => [
      element("b", `${e.seq}`), ` ${e.event ? e.event.kind : "not in the archive"} (${e.roles.join(", ")})`,
      ...(e.event ? [element("pre", JSON.stringify(e.event))] : []),
    ]), "none")),
    ...section("3. Spans", items(decision.spans.map((s) => [
      element("b", s.module), ` ${VERDICTS[s.verdict] || s.verdict}: `, reasonNode(s.reason), element("span", ` ${values(s.numbers)}`, "quiet"),
    ]), "none")),
    ...section("4. Decision", element("p", `${stamp(decision.timestamp)}: ${decision.strategy} ${acted(decision)}, `
      + `${cents.format(decision.size / 1e6)} shares at ${priceText(decision)} $ in ${decision.market_key}; `
      + `${decision.reason}: ${detailOf(decision) || meanings.get(decision.reason) || ""}; configuration ${decision.configuration}`)),
    ...section("5. Orders and fills", items([
      ...chain.orders.map((o) => [element("b", o.id), ` ${o.status}: ${o.side} ${o.outcome}, limit $ ${pips.format(o.limit / 1e4)}, ${cents.format(o.filled / 1e6)} of ${cents.format(o.size / 1e6)} shares`]),
      ...chain.fills.map((f) => [element("b", f.id), ` fill: ${cents.format(f.size / 1e6)} shares at $ ${pips.format(f.price / 1e4)}, fee $ ${pips.format(f.fee / 1e6)}`]),
    ], "none: this decision sent no order")),
    ...section("6. Ledger postings", items(chain.postings.map((p) => [element("b", `${p.transaction} ${p.kind}`), ` ${p.account} $ ${number(6).format(p.amount / 1e6)}`]), "none")),
    ...section("7. Outcome", element("p", chain.outcome === null ? "The market is not settled."
      : `Result: ${resultOf(chain.outcome)}; closed PnL of ${decision.strategy} in this market, less all fees: $ ${dollars(chain.realised)}`)),
    ...chain.notes.map((note) => element("p", note, "quiet")),
  ];
}

async function why(id) {
  put($("why-title"), `Why ${id}`);
  $("why-body").replaceChildren(element("p", "Looking in the archive …", "quiet"));
  $("why").showModal();
  try {
    $("why-body").replaceChildren(...chainParts(await fetched(`/api/why/${encodeURIComponent(id)}`)));
  } catch (problem) {
    const text = problem.cause ? `${problem.cause} The archive is some seconds behind: try again in a moment.` : "The server does not answer.";
    $("why-body").replaceChildren(element("p", text));
  }
}

// --- the stream ---------------------------------------------------------------------------------------------------

async function showAll() {
  const run = await fetched("/api/run");
  put($("run-name"), run.name);
  put($("run-feeds"), run.feeds);
  put($("gate"), run.gate);
  limits = { cap_market: [run.limits.cap_market, "a market"], cap_strategy: [run.limits.cap_strategy, "a strategy"], cap_total: [run.limits.cap_total, "in all"] };
  document.title = `Profit System: ${run.name}`;
  if (!meanings.size) for (const each of (await fetched("/api/reasons")).reasons) meanings.set(each.reason, each.meaning);
  await Promise.all([
    showModules(), showDecisions(), showQuality(), showHealth(),
    fetched(`/api/fills?limit=${KEPT}`).then(({ fills }) => showList("fills", fills, fillRow)),
    fetched(`/api/outcomes?limit=${KEPT}`).then(({ outcomes }) => showList("outcomes", outcomes, outcomeRow)),
  ]);
  showAges();
}

const handlers = {
  telemetry: showModule,
  decision: (each) => { if ($("refusals").checked || each.action !== "block") prepend("decisions", each, decisionRow); },
  fill: (each) => prepend("fills", each, fillRow),
  outcome: (each) => prepend("outcomes", each, outcomeRow),
  ping: () => {},
};

// The whole state is fetched after the stream is open; events that come meanwhile wait, and what they bring a second time
// is known by its id.
let waiting = null;
async function refetch() {
  waiting = waiting || [];
  try {
    await showAll();
  } catch {
    pill("health", "server away", "bad");
  }
  const late = waiting;
  waiting = null;
  for (const [handle, data] of late) handle(data);
}

const source = new EventSource("/stream");
source.addEventListener("open", () => { heard = performance.now(); pill("stream", "stream live", "good"); });
source.addEventListener("error", () => {
  pill("stream", source.readyState === EventSource.CLOSED ? "stream closed" : "stream reconnecting", "bad");
});
for (const kind of ["hello", "reset"]) source.addEventListener(kind, () => { heard = performance.now(); refetch(); });
for (const [kind, handle] of Object.entries(handlers)) {
  source.addEventListener(kind, (event) => {
    heard = performance.now();
    const data = JSON.parse(event.data);
    if (waiting) waiting.push([handle, data]);
    else handle(data);
  });
}
$("refusals").addEventListener("change", () => showDecisions().catch(() => {}));
setInterval(showAges, 1000);
setInterval(() => Promise.all([showModules(), showQuality(), showHealth()]).catch(() => pill("health", "server away", "bad")), POLL_MS);
