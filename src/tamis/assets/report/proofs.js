// Experiments: losses while training, and what an arm takes beside what it brings.

/** A panel a budget and view, one above the other; a line a training, seeds of an arm alike.
    Trainings on more rows have more steps: lines lie beside each other by the share that is done. */
DRAW.curves = (node, facts, look) => {
  const { curves } = facts.proofs[node.dataset.proof];
  const panels = panelsOf(curves, (curve) => `${curve.budget}, by ${curve.view}`);
  const arms = facts.arms[node.dataset.proof];
  const series = panels.flatMap(({ of }, panel) =>
    of.map((curve) => {
      const style = styleOf(arms.indexOf(curve.arm));
      return {
        type: "line",
        xAxisIndex: panel,
        yAxisIndex: panel,
        name: `${curve.arm}, seed ${curve.seed}`,
        symbol: "none",
        data: curve.steps.map((step, i) => [(100 * step) / curve.steps.at(-1), curve.losses[i]]),
        lineStyle: { color: style.colour, type: style.dash, width: 1.6 },
        itemStyle: { color: style.colour },
      };
    }),
  );
  return {
    ...base(look),
    ...panelAxes(panels, "share of the training, %", "training loss", look),
    series,
    tooltip: {
      ...base(look).tooltip,
      trigger: "axis",
      formatter: (at) =>
        tip(
          `${number(at[0].value[0], 3)} % of the training`,
          ...at.slice(0, 14).map((one) => `${one.seriesName}: ${number(one.value[1])}`),
        ),
    },
  };
};
DRAW.curves.says = (node, facts) =>
  `Training losses of ${facts.proofs[node.dataset.proof].curves.length} trainings. First and last losses are in the table below.`;
DRAW.curves.height = (node, facts) =>
  panelsHeight(
    panelsOf(
      facts.proofs[node.dataset.proof].curves,
      (curve) => `${curve.budget}, by ${curve.view}`,
    ),
  );

/** A panel a measure: seconds of selecting and training against the difference from random. */
DRAW.benefits = (node, facts, look) => {
  const arms = facts.arms[node.dataset.proof];
  const panels = benefitPanels(facts.proofs[node.dataset.proof].benefits);
  const unit = unitOf(panels);
  const series = panels.flatMap(({ of }, panel) => [
    zero(panel, look),
    ...of.flatMap((one) => {
      const style = styleOf(arms.indexOf(one.arm));
      return [whisker(one, panel, style, unit), point(one, panel, style, look, unit)];
    }),
  ]);
  const options = panelAxes(
    panels,
    `selecting and training, ${unit.name}`,
    "difference from random",
    look,
  );
  options.xAxis.forEach((x) => {
    x.min = 0;
  });
  return {
    ...base(look),
    ...options,
    series,
    tooltip: {
      ...base(look).tooltip,
      trigger: "item",
      formatter: ({ data: { one } }) => one && benefitTip(one),
    },
  };
};
DRAW.benefits.says = (node, facts) =>
  `Cost against benefit of ${facts.arms[node.dataset.proof].length} arms. The numbers are in the table below.`;
DRAW.benefits.height = (node, facts) =>
  panelsHeight(benefitPanels(facts.proofs[node.dataset.proof].benefits));

const benefitPanels = (benefits) =>
  panelsOf(
    benefits.filter(
      (one) => one.kind !== "length_matched" && Number.isFinite(one.against_random?.value),
    ),
    (one) => one.measure,
  );

const spent = (one) => one.selecting + one.training;

/** The unit of time in which the longest takes more than two. */
function unitOf(panels) {
  const longest = Math.max(0, ...panels.flatMap(({ of }) => of.map(spent)));
  return (
    [
      { name: "hours", of: 3600 },
      { name: "minutes", of: 60 },
    ].find((unit) => longest > 2 * unit.of) ?? { name: "seconds", of: 1 }
  );
}

function zero(panel, look) {
  return {
    type: "scatter",
    xAxisIndex: panel,
    yAxisIndex: panel,
    data: [],
    silent: true,
    markLine: {
      silent: true,
      symbol: "none",
      data: [{ yAxis: 0 }],
      label: { show: false },
      lineStyle: { color: look.strong, type: "solid", width: 1 },
    },
  };
}

function whisker(one, panel, style, unit) {
  const { low, high } = one.against_random;
  const x = spent(one) / unit.of;
  const ends =
    Number.isFinite(low) && Number.isFinite(high)
      ? [
          [x, low],
          [x, high],
        ]
      : [];
  return {
    type: "line",
    xAxisIndex: panel,
    yAxisIndex: panel,
    data: ends,
    symbol: "none",
    silent: true,
    lineStyle: { color: style.colour, width: 1.6 },
    tooltip: { show: false },
  };
}

function point(one, panel, style, look, unit) {
  const furthest = Math.max(...facts.proofs.flatMap((proof) => proof.benefits.map(spent)));
  const position = spent(one) > 0.6 * furthest ? "left" : "right";
  return {
    type: "scatter",
    xAxisIndex: panel,
    yAxisIndex: panel,
    symbol: style.shape,
    symbolSize: 11,
    itemStyle: { color: style.colour, opacity: 1 },
    data: [{ value: [spent(one) / unit.of, one.against_random.value], one }],
    label: {
      show: true,
      position,
      distance: 6,
      color: look.strong,
      fontSize: 11,
      formatter: () => short(`${one.arm}, ${one.budget}`, 30),
    },
    labelLayout: { hideOverlap: true },
  };
}

function benefitTip(one) {
  const { value, low, high } = one.against_random;
  return tip(
    `${one.arm}, ${one.budget} by ${one.view}`,
    `${one.measure}: ${number(value, 3)} [${number(low, 3)}, ${number(high, 3)}]`,
    `selecting ${duration(one.selecting)}, training ${duration(one.training)}`,
  );
}

function panelsOf(entries, named) {
  const found = new Map();
  for (const entry of entries) {
    if (!found.has(named(entry))) found.set(named(entry), []);
    found.get(named(entry)).push(entry);
  }
  return [...found].map(([name, of]) => ({ name, of }));
}

const PANEL = 300;
const panelsHeight = (panels) => Math.max(1, panels.length) * PANEL;

/** Grids one above the other, each with a title and axes of its own. */
function panelAxes(panels, x, y, look) {
  return {
    title: panels.map(({ name }, i) => ({
      text: `${name}: ${y}`,
      top: i * PANEL + 4,
      left: 0,
      padding: 0,
      textStyle: {
        fontSize: 12,
        fontWeight: 600,
        color: look.strong,
        width: 420,
        overflow: "truncate",
      },
    })),
    grid: panels.map((_, i) => ({
      left: 4,
      right: 16,
      top: i * PANEL + 34,
      height: PANEL - 84,
      containLabel: true,
    })),
    xAxis: panels.map((_, i) =>
      axis(look, {
        gridIndex: i,
        name: x,
        nameLocation: "middle",
        nameGap: 26,
        splitLine: { show: false },
      }),
    ),
    yAxis: panels.map((_, i) =>
      axis(look, { gridIndex: i, scale: true, axisLine: { show: false }, splitNumber: 4 }),
    ),
  };
}
