// What is packed in the page: base64 of gzip in inert script tags, unpacked when first asked for.

const NUMBERS = {
  i1: Int8Array,
  i2: Int16Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
};
const packed = new Map();
for (const node of document.querySelectorAll("script[data-name]"))
  packed.set(node.dataset.name, node);
const unpacked = new Map();

/** A column as a typed array, or a document; one promise for each, however often it is asked for. */
function column(name) {
  if (!unpacked.has(name)) unpacked.set(name, opened(packed.get(name)));
  return unpacked.get(name);
}

async function opened(node) {
  const bytes = await unzipped(node);
  return node.dataset.kind === "json" ? parsed(bytes) : new NUMBERS[node.dataset.kind](bytes);
}

function parsed(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

function unzipped(node) {
  const source = new Blob([bytesOf(node.textContent)]).stream();
  return new Response(source.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
