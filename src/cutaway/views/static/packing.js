// Reads what cutaway/array_codec.py writes: base64 of a zlib stream of bytes (maps) or of little-endian
// numbers (arrays).

// Bytes of inflated layers that a stack keeps. Beyond that the layer unused for longest is inflated again when needed.
const KEEP = 320e6;

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text),
    bytes = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) bytes[i] = letters.charCodeAt(i);
  return bytes;
}

async function inflate(text) {
  const stream = new Blob([fromBase64(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The maps of a stack: `layer(i)` promises its bytes, the heads one after the other, each `size` bytes long.
export function openMaps(maps, heads) {
  const { rows, columns, data } = maps,
    packed = maps.layout === "lower";
  const size = packed ? (rows * (rows + 1)) / 2 : rows * columns,
    most = Math.max(2, Math.floor(KEEP / Math.max(1, size * heads)));
  const kept = new Map();
  const load = async (index) => {
    const bytes = await inflate(data[index]);
    if (bytes.length !== size * heads)
      throw new Error(`layer ${index} holds ${bytes.length} bytes; ${heads} heads of ${size} bytes were expected`);
    return byRows(bytes, rows, columns, packed, heads);
  };
  const layer = (index) => {
    const found = kept.get(index) ?? load(index);
    kept.delete(index);
    kept.set(index, found);
    if (kept.size > most) kept.delete(kept.keys().next().value);
    return found;
  };
  return { rows, columns, packed, size, pool: maps.pool ?? 1, layer, drop: () => kept.clear() };
}

// The file holds maps column by column, which deflates better; they are looked at row by row.
function byRows(bytes, rows, columns, packed, heads) {
  const turned = new Uint8Array(bytes.length);
  for (let head = 0, from = 0, at = 0; head < heads; head += 1, at = from) {
    for (let column = 0; column < columns; column += 1) {
      let to = packed ? at + (column * (column + 1)) / 2 + column : at + column;
      for (let row = packed ? column : 0; row < rows; row += 1) {
        turned[to] = bytes[from];
        from += 1;
        to += packed ? row + 1 : columns;
      }
    }
  }
  return turned;
}

// A 16-bit float as a number: sign, 5 bits of exponent, 10 of fraction.
function half(word) {
  const exponent = (word >> 10) & 31,
    fraction = word & 1023,
    sign = word & 0x8000 ? -1 : 1;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const KINDS = {
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int32: Int32Array,
};

export async function unpackArray(packed) {
  if (!KINDS[packed.dtype]) throw new Error(`numbers of type ${packed.dtype} can't be read`);
  const numbers = new KINDS[packed.dtype]((await inflate(packed.data)).buffer);
  return { shape: packed.shape, values: packed.dtype === "float16" ? Float64Array.from(numbers, half) : numbers };
}
