// Browser notifications, for those who asked for them: kill, pause, loss of a feed, anomaly, stop-loss.
import { html, useEffect, useRef, useState } from "./dom.js";
import { useLive } from "./live.js";

export function Notify() {
  const [on, set] = useState(() => localStorage.getItem("notify") === "1" && globalThis.Notification?.permission === "granted");
  const alerts = useLive("/api/alerts", ["telemetry", "answer", "decision"], 10000);
  const last = useRef(null);
  useEffect(() => {
    if (!alerts.data) return;
    const fresh = alerts.data.alerts, newest = fresh[0]?.number || 0;
    if (on && last.current !== null) for (const each of fresh.filter((a) => a.number > last.current).reverse()) new Notification(each.title, { body: each.text, tag: `${each.number}` });
    last.current = newest;
  }, [alerts.data, on]);
  const toggle = async () => {
    const allowed = !on && globalThis.Notification && (await Notification.requestPermission()) === "granted";
    localStorage.setItem("notify", allowed ? "1" : "");
    set(Boolean(allowed));
  };
  return html`<button type="button" tabindex="-1" aria-pressed=${on ? "true" : "false"} onClick=${toggle}>${on ? "Notifications on" : "Notify me"}</button>`;
}
