// The table of rows: a page of them, each opening to its conversation and everything known of it.

const view = { page: 0, open: new Set() };
const ON_PAGE = 25;
let painting = 0;

const shownScores = () => {
  const boxes = [...document.querySelectorAll("#columns input")];
  return boxes.length
    ? boxes.filter((box) => box.checked).map((box) => Number(box.value))
    : facts.rowScores.map((_, i) => i);
};

async function render() {
  const mine = ++painting;
  const rows = [...order.subarray(view.page * ON_PAGE, (view.page + 1) * ON_PAGE)];
  const shown = await shownColumns();
  const lines = await Promise.all(rows.map((row) => line(row, shown)));
  if (mine !== painting) return;
  const focused = document.activeElement?.dataset?.key;
  $("rows-table").tHead.replaceChildren(heading(shown));
  $("rows-table").tBodies[0].replaceChildren(...lines.flat());
  if (focused)
    [...$("rows-table").querySelectorAll("[data-key]")]
      .find((node) => node.dataset.key === focused)
      ?.focus();
  sayPage();
}

function sayPage() {
  const last = Math.max(0, Math.ceil(order.length / ON_PAGE) - 1);
  $("rows-said").textContent = `${number(order.length)} of ${number(facts.shown)} rows`;
  $("page-said").textContent = `Page ${number(view.page + 1)} of ${number(last + 1)}`;
  $("page-first").disabled = $("page-before").disabled = view.page === 0;
  $("page-last").disabled = $("page-after").disabled = view.page >= last;
}

/** Rank, beginning, tokens, then the scores that are ticked. */
async function shownColumns() {
  const columns = [{ key: "place", name: "Row", className: "begin" }];
  if (facts.runs.length)
    columns.unshift({
      key: "rank",
      name: "Pick",
      className: "n",
      show: (value) => (value < 0 ? "–" : number(value + 1)),
      values: await column(`rank.${filters.run}`),
    });
  const scores = shownScores().map((i) => ({ key: `score.${i}`, name: facts.rowScores[i] }));
  for (const one of [{ key: "tokens", name: "Tokens" }, ...scores]) {
    columns.push({
      ...one,
      className: "n",
      show: (value) => number(value),
      values: await column(one.key),
    });
  }
  return columns;
}

function heading(columns) {
  return el(
    "tr",
    {},
    ...columns.map(({ key, name, className }) => {
      const on = sorting.by === key;
      const button = el(
        "button",
        { type: "button", dir: "auto", "data-key": `sort ${key}` },
        ...breakable(name),
        on ? (sorting.down ? "\u00a0↓" : "\u00a0↑") : "",
      );
      button.addEventListener("click", () => sortBy(key));
      const cell = el("th", { scope: "col", className }, button);
      if (on) cell.setAttribute("aria-sort", sorting.down ? "descending" : "ascending");
      return cell;
    }),
  );
}

