// Scores and groups: the pool in grey, each run in its colour, shape and dash.

/** A histogram as steps: the share of the rows in each interval. */
DRAW.score = (node, facts, look) => {
  const { edges, parts } = facts.scores[node.dataset.i];
  const series = parts.map((part, i) => steps(part, edges, i - 1, look));
  const top = Math.max(...series.flatMap(({ data }) => data.map(([, share]) => share)));
  return {
    ...base(look),
    grid: { left: 4, right: 12, top: 8, bottom: 4, containLabel: true },
    tooltip: {
      ...base(look).tooltip,
      trigger: "axis",
      axisPointer: { lineStyle: { color: look.axis } },
      formatter: (at) => interval(at[0].value[0], edges, parts),
    },
    xAxis: axis(look, {
      min: edges[0],
      max: edges.at(-1),
      splitLine: { show: false },
      splitNumber: 4,
      axisLabel: { showMinLabel: brief(edges[0]), showMaxLabel: brief(edges.at(-1)) },
    }),
    yAxis: axis(look, {
      axisLine: { show: false },
      splitNumber: 3,
      ...(top > 0.9 ? { max: 1, interval: 0.25 } : {}), // no share is above 100 %
      axisLabel: { formatter: tick },
    }),
    series,
  };
};
DRAW.score.says = (node, facts) => {
  const { name, parts } = facts.scores[node.dataset.i];
  return `Histogram of ${name}. Medians: ${parts.map((part) => `${part.name} ${number(part.median)}`).join(", ")}.`;
};

// Other ends would be clipped, or collide with round numbers.
const brief = (end) => Number.isInteger(end) && Math.abs(end) < 1000;

function steps(part, edges, run, look) {
  const whole = part.counts.reduce((sum, count) => sum + count, 0) || 1;
  const shares = part.counts.map((count) => count / whole);
  const points = edges.map((edge, i) => [edge, shares[Math.min(i, shares.length - 1)] ?? 0]);
  const common = { type: "line", step: "end", symbol: "none", data: points, name: part.name };
  if (run < 0) {
    return {
      ...common,
      lineStyle: { color: look.axis, width: 1 },
      itemStyle: { color: look.pool },
      areaStyle: { color: look.pool, opacity: 0.65 },
      z: 1,
    };
  }
  const style = styleOf(run);
  return {
    ...common,
    lineStyle: { color: style.colour, width: 2, type: style.dash },
    itemStyle: { color: style.colour },
    z: 3,
  };
}

function interval(value, edges, parts) {
  const i = Math.max(
    0,
    Math.min(
      edges.length - 2,
      edges.findLastIndex((edge) => edge <= value),
    ),
  );
  const lines = parts.map((part) => {
    const whole = part.counts.reduce((sum, count) => sum + count, 0);
    return `${part.name}: ${percent(whole ? part.counts[i] / whole : 0)} (${number(part.counts[i])} rows)`;
  });
  return tip(`${number(edges[i])} to ${number(edges[i + 1])}`, ...lines);
}

const MOST_GROUPS = 15;

function largest(grouping) {
  if (grouping.groups.length <= MOST_GROUPS) return grouping.groups;
  const first = [...grouping.groups].sort((a, b) => b.pool - a.pool).slice(0, MOST_GROUPS);
  return grouping.groups.filter((group) => first.includes(group));
}

/** Bars beside each other for each group: the pool's, each run's, and that of its raw ranking. */
DRAW.groups = (node, facts, look) => {
  const grouping = facts.groups[node.dataset.i];
  const groups = largest(grouping);
  const parts = partsOf(facts);
  const shares = parts.map((part) => {
    const whole = grouping.groups.reduce((sum, group) => sum + part.of(group), 0) || 1;
    return groups.map((group) => part.of(group) / whole);
  });
  const width = node.clientWidth < 420 ? 14 : 26;
  return {
    ...base(look),
    grid: { left: 4, right: 20, top: 4, bottom: 4, containLabel: true },
    tooltip: {
      ...base(look).tooltip,
      trigger: "axis",
      axisPointer: { type: "shadow", shadowStyle: { color: look.rule, opacity: 0.4 } },
      formatter: (at) => groupTip(groups[at[0].dataIndex], parts, shares, at[0].dataIndex),
    },
    xAxis: axis(look, {
      splitNumber: 4,
      axisLine: { show: false },
      ...(Math.max(...shares.flat()) > 0.9 ? { max: 1, interval: 0.25 } : {}), // as above
      axisLabel: { formatter: tick },
    }),
    yAxis: {
      type: "category",
      inverse: true,
      data: groups.map((group) => group.name),
      axisTick: { show: false },
      axisLine: { lineStyle: { color: look.axis } },
      axisLabel: {
        color: look.strong,
        fontSize: 12,
        interval: 0,
        formatter: (name) => short(name, width),
      },
    },
    series: parts.map((part, i) => bars(part, shares[i], look)),
  };
};
DRAW.groups.says = (node, facts) =>
  `Shares of groups by ${facts.groups[node.dataset.i].name}, in the pool and in each selection. The numbers are in the table below.`;
DRAW.groups.height = (node, facts) =>
  34 +
  largest(facts.groups[node.dataset.i]).length * Math.max(24, 11 * partsOf(facts).length + 8);

/** What each group has a bar for. */
function partsOf(facts) {
  const runs = facts.runs.flatMap((run, i) => [
    { name: run.name, run: i, of: (group) => group.kept[i] },
    ...(run.raw
      ? [{ name: `${run.name}, raw ranking`, run: i, raw: true, of: (group) => group.raw[i] ?? 0 }]
      : []),
  ]);
  return [{ name: "pool", run: -1, of: (group) => group.pool }, ...runs];
}

function bars({ name, run, raw }, data, look) {
  const fill = raw
    ? { color: look.page, borderColor: styleOf(run).colour, borderWidth: 1.5 }
    : { color: run < 0 ? look.pool : styleOf(run).colour };
  if (run >= 0 && !raw) fill.decal = stripes(run, look);
  return { type: "bar", name, data, itemStyle: fill, barCategoryGap: "26%", barGap: "8%" };
}

const TURNED = [0, Math.PI / 4, -Math.PI / 4, 0, Math.PI / 2];

/** Runs after the first are striped, each another way, as in the legend. */
function stripes(run, look) {
  const kind = run % TURNED.length;
  if (kind === 0) return { symbol: "none" };
  return {
    symbol: "rect",
    rotation: TURNED[kind],
    color: look.page,
    dashArrayX: [1, 0],
    dashArrayY: [1.5, 4.5],
    symbolSize: 1,
  };
}

function groupTip(group, parts, shares, i) {
  return tip(
    group.name,
    ...parts.map(
      (part, at) => `${part.name}: ${percent(shares[at][i])} (${number(part.of(group))} rows)`,
    ),
  );
}
