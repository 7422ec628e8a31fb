// Charts: drawn when they come near the window, again when the colours or the width change.

const DRAW = {}; // name of a chart -> (element, facts, look) => an option of ECharts
const drawn = new Map(); // element -> what draws it again
let facts;

/** Colours and sizes that all charts share. */
function look() {
  const text = colour("muted");
  return {
    text,
    strong: colour("text"),
    rule: colour("rule"),
    axis: colour("strong"),
    page: colour("page"),
    pool: colour("pool"),
  };
}

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** What every option begins with. */
function base(look) {
  return {
    animation: false,
    textStyle: { fontFamily: FONT, fontSize: 12, color: look.text },
    grid: { left: 8, right: 14, top: 14, bottom: 6, containLabel: true },
    tooltip: {
      confine: true,
      backgroundColor: look.page,
      borderColor: look.axis,
      borderWidth: 1,
      padding: [6, 9],
      textStyle: { color: look.strong, fontSize: 12 },
      transitionDuration: 0,
    },
  };
}

/** An axis of numbers in the look of the page. */
function axis(look, more = {}) {
  return {
    type: "value",
    axisLine: { show: true, lineStyle: { color: look.axis } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: look.rule, width: 0.7 } },
    nameTextStyle: { color: look.text },
    ...more,
    axisLabel: {
      color: look.text,
      fontSize: 11,
      hideOverlap: true,
      formatter: (value) => number(value, 3),
      ...more.axisLabel,
    },
  };
}

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function draw(node) {
  if (drawn.has(node)) return;
  const plot = DRAW[node.dataset.chart];
  const made = plot.height?.(node, facts);
  if (made) node.style.height = `${made}px`;
  const chart = echarts.init(node, null, { renderer: "canvas" });
  const again = () => chart.setOption(plot(node, facts, look()), { notMerge: true });
  again();
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", plot.says(node, facts));
  drawn.set(node, { chart, again });
  new ResizeObserver(() => chart.resize()).observe(node);
}

function drawAll() {
  document.querySelectorAll("[data-chart]").forEach(draw);
}

function redraw() {
  for (const { again } of drawn.values()) again();
}

function watchCharts() {
  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        near.unobserve(entry.target);
        draw(entry.target);
      }
    },
    { rootMargin: "400px" },
  );
  document.querySelectorAll("[data-chart]").forEach((node) => near.observe(node));
}

// Paper has every chart, in the light colours.
function watchPaper() {
  const paper = () => {
    drawAll();
    redraw();
    for (const { chart } of drawn.values()) chart.resize();
  };
  window.addEventListener("beforeprint", paper);
  window.addEventListener("afterprint", paper);
  matchMedia("print").addEventListener("change", paper);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}

/** The button's choice lasts as long as the page is open. */
function watchTheme() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  $("theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    redraw();
  });
}
