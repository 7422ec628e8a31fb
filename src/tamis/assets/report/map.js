// The map: thousands of points on one canvas, the selection on top of the pool. Large series of ECharts
// neither hover nor are brushed, so the nearest point and the points inside are found here.

const plane = { chart: null, x: null, y: null, run: 0, colour: "", tool: "", at: -1 };
const NEAR = 14; // pixels
const MOST_CLASSES = 7;

async function startMap() {
  if (!$("map-plane")) return;
  [plane.x, plane.y] = await Promise.all([column("x"), column("y")]);
  const near = new IntersectionObserver(
    ([entry]) => {
      if (!entry.isIntersecting) return;
      near.disconnect();
      drawMap();
    },
    { rootMargin: "400px" },
  );
  near.observe($("map-plane"));
  window.addEventListener("beforeprint", drawMap);
  matchMedia("print").addEventListener("change", drawMap);
}

async function drawMap() {
  if (plane.chart) return;
  const node = $("map-chart");
  plane.chart = echarts.init(node, null, { renderer: "canvas" });
  plane.chart.setOption({ ...frame(), series: await pointSeries() });
  drawn.set(node, { chart: plane.chart, again: paintMap });
  new ResizeObserver(() => plane.chart.resize()).observe(node);
  listenToMap();
}

/** Axes without numbers: only nearness means something. */
function frame() {
  const bounds = (values) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of values)
      if (value === value) [low, high] = [Math.min(low, value), Math.max(high, value)];
    const pad = (high - low || 1) * 0.04;
    return { type: "value", show: false, min: low - pad, max: high + pad };
  };
  const zoom = {
    type: "inside",
    zoomOnMouseWheel: "ctrl",
    moveOnMouseWheel: false,
    filterMode: "none",
  };
  return {
    animation: false,
    grid: { left: 6, right: 6, top: 6, bottom: 6 },
    xAxis: bounds(plane.x),
    yAxis: bounds(plane.y),
    dataZoom: [
      { ...zoom, xAxisIndex: 0 },
      { ...zoom, yAxisIndex: 0 },
    ],
    toolbox: { show: false },
    brush: {
      toolbox: [],
      xAxisIndex: 0,
      yAxisIndex: 0,
      seriesIndex: [],
      transformable: false,
      brushStyle: { color: "rgba(120,130,145,.15)", borderColor: colour("text"), borderWidth: 1.5 },
    },
  };
}

async function paintMap() {
  plane.chart?.setOption({ series: await pointSeries() }, { replaceMerge: ["series"] });
}

/** Two series a class: its rows in the pool, small and pale, and those kept, on top. */
async function pointSeries() {
  const rank = facts.runs.length
    ? await column(`rank.${plane.run}`)
    : new Int8Array(facts.shown).fill(-1);
  const { classes, of } = await classesOf();
  const points = sortedOut(classes, of, rank);
  const many = facts.runs[plane.run]?.selected ?? 0;
  const size = many < 1500 ? 7 : many < 6000 ? 5 : 4;
  showMapLegend(classes);
  const series = (one, kept, look) => ({
    type: "scatter",
    large: true,
    largeThreshold: 400,
    silent: true,
    progressive: 0,
    dimensions: ["x", "y"],
    data: Float32Array.from(points.get(one.code)[kept]),
    ...look,
  });
  const below = (one) => ({
    symbol: "circle",
    symbolSize: 3,
    z: 2,
    itemStyle: { color: one.pale ?? one.colour, opacity: plane.colour ? 0.35 : 0.5 },
  });
  const above = (one) => ({
    symbol: one.shape,
    symbolSize: size,
    z: one.code < 0 ? 3 : 4,
    itemStyle: { color: one.colour, opacity: 0.9 },
  });
  return [
    ...classes.map((one) => series(one, 0, below(one))),
    ...classes.map((one) => series(one, 1, above(one))),
  ];
}

/** For each class the points not kept and those kept, x and y in turn. */
function sortedOut(classes, of, rank) {
  const points = new Map(classes.map(({ code }) => [code, [[], []]]));
  for (let row = 0; row < plane.x.length; row++) {
    if (plane.x[row] === plane.x[row])
      points.get(of(row))?.[rank[row] >= 0 ? 1 : 0].push(plane.x[row], plane.y[row]);
  }
  return points;
}

