// Elements, numbers and colours. Text from data goes in as text nodes, never as markup.

const $ = (id) => document.getElementById(id);

/** An element with properties and children; strings become text nodes. */
function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-")) node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children);
  return node;
}

/** Text of data in a direction of its own. */
const data = (text, tag = "span") => el(tag, { dir: "auto" }, String(text));

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** 1,234,567 or 0.01235; a dash for what does not exist. */
function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (Number.isInteger(value) || Math.abs(value) >= 10 ** (digits - 1))
    return minus(WHOLE.format(value));
  return minus(String(Number(value.toPrecision(digits))));
}

const minus = (text) => text.replace(/-/g, "−");
const percent = (share) => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
const tick = (share) => percent(share).replace(".0 ", " ");

function duration(seconds) {
  if (seconds < 60) return `${number(seconds, 2)} s`;
  if (seconds < 3600) return `${number(seconds / 60, 2)} min`;
  return `${number(seconds / 3600, 2)} h`;
}

/** A colour of the style sheet as it is now, in light or dark, for what is drawn on a canvas. */
function colour(name) {
  const probe = el("i", { hidden: true });
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// The same shapes and dashes as the swatches of the template: a colour never stands alone.
const SHAPES = ["circle", "diamond", "triangle", "rect", "path://M0 0H10L5 9Z"];
const DASHES = ["solid", [6, 3], [2, 2], [9, 3, 2, 3], [12, 4]];
const COLOURS = 7;
const styleOf = (i) => ({
  colour: colour(`c${i % COLOURS}`),
  shape: SHAPES[i % SHAPES.length],
  dash: DASHES[i % DASHES.length],
});

/** What a chart shows on hover, as an element: ECharts reads strings as markup. */
function tip(title, ...lines) {
  return el(
    "div",
    { className: "float" },
    el("b", { dir: "auto" }, title),
    ...lines.map((line) => data(line, "div")),
  );
}

/** Lets the browser paint and answer before the work goes on. */
const pause = () => new Promise((done) => setTimeout(done, 0));
