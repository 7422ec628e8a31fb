// What happens first: the page answers at once, the table comes, charts follow as they are scrolled to.

document.documentElement.classList.add("js");

async function start() {
  facts = await column("charts");
  watchTheme();
  watchPlaces();
  watchPaper();
  if ($("rows-table")) {
    showReasons();
    listenToFilters();
    listenToTable();
    await refilter();
  }
  await startMap();
  watchCharts();
}

/** The navigation says where one is. */
function watchPlaces() {
  const links = new Map(
    [...document.querySelectorAll(".bar li a")].map((link) => [link.hash.slice(1), link]),
  );
  const seen = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) links.get(target.id)?.setAttribute("aria-current", "true");
        else links.get(target.id)?.removeAttribute("aria-current");
      }
    },
    { rootMargin: "-30% 0px -65% 0px" },
  );
  document.querySelectorAll("main section").forEach((section) => seen.observe(section));
}

// For tests, read only: when the page is ready, how many rows the table has, what is drawn, where a row lies.
window.tamis = Object.freeze({
  ready: start(),
  get rows() {
    return order.length;
  },
  get drawn() {
    return [...drawn.keys()];
  },
  place: (row) => pixel(row),
});