/** What colours stand for: names with colours and shapes, and the class of a row. */
async function classesOf() {
  const [kind, i] = plane.colour.split(".");
  if (kind === "label") return labelClasses(facts.labels[i].names, await column(plane.colour));
  if (kind === "score") return scoreClasses(await column(`percentile.${i}`));
  const style = styleOf(plane.run);
  return { classes: [{ code: 0, name: "kept", ...style, pale: colour("strong") }], of: () => 0 };
}

function labelClasses(names, codes) {
  const counts = new Map();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  const common = [...counts.keys()]
    .filter((code) => code >= 0)
    .sort((a, b) => counts.get(b) - counts.get(a) || a - b)
    .slice(0, MOST_CLASSES - 1);
  const place = new Map(common.map((code, i) => [code, i]));
  const classes = common.map((code, i) => ({ code: i, name: names[code], ...styleOf(i) }));
  const rest = counts.size > common.length;
  if (rest)
    classes.push({
      code: -1,
      name: "others and none",
      ...styleOf(MOST_CLASSES - 1),
      colour: colour("strong"),
      shape: "rect",
    });
  return { classes, of: (row) => place.get(codes[row]) ?? -1 };
}

const FIFTHS = ["lowest fifth", "second", "third", "fourth", "highest fifth"];

function scoreClasses(percentiles) {
  const classes = FIFTHS.map((name, i) => ({
    code: i,
    name,
    colour: colour(`r${i}`),
    shape: "circle",
  }));
  classes.push({ code: -1, name: "no value", colour: colour("strong"), shape: "rect" });
  return {
    classes,
    of: (row) =>
      percentiles[row] === percentiles[row] ? Math.min(4, Math.floor(percentiles[row] / 20)) : -1,
  };
}

const GLYPHS = { circle: "●", diamond: "◆", triangle: "▲", rect: "■" };

function showMapLegend(classes) {
  const entry = (glyph, paint, name) => {
    const mark = el("span", { "aria-hidden": "true" }, glyph);
    mark.style.color = paint;
    return el("li", {}, mark, data(name));
  };
  const entries = classes.map((one) => entry(GLYPHS[one.shape] ?? "▼", one.colour, one.name));
  if (!plane.colour) entries.push(entry("·", colour("muted"), "pool, not kept"));
  else if (facts.runs.length)
    entries.push(el("li", { className: "note" }, "large: kept, small: not kept"));
  $("map-legend").replaceChildren(...entries);
}

/** Scale and offset from data to pixels: the axes are linear, so two points tell. */
function scaling() {
  const [x0, y0] = plane.chart.convertToPixel({ gridIndex: 0 }, [0, 0]);
  const [x1, y1] = plane.chart.convertToPixel({ gridIndex: 0 }, [1, 1]);
  return { x0, y0, dx: x1 - x0, dy: y1 - y0 };
}

function pixel(row, scale = scaling()) {
  return [scale.x0 + plane.x[row] * scale.dx, scale.y0 + plane.y[row] * scale.dy];
}

/** The row that is nearest to a pixel, -1 where none is near; `counts` may leave rows out. */
function nearest(px, py, within, counts = () => true) {
  const scale = scaling();
  let [best, found] = [within * within, -1];
  for (let row = 0; row < plane.x.length; row++) {
    const across = scale.x0 + plane.x[row] * scale.dx - px;
    const down = scale.y0 + plane.y[row] * scale.dy - py;
    const far = across * across + down * down;
    if (far < best && counts(across, down)) [best, found] = [far, row];
  }
  return found;
}

/** One byte a row: does it lie inside the polygon? A ray to the right crosses the border an odd number of times. */
function inside(polygon) {
  const found = new Uint8Array(plane.x.length);
  for (let row = 0; row < found.length; row++) {
    const [x, y] = [plane.x[row], plane.y[row]];
    let within = false;
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      const [[xi, yi], [xj, yj]] = [polygon[i], polygon[j]];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) within = !within;
    }
    found[row] = within ? 1 : 0;
  }
  return found;
}
