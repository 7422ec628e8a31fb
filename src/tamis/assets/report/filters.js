// Which rows the table shows: every filter leaves some out, the order is sorted once.

const NO_FILTERS = {
  words: "",
  found: null,
  run: 0,
  kept: "",
  why: "",
  label: "",
  score: "",
  low: NaN,
  high: NaN,
};
const filters = { ...NO_FILTERS, picked: null };
const sorting = { by: "rank", down: false };
let order = new Int32Array(0);
let turn = 0; // a later change makes an earlier search or sort give up

/** Works the order out anew and shows its first page. */
async function refilter({ keep = false } = {}) {
  const mine = ++turn;
  const stale = () => turn !== mine;
  const mask = await passing(stale);
  if (!mask || stale()) return;
  const values = await sortValues();
  if (stale()) return;
  order = sorted(mask, values);
  if (!keep) view.page = 0;
  await render();
}

async function passing(stale) {
  const tests = await Promise.all([...fateTests(), labelTest(), rangeTest()].filter(Boolean));
  const mask = new Uint8Array(facts.shown).fill(1);
  for (const test of tests)
    for (let row = 0; row < mask.length; row++) if (mask[row] && !test(row)) mask[row] = 0;
  if (filters.picked) for (let row = 0; row < mask.length; row++) mask[row] &= filters.picked[row];
  if (!filters.words) return mask;
  const say = (done) => {
    $("rows-said").textContent = `Searching … ${Math.round(done * 100)} %`;
  };
  const found =
    filters.found ?? (await searched(filters.words, await column("id"), facts.inBlock, stale, say));
  if (!found || stale()) return null;
  filters.found = found;
  for (let row = 0; row < mask.length; row++) mask[row] &= filters.found[row];
  return mask;
}

function fateTests() {
  const { run, kept, why } = filters;
  return [
    kept && column(`rank.${run}`).then((rank) => (row) => rank[row] >= 0 === (kept === "yes")),
    why && column(`why.${run}`).then((codes) => (row) => codes[row] === Number(why)),
  ];
}

function labelTest() {
  if (!filters.label) return null;
  const [label, code] = filters.label.split(".").map(Number);
  return column(`label.${label}`).then((codes) => (row) => codes[row] === code);
}

// Rows without a value pass no range, and pass where no range is given.
function rangeTest() {
  const { score, low, high } = filters;
  if (!score || (Number.isNaN(low) && Number.isNaN(high))) return null;
  return column(`score.${score}`).then((values) => {
    const [least, most] = values.constructor.of(low, high); // rounded as the values are
    return (row) => !Number.isNaN(values[row]) && !(values[row] < least) && !(values[row] > most);
  });
}

async function sortValues() {
  if (sorting.by === "place") return null;
  if (sorting.by !== "rank") return column(sorting.by);
  if (!facts.runs.length) return null;
  const rank = await column(`rank.${filters.run}`);
  return Float64Array.from(rank, (place) => (place < 0 ? NaN : place));
}

/** Rows of the mask; those without a value come last, whichever way; equal ones keep their order. */
function sorted(mask, values) {
  const rows = [];
  for (let row = 0; row < mask.length; row++) if (mask[row]) rows.push(row);
  if (!values) return Int32Array.from(sorting.down ? rows.reverse() : rows);
  const way = sorting.down ? -1 : 1;
  const valued = rows
    .filter((row) => values[row] === values[row])
    .sort((a, b) => way * (values[a] - values[b]) || a - b);
  return Int32Array.from([...valued, ...rows.filter((row) => values[row] !== values[row])]);
}

/** What the map has chosen; null for nothing. A single row is opened. */
async function pick(mask, said, single = -1) {
  filters.picked = mask;
  $("map-clear").disabled = !mask;
  $("f-picked").hidden = !mask;
  $("f-picked").textContent = `${said} ✕`;
  $("f-picked").setAttribute("aria-label", `${said}: show all again`);
  if (!mask || single >= 0) wipeMap();
  if (single >= 0) view.open.add(single);
  if (said)
    $("map-said").textContent =
      single >= 0 ? "The row is open in the table below." : `${said}; the table below shows them.`;
  await refilter();
}

function listenToFilters() {
  const changed = (id, then) =>
    $(id)?.addEventListener("change", ({ target }) => {
      then(target.value);
      refilter();
    });
  let typing;
  $("f-query").addEventListener("input", ({ target }) => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      filters.words = target.value.trim();
      filters.found = null;
      refilter();
    }, 250);
  });
  changed("f-run", (value) => {
    filters.run = Number(value);
    filters.why = "";
    showReasons();
  });
  changed("f-kept", (value) => {
    filters.kept = value;
  });
  changed("f-why", (value) => {
    filters.why = value;
  });
  changed("f-label", (value) => {
    filters.label = value;
  });
  changed("f-score", (value) => {
    filters.score = value;
    $("f-low").disabled = $("f-high").disabled = !value;
  });
  changed("f-low", (value) => {
    filters.low = value === "" ? NaN : Number(value);
  });
  changed("f-high", (value) => {
    filters.high = value === "" ? NaN : Number(value);
  });
  $("f-picked").addEventListener("click", () => pick(null, ""));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("filters").addEventListener("reset", () => setTimeout(clearFilters));
}

function clearFilters() {
  Object.assign(filters, NO_FILTERS);
  if ($("f-low")) $("f-low").disabled = $("f-high").disabled = true;
  showReasons();
  pick(null, "");
}

function showReasons() {
  if (!$("f-why")) return;
  const names = facts.why[filters.run] ?? [];
  const options = names.map((name, i) => el("option", { value: String(i) }, name));
  $("f-why").replaceChildren(el("option", { value: "" }, "any"), ...options);
}
