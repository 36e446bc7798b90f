// Commands to the trading flow. A button says what it asked for; only the flow's answer says that it was done.
import { html, useEffect, useRef, useState } from "./dom.js";
import { told } from "./format.js";
import { ask, useLive } from "./live.js";

const HOLD_MS = 1500;
let setAsking = null;

export async function command(given, say) {
  say({ text: `${given.do}: asked; waiting for the trading flow …`, kind: "" });
  try {
    const { body } = await ask("/api/control", { method: "POST", body: JSON.stringify(given) });
    say({ text: `${body.what}: ${body.text}`, kind: body.verdict === "block" ? "warn" : "good" });
  } catch (error) {
    if (error.status === 401) { setAsking?.(() => () => command(given, say)); say({ text: "Sign in to command.", kind: "warn" }); return; }
    say({ text: told(error), kind: "bad" });
  }
}
export function SignIn() {
  const [asking, set] = useState(null), [said, say] = useState("");
  const dialog = useRef(null);
  setAsking = set;
  useEffect(() => {
    const act = () => set((old) => old || (() => {}));
    addEventListener("sign-in", act);
    return () => removeEventListener("sign-in", act);
  }, []);
  useEffect(() => { if (asking && !dialog.current.open) dialog.current.showModal(); if (!asking && dialog.current.open) dialog.current.close(); }, [asking]);
  const submit = async (event) => {
    event.preventDefault();
    try {
      await ask("/api/session", { method: "POST", body: JSON.stringify({ token: event.target.token.value }) });
      event.target.reset();
      const then = asking;
      set(null); say("");
      dispatchEvent(new CustomEvent("signed-in"));
      then?.();
    } catch (error) { say(told(error)); }
  };
  return html`<dialog ref=${dialog} aria-labelledby="sign-in-title" onClose=${() => set(null)}><form onSubmit=${submit}>
    <h2 id="sign-in-title">Sign in as the operator</h2>
    <p>The token is in <code>operator.token</code> in the data folder. It is changed for a cookie that lasts twelve hours.</p>
    <label>Operator token <input name="token" type="password" autocomplete="off" required autofocus /></label>
    <p role="alert" class="problem">${said}</p>
    <div class="row"><button type="submit" class="primary">Sign in</button><button type="button" onClick=${() => set(null)}>Cancel</button></div>
  </form></dialog>`;
}
// One stop of Tab; arrows go from button to button.
export function Controls({ run }) {
  const [said, say] = useState({ text: "", kind: "" });
  const [confirm, setConfirm] = useState("");
  const bar = useRef(null);
  const alerts = useLive("/api/answers?limit=1", ["answer"], 15000);
  const last = alerts.data?.answers[0];
  const act = (what, more = {}) => { setConfirm(""); command({ do: what, ...more }, say); };
  const steps = (event) => {
    const buttons = [...bar.current.querySelectorAll("button:not([disabled])")];
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!move) return;
    const next = buttons[(buttons.indexOf(document.activeElement) + move + buttons.length) % buttons.length];
    next.focus();
    event.preventDefault();
  };
  if (run.finished) return html`<p class="said">A finished run: nothing here can be commanded.</p>`;
  const killed = run.trading === "killed", paused = run.trading === "paused";
  return html`<div class="controls" role="toolbar" aria-label="Commands" ref=${bar} onKeyDown=${steps}>
    ${killed ? html`<button type="button" onClick=${() => act("release", { what: "kill" })}>Release kill</button>`
      : paused ? html`<button type="button" onClick=${() => act("resume")}>Resume</button>`
        : html`<button type="button" onClick=${() => act("pause")}>Pause</button>`}
    <button type="button" tabindex="-1" disabled=${killed} onClick=${() => (confirm === "flatten" ? act("flatten") : setConfirm("flatten"))}>${confirm === "flatten" ? "Sell every position?" : "Flatten"}</button>
    <${Hold} disabled=${killed} onHeld=${() => act("kill")} />
    <p class=${`said ${said.kind}`} role="status" aria-live="polite">${said.text || (last ? `Last: ${last.what} by ${last.by}: ${last.text}` : "")}</p>
  </div>`;
}
// Pressed for one and a half seconds, by mouse, finger, Enter or the space bar; letting go earlier does nothing.
export function Hold({ onHeld, disabled }) {
  const [down, set] = useState(false);
  const timer = useRef(0);
  const press = (event) => {
    if (disabled || timer.current || (event.type === "keydown" && !["Enter", " "].includes(event.key))) return;
    event.preventDefault();
    set(true);
    timer.current = setTimeout(() => { timer.current = 0; set(false); onHeld(); }, HOLD_MS);
  };
  const release = () => { clearTimeout(timer.current); timer.current = 0; set(false); };
  return html`<button type="button" tabindex="-1" class=${`kill ${down ? "down" : ""}`} disabled=${disabled}
    onPointerDown=${press} onPointerUp=${release} onPointerLeave=${release} onKeyDown=${press} onKeyUp=${release} onBlur=${release} onContextMenu=${(event) => event.preventDefault()}><span>${down ? "Keep holding …" : html`Hold to kill<span class="hidden">: press for one and a half seconds</span>`}</span></button>`;
}
