// The frame: banner, navigation, commands, and the page that the path names.
import { Component, html, render, useEffect, useRef, useState } from "./dom.js";
import { Controls, SignIn } from "./control.js";
import { Notify } from "./notify.js";
import { PAGES } from "./registry.js";
import { go, useRoute } from "./route.js";
import { span } from "./format.js";
import { useLink, useLive } from "./live.js";

const UNKNOWN = { name: "", feeds_are: "", trading: "unknown", finished: false };

class Guarded extends Component {
  componentDidCatch(error) { this.setState({ error }); }
  componentDidUpdate(before) { if (before.where !== this.props.where && this.state.error) this.setState({ error: null }); }
  render({ children }) {
    return this.state.error ? html`<section class="panel"><h2>This page could not be drawn</h2><p class="problem">${String(this.state.error)}</p><p>The others work; load it anew to try again.</p></section>` : children;
  }
}
function Banner({ run, health }) {
  const link = useLink();
  const wrong = health?.wrong || [], warnings = health?.warnings || [];
  const many = (all, word) => `${all.length} ${word}${all.length > 1 ? "s" : ""}`;
  const lost = link.state === "lost";
  return html`<div class=${`banner ${run.feeds_are.toLowerCase()} ${run.trading}`} role="region" aria-label="State">
    <strong class="feeds">${run.feeds_are || "CONNECTING"}</strong>
    <strong class=${`trading ${run.trading}`}>trading ${run.trading}</strong>
    <a class=${`gate ${run.gate === "LIVE_ARMED" ? "bad" : ""}`} href="/gates">${run.gate ? `gate ${run.gate}` : "paper venue"}</a>
    <span class="run">${run.name}</span>
    <span class=${`link ${lost ? "bad" : ""}`} role="status">${run.finished ? "from the archive" : link.locked && link.state !== "live" ? "reading takes the operator's token" : lost ? `connection lost for ${span((performance.now() - link.since) / 1000)}; reconnecting` : link.state === "live" ? "live" : "connecting"}</span>
    <span class=${`health ${wrong.length ? "bad" : warnings.length ? "warn" : run.finished ? "quiet" : "good"}`} title=${[...wrong, ...warnings].join("\n")}>${health ? (wrong.length ? many(wrong, "problem") : warnings.length ? many(warnings, "warning") : run.finished ? "the run is over" : "all modules well") : ""}</span>
  </div>`;
}
function Nav({ here }) {
  const bar = useRef(null);
  useEffect(() => {  // on a phone the page's own name is in sight
    const link = bar.current?.querySelector("[aria-current]");
    if (link) bar.current.scrollLeft = link.offsetLeft - (bar.current.clientWidth - link.offsetWidth) / 2;
  }, [here]);
  const keys = (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!move) return;
    const links = [...bar.current.querySelectorAll("a")];
    links[(links.indexOf(document.activeElement) + move + links.length) % links.length].focus();
    event.preventDefault();
  };
  return html`<nav aria-label="Pages" ref=${bar} onKeyDown=${keys}>${PAGES.map((page) =>
    html`<a href=${page.first || page.path} tabindex=${here === page ? 0 : -1} aria-current=${here === page ? "page" : null}>${page.name}</a>`)}</nav>`;
}
function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  dispatchEvent(new CustomEvent("theme"));
}
function Frame() {
  const { path, query } = useRoute();
  const head = `/${path.split("/")[1]}`, rest = decodeURIComponent(path.split("/").slice(2).join("/"));
  const here = PAGES.find((page) => page.path === head);
  const [shown, show] = useState({ here: null, Page: null });
  const run = useLive("/api/run", ["answer", "telemetry"], 5000);
  const health = useLive("/health", ["telemetry"], 5000);
  useEffect(() => {
    if (!here) return;
    import(`/pages/pages/${here.module}.js`).then((made) => show({ here, Page: made.default }));
    document.title = `${here.name} · Profit System`;
  }, [here]);
  const about = run.data || UNKNOWN;
  const { Page } = shown;
  return html`<a class="skip" href="#page" onClick=${(event) => { event.preventDefault(); document.getElementById("page").focus(); }}>Skip to the page</a>
    <header class="top">
      <${Banner} run=${about} health=${health.data} />
      <${Nav} here=${here} />
      <div class="tools"><${Controls} run=${about} /><div class="extras"><${Notify} /><button type="button" tabindex="-1" onClick=${theme}>Dark / light</button></div></div>
    </header>
    <main id="page" tabindex="-1">
      <h1 class="hidden">${here?.name || "No such page"}</h1>
      ${!here ? html`<section class="panel"><p>There is no page at ${path}. <a href="/">Overview</a></p></section>`
        : shown.here === here && Page ? html`<${Guarded} where=${path} key=${here.path}><${Page} rest=${rest} query=${query} run=${about} go=${go} /><//>` : html`<p class="boot">Loading …</p>`}
    </main>
    <footer>Times are UTC. Run ${about.name || "–"}${about.started ? `, started ${about.started.slice(0, 19).replace("T", " ")} UTC` : ""}. ${about.gate === "LIVE_ARMED" ? "Real orders go out." : "Orders go to the paper venue only."}</footer>
    <${SignIn} />`;
}
const place = document.getElementById("app");
place.replaceChildren();
render(html`<${Frame} />`, place);
