// Conversations lie in blocks of some hundred rows; a block is unpacked when one of its rows is needed.

const blockNodes = document.querySelectorAll("script[data-block]");
const blocks = new Map();
const SLICE = 24; // milliseconds of work before the page may answer
const BEGIN = 240;

function block(i) {
  if (!blocks.has(i)) blocks.set(i, unzipped(blockNodes[i]).then(parsed));
  return blocks.get(i);
}

/** The turns of a row, [role, content, tool calls or null] each; none where texts are missing. */
async function conversation(row, inBlock) {
  const i = Math.floor(row / inBlock);
  return i < blockNodes.length ? ((await block(i))[row % inBlock] ?? []) : [];
}

/** Tool calls as they are, or as the JSON that they are given in. */
function written(calls, indent) {
  if (typeof calls !== "string") return JSON.stringify(calls, null, indent);
  try {
    return indent ? JSON.stringify(JSON.parse(calls), null, indent) : calls;
  } catch {
    return calls; // not every tool call is JSON
  }
}

/** What a row begins with, on one line. */
async function beginning(row, inBlock) {
  for (const [, content, calls] of await conversation(row, inBlock)) {
    const text = (content || (calls ? written(calls) : ""))
      .slice(0, 4 * BEGIN)
      .replace(/\s+/g, " ")
      .trim();
    if (text) return text.length > BEGIN ? `${Array.from(text).slice(0, BEGIN).join("")}…` : text;
  }
  return "";
}

/**
 * One byte a row: does its text or id have the words? Works in slices; gives up where `stale` says
 * that somebody has typed on, and then returns null.
 */
async function searched(words, ids, inBlock, stale, progress) {
  const wanted = words.toLowerCase();
  const found = new Uint8Array(ids.length);
  let since = performance.now();
  for (let start = 0; start < ids.length; start += inBlock) {
    const rows = start / inBlock < blockNodes.length ? await block(start / inBlock) : [];
    for (let row = start; row < Math.min(start + inBlock, ids.length); row++) {
      found[row] =
        ids[row].toLowerCase().includes(wanted) || has(rows[row - start], wanted) ? 1 : 0;
    }
    if (performance.now() - since > SLICE) {
      progress(start / ids.length);
      await pause();
      if (stale()) return null;
      since = performance.now();
    }
  }
  return found;
}

function has(turns, wanted) {
  if (!turns) return false;
  return turns.some(
    ([, content, calls]) =>
      (content ?? "").toLowerCase().includes(wanted) ||
      (calls && written(calls).toLowerCase().includes(wanted)),
  );
}