/** The name of a score with places where a line may end. */
function breakable(name) {
  const parts = short(name, 80).split(/(?<=[(,=_])/);
  return parts.flatMap((part) => [part, el("wbr")]).slice(0, -1);
}

/** Scores begin with the highest, ranks with the first. */
function sortBy(key) {
  sorting.down = sorting.by === key ? !sorting.down : !["rank", "place"].includes(key);
  sorting.by = key;
  refilter();
}

async function line(row, columns) {
  const open = view.open.has(row);
  const button = el("button", {
    type: "button",
    dir: "auto",
    "aria-expanded": String(open),
    "data-key": `row ${row}`,
  });
  button.append(...marked((await around(row)) || "(no text)", filters.words));
  button.addEventListener("click", () => {
    if (!view.open.delete(row)) view.open.add(row);
    render();
  });
  const cells = columns.map(({ className, values, show }) =>
    el("td", { className }, values ? show(values[row]) : button),
  );
  const head = el("tr", {}, ...cells);
  return open
    ? [
        head,
        el(
          "tr",
          { className: "opened" },
          el("td", { colSpan: columns.length }, await details(row)),
        ),
      ]
    : [head];
}

/** The row's beginning, or the place where the words of the search stand. */
async function around(row) {
  const first = await beginning(row, facts.inBlock);
  const words = filters.words.toLowerCase();
  if (!words || first.toLowerCase().includes(words)) return first;
  for (const [, content] of await conversation(row, facts.inBlock)) {
    const at = (content ?? "").toLowerCase().indexOf(words);
    if (at >= 0)
      return `… ${content.slice(Math.max(0, at - 60), at + words.length + 160).replace(/\s+/g, " ")} …`;
  }
  return first;
}

/** Text with the words of the search marked. */
function marked(text, words) {
  if (!words) return [text];
  const [low, wanted] = [text.toLowerCase(), words.toLowerCase()];
  if (low.length !== text.length) return [text]; // some letters have longer small ones: places would be off
  const parts = [];
  let at = 0;
  for (
    let next = low.indexOf(wanted);
    next >= 0 && parts.length < 400;
    next = low.indexOf(wanted, at)
  ) {
    parts.push(text.slice(at, next), el("mark", {}, text.slice(next, next + wanted.length)));
    at = next + wanted.length;
  }
  return [...parts, text.slice(at)];
}

async function details(row) {
  const turns = await conversation(row, facts.inBlock);
  const told = el("div", {}, ...turns.map(said));
  if (!turns.length)
    told.append(el("p", { className: "note" }, "The text of this row is not in the report."));
  return el("div", { className: "open-row" }, told, el("div", {}, ...(await known(row))));
}

function said([role, content, calls]) {
  const node = el("div", { className: "turn" }, data(role, "h4"));
  if (content) {
    const text = el("div", { dir: "auto" });
    text.append(...marked(content, filters.words));
    node.append(text);
  }
  if (calls) node.append(data(written(calls, 2), "pre"));
  return node;
}

/** Everything else: scores with percentiles, what each run did, labels, where it comes from. */
async function known(row) {
  const at = async (name) => (await column(name))[row];
  const scores = await Promise.all(
    facts.rowScores.map(async (name, i) => {
      const [value, percentile] = [await at(`score.${i}`), await at(`percentile.${i}`)];
      return [
        name,
        Number.isNaN(percentile) ? number(value) : `${number(value)} · ${number(percentile, 3)} %`,
      ];
    }),
  );
  const fates = await Promise.all(
    facts.runs.map(async (run, i) => [run.name, (await fate(row, i)).slice(run.name.length + 2)]),
  );
  const labels = await Promise.all(
    facts.labels.map(async ({ name, names }, i) => [name, names[await at(`label.${i}`)] ?? "–"]),
  );
  const origin = [
    ["source", facts.sources[await at("source")] ?? "–"],
    ["record, from 0", number(await at("row"))],
    ["tokens", number(await at("tokens"))],
    ["id", await at("id")],
  ];
  return [
    ["Scores, with the share of rows below", scores],
    ["Runs", fates],
    ["Labels", labels],
    ["Origin", origin],
  ]
    .filter(([, lines]) => lines.length)
    .flatMap(([title, lines]) => [el("h4", {}, title), list(lines)]);
}

function list(lines) {
  return el(
    "dl",
    { className: "facts" },
    ...lines.map(([name, value]) => el("div", {}, data(name, "dt"), data(value, "dd"))),
  );
}

function listenToTable() {
  const go = (id, to) =>
    $(id).addEventListener("click", () => {
      view.page = to(Math.max(0, Math.ceil(order.length / ON_PAGE) - 1));
      render();
    });
  go("page-first", () => 0);
  go("page-before", () => view.page - 1);
  go("page-after", () => view.page + 1);
  go("page-last", (last) => last);
  $("columns")?.addEventListener("change", render);
}
