// Where one is: the path chooses the page, the query holds its filters, so that a link shows the same.
import { useEffect, useState } from "./dom.js";

const watchers = new Set();
const changed = () => { for (const each of watchers) each(); };
addEventListener("popstate", changed);
export function go(to) {
  if (to === location.pathname + location.search) return;
  history.pushState(null, "", to);
  changed();
}
export function useRoute() {
  const [, draw] = useState(0);
  useEffect(() => {
    const act = () => draw((n) => n + 1);
    watchers.add(act);
    return () => watchers.delete(act);
  }, []);
  return { path: location.pathname, query: new URLSearchParams(location.search) };
}
export function setQuery(name, value) {
  const query = new URLSearchParams(location.search);
  if (value) query.set(name, value); else query.delete(name);
  const text = query.toString();
  history.replaceState(null, "", location.pathname + (text ? `?${text}` : ""));
  changed();
}
// Links of ours do not load the page anew.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const to = link.getAttribute("href");
  if (to.startsWith("/") && !to.startsWith("/api/") && !to.includes(".") && !link.download) { event.preventDefault(); go(to); }
});
