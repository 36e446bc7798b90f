// What is on the server now: one stream for the whole page, and endpoints that are fetched again when it says so.
import { useEffect, useState } from "./dom.js";

const GAP_MS = 300; // between two fetches of the same thing
const listeners = new Map(); // event kind -> functions
const everything = new Set(); // called when there may have been a hole
const states = new Set();
let source = null, topics = new Set(), wanted = "", retry = 0;
export const link = { state: "connecting", heard: performance.now(), since: performance.now(), drops: 0, locked: false };
const KINDS = ["telemetry", "decision", "order", "fill", "outcome", "quality", "answer", "posting", "scan", "book", "risk", "promotion"];
const BASE = ["telemetry", "decisions", "orders", "fills", "outcomes", "quality", "answers"];

function say(state) {
  if (link.state !== state) { link.state = state; link.since = performance.now(); }
  if (state === "live") link.locked = false;
  for (const each of states) each();
}
function hear(kind, data) {
  link.heard = performance.now();
  for (const each of listeners.get(kind) || []) each(data);
}
function open() {
  source?.close();
  clearTimeout(retry);
  wanted = [...new Set([...BASE, ...topics])].join(",");
  const mine = source = new EventSource(`/stream?topics=${wanted}`);
  const again = () => { for (const each of everything) each(); };
  mine.onopen = () => { link.heard = performance.now(); if (link.drops) again(); say("live"); };
  for (const kind of KINDS) mine.addEventListener(kind, (event) => hear(kind, JSON.parse(event.data)));
  for (const kind of ["hello", "resumed"]) mine.addEventListener(kind, () => { link.heard = performance.now(); say("live"); });
  mine.addEventListener("reset", again);
  mine.addEventListener("dropped", (event) => { link.why = JSON.parse(event.data).why; });
  mine.onerror = () => {
    link.drops += 1;
    say("lost");
    if (mine.readyState === EventSource.CLOSED) retry = setTimeout(open, 2000); // an error answer: the browser gives up
  };
}
export function on(kind, act) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(act);
  return () => listeners.get(kind).delete(act);
}
export function useLink() {
  const [, draw] = useState(0);
  useEffect(() => {
    const act = () => draw((n) => n + 1);
    states.add(act);
    if (!source) open();
    const timer = setInterval(act, 1000);
    return () => { states.delete(act); clearInterval(timer); };
  }, []);
  return link;
}
export function useTopic(topic) {
  useEffect(() => {
    topics.add(topic);
    if (source && !wanted.split(",").includes(topic)) open();
    return () => { topics.delete(topic); };
  }, [topic]);
}
export async function ask(path, options = {}) {
  const answer = await fetch(path, { headers: { Accept: "application/json", ...(options.body ? { "Content-Type": "application/json" } : {}) }, ...options });
  const body = await answer.json().catch(() => ({ cause: `the server answered ${answer.status}`, cure: "Try again." }));
  if (!answer.ok && path !== "/health") throw Object.assign(new Error(body.cause), body, { status: answer.status });
  return { body, age: Number(answer.headers.get("Profit-Age") || 0), asOf: answer.headers.get("Profit-As-Of") || "" };
}
// The answer of `path`, fetched again when an event of `kinds` comes, when there was a hole, and every `every` ms.
export function useLive(path, kinds = [], every = 5000) {
  const [state, set] = useState({ data: null, error: null, at: 0, age: 0 });
  useEffect(() => {
    if (!path) return undefined;
    let alive = true, busy = false, due = false, last = 0, timer = 0;
    set((old) => (old.path === path ? old : { data: null, error: null, at: 0, age: 0, path }));
    const get = async () => {
      if (busy) { due = true; return; }
      busy = true; due = false; last = performance.now();
      try {
        const { body, age } = await ask(path);
        if (alive) set({ data: body, error: null, at: performance.now(), age, path });
      } catch (error) {
        if (alive) set((old) => ({ ...old, error: error.cause ? error : { cause: "The server does not answer.", cure: "It is tried again." }, path }));
        if (error.status === 401) { link.locked = true; dispatchEvent(new CustomEvent("sign-in")); }
      }
      busy = false;
      if (alive && due) soon();
    };
    const soon = () => {
      if (document.hidden || timer) return;
      timer = setTimeout(() => { timer = 0; get(); }, Math.max(0, last + GAP_MS - performance.now()));
    };
    get();
    const off = kinds.map((kind) => on(kind, soon));
    everything.add(soon);
    document.addEventListener("visibilitychange", soon);
    addEventListener("signed-in", soon);
    const pulse = setInterval(soon, every);
    return () => {
      alive = false; clearTimeout(timer); clearInterval(pulse);
      for (const each of off) each();
      everything.delete(soon);
      document.removeEventListener("visibilitychange", soon);
      removeEventListener("signed-in", soon);
    };
  }, [path]);
  return state;
}
