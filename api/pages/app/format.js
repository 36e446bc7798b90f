// Numbers and times as people read them. The server sends dollars, shares and ISO times; nothing is computed here.
const fixed = (digits) => new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
const whole = fixed(0), one = fixed(1), two = fixed(2), four = fixed(4);
const known = (value) => value !== null && value !== undefined && value !== "";
export const none = "–";
export const count = (value) => (known(value) ? whole.format(value) : none);
export const tenth = (value) => (known(value) ? one.format(value) : none);
export const usd = (value) => (known(value) ? `${value < 0 ? "−" : ""}$${two.format(Math.abs(value))}` : none);
export const signed = (value) => (known(value) ? `${value > 0 ? "+" : value < 0 ? "−" : ""}$${two.format(Math.abs(value))}` : none);
export const price = (value) => (known(value) ? `$${four.format(value)}` : none);
export const shares = (value) => (known(value) && value !== 0 ? two.format(value) : none);
export const percent = (value) => (known(value) ? `${one.format(value * 100).replace("-", "−")} %` : none);
export const plain = (value) => (known(value) ? String(Number(value.toPrecision(4))).replace(/^-/, "−") : none);
export const clock = (iso) => (iso ? `${iso.slice(11, 19)} UTC` : none);
export const stamp = (iso) => (iso ? `${iso.slice(0, 10)} ${iso.slice(11, 23).replace(/\.000$/, "")} UTC` : none);
export const tone = (value) => (value > 0 ? "good" : value < 0 ? "bad" : "");
export function span(seconds) {
  if (!known(seconds)) return none;
  if (seconds < 10) return `${one.format(seconds)} s`;
  if (seconds < 60) return `${whole.format(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
export const VERDICTS = { pass: "passed", hold: "waiting", block: "refused" };
// A whole number is shown as it is, and one of nanoseconds since 1970 as its time.
const figure = (value) => (typeof value !== "number" ? value : value > 1e18 ? new Date(value / 1e6).toISOString().slice(11, 23) : Number.isInteger(value) ? value : Number(value.toPrecision(7)));
export const numbers = (given) => Object.entries(given).map(([name, value]) => `${name} ${figure(value)}`).join(", ");
// What went wrong, and what to do about it: a sentence each.
export const told = (error) => { const cause = error.cause || "The server does not answer."; return `${/[.!?]$/.test(cause) ? cause : `${cause}.`} ${error.cure || ""}`.trim(); };
