// What hands do on the map: point, click, lasso, rectangle, arrow keys.

function listenToMap() {
  const canvas = plane.chart.getZr();
  let waiting = false;
  canvas.on("mousemove", ({ offsetX, offsetY }) => {
    if (waiting || plane.tool) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      pointAt(nearest(offsetX, offsetY, NEAR));
    });
  });
  canvas.on("globalout", () => pointAt(-1));
  canvas.on("click", ({ offsetX, offsetY }) => {
    const row = plane.tool ? -1 : nearest(offsetX, offsetY, 2 * NEAR);
    if (row >= 0) pickOne(row);
  });
  plane.chart.on("brushEnd", ({ areas }) => areas.length && pickInside(areas[0]));
  plane.chart.on("dataZoom", () => pointAt(-1));
  $("map-lasso").addEventListener("click", () => take("polygon"));
  $("map-box").addEventListener("click", () => take("rect"));
  $("map-clear").addEventListener("click", () => pick(null, ""));
  $("map-home").addEventListener("click", () =>
    [0, 1].forEach((i) =>
      plane.chart.dispatchAction({ type: "dataZoom", dataZoomIndex: i, start: 0, end: 100 }),
    ),
  );
  $("map-run").addEventListener("change", ({ target }) => {
    plane.run = Number(target.value);
    paintMap();
  });
  $("map-colour").addEventListener("change", ({ target }) => {
    plane.colour = target.value;
    paintMap();
  });
  $("map-plane").addEventListener("keydown", walk);
}

/** Takes a tool into the hand, or puts it back. */
function take(tool) {
  plane.tool = plane.tool === tool ? "" : tool;
  $("map-lasso").setAttribute("aria-pressed", String(plane.tool === "polygon"));
  $("map-box").setAttribute("aria-pressed", String(plane.tool === "rect"));
  const brushOption = { brushType: plane.tool || false, brushMode: "single" };
  plane.chart.dispatchAction({ type: "takeGlobalCursor", key: "brush", brushOption });
  pointAt(-1);
}

function pickInside({ brushType, coordRange }) {
  const [[left, right], [low, high]] = brushType === "rect" ? coordRange : [[], []];
  const border =
    brushType === "rect"
      ? [
          [left, low],
          [right, low],
          [right, high],
          [left, high],
        ]
      : coordRange;
  const found = inside(border);
  take(plane.tool);
  pick(found, `${number(found.reduce((sum, one) => sum + one, 0))} rows chosen on the map`);
}

function pickOne(row) {
  const only = new Uint8Array(facts.shown);
  only[row] = 1;
  pick(only, "1 row chosen on the map", row);
}

/** Forgets what is drawn on the map, when the choice it stands for is gone. */
function wipeMap() {
  plane.chart?.dispatchAction({ type: "brush", areas: [] });
}

const WAYS = {
  ArrowRight: (across, down) => across > 0.5 && Math.abs(down) <= across,
  ArrowLeft: (across, down) => across < -0.5 && Math.abs(down) <= -across,
  ArrowDown: (across, down) => down > 0.5 && Math.abs(across) <= down,
  ArrowUp: (across, down) => down < -0.5 && Math.abs(across) <= -down,
};

/** Arrow keys go from row to row; Enter opens the row in the table. */
function walk(event) {
  if (event.key === "Enter" && plane.at >= 0) pickOne(plane.at);
  if (event.key === "Escape") pointAt(-1);
  const way = WAYS[event.key];
  if (!way) return;
  event.preventDefault();
  const middle = [plane.chart.getWidth() / 2, plane.chart.getHeight() / 2];
  const next =
    plane.at < 0 ? nearest(...middle, Infinity) : nearest(...pixel(plane.at), Infinity, way);
  if (next >= 0) pointAt(next, true);
}

/** Shows what lies at a place of the map; aloud where keys led there. */
async function pointAt(row, aloud = false) {
  const changed = plane.at !== row;
  plane.at = row;
  $("map-tip").hidden = $("map-ring").hidden = row < 0;
  if (row < 0) return;
  const [x, y] = pixel(row);
  $("map-ring").style.translate = `${x}px ${y}px`;
  if (!changed) return;
  const lines = await described(row);
  if (plane.at !== row) return;
  const [first, ...rest] = lines;
  $("map-tip").replaceChildren(
    data(first, "p"),
    ...rest.map((line) => {
      const node = data(line, "p");
      node.className = "note";
      return node;
    }),
  );
  place($("map-tip"), x, y);
  if (aloud) $("map-said").textContent = lines.join(". ");
}

/** Beside the point, and inside the map. */
function place(node, x, y) {
  const { clientWidth: width, clientHeight: height } = $("map-plane");
  const left = x + 14 + node.offsetWidth > width ? x - 14 - node.offsetWidth : x + 14;
  node.style.left = `${Math.max(4, Math.min(left, width - node.offsetWidth - 4))}px`;
  node.style.top = `${Math.max(4, Math.min(y + 10, height - node.offsetHeight - 4))}px`;
}

/** A row in a few lines: its beginning, what the run says of it, its scores. */
async function described(row) {
  const lines = [(await beginning(row, facts.inBlock)) || "(no text)"];
  if (facts.runs.length) lines.push(await fate(row, plane.run));
  const shown = shownScores();
  const values = await Promise.all(shown.map((i) => column(`score.${i}`)));
  lines.push(...shown.map((i, at) => `${facts.rowScores[i]}: ${number(values[at][row])}`));
  return lines;
}

/** What a run did with a row, in words. */
async function fate(row, run) {
  const [rank, why] = await Promise.all([column(`rank.${run}`), column(`why.${run}`)]);
  const reason = facts.why[run][why[row]] ?? "not kept";
  return `${facts.runs[run].name}: ${rank[row] >= 0 ? `kept, pick ${number(rank[row] + 1)}` : reason}`;
}
