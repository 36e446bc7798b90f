// Every page: its path, its name, and its module. A new page is one module in ../pages and one line here.
export const PAGES = [
  { path: "/", name: "Overview", module: "overview" },
  { path: "/strategies", name: "Strategies", module: "strategies" },
  { path: "/markets", name: "BTC 5m loop", module: "market", first: "/markets/now-BTC-5m" },
  { path: "/decisions", name: "Decisions", module: "decisions" },
  { path: "/funnel", name: "Why not?", module: "funnel" },
  { path: "/positions", name: "Positions", module: "positions" },
  { path: "/portfolio", name: "Portfolio", module: "portfolio" },
  { path: "/risk", name: "Risk", module: "risk" },
  { path: "/gates", name: "Gates", module: "gates" },
  { path: "/quality", name: "Quality", module: "quality" },
  { path: "/conservation", name: "Conservation", module: "conservation" },
  { path: "/validation", name: "Validation", module: "validation" },
  { path: "/reports", name: "Reports", module: "reports" },
  { path: "/runs", name: "Runs", module: "runs" },
  { path: "/settings", name: "Settings", module: "settings" },
  { path: "/docs", name: "API", module: "docs" },
];
