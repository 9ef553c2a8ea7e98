// Sums over attention maps. A map: {data, unit, rows, columns, packed, causal}; a weight is data[at] / unit, and a
// packed map holds the columns 0…t of row t. Groups: the runs of tokens that share a row (a word, or the p tokens of a
// pooled cell).

const start = (map, row) => (map.packed ? (row * (row + 1)) / 2 : row * map.columns);

export function headMap(bytes, index, maps, causal) {
  const { rows, columns, packed, size } = maps;
  return { data: bytes.subarray(index * size, (index + 1) * size), unit: 255, rows, columns, packed, causal };
}

export function weight(map, row, column) {
  return map.packed && column > row ? 0 : map.data[start(map, row) + column] / map.unit;
}

// The mean of some rows: how much goes to every column.
export function rowOf(map, rows) {
  const values = new Float64Array(map.columns);
  for (const row of rows) {
    const at = start(map, row),
      end = map.packed ? row + 1 : map.columns;
    for (let column = 0; column < end; column += 1) values[column] += map.data[at + column] / map.unit / rows.length;
  }
  return values;
}

// The mean of some columns: how much every row sends there.
export function columnOf(map, columns) {
  const values = new Float64Array(map.rows);
  for (const column of columns)
    for (let row = map.packed ? column : 0; row < map.rows; row += 1)
      values[row] += map.data[start(map, row) + column] / map.unit / columns.length;
  return values;
}

// The mean over heads: `chosen` is a list of [layer, head]; layers are inflated one at a time.
export async function meanMap(maps, chosen, causal) {
  if (chosen.length === 1) return headMap(await maps.layer(chosen[0][0]), chosen[0][1], maps, causal);
  const sum = new Float32Array(maps.size),
    byLayer = new Map();
  for (const [layer, head] of chosen) byLayer.set(layer, [...(byLayer.get(layer) ?? []), head]);
  for (const [layer, heads] of byLayer) {
    const bytes = await maps.layer(layer);
    for (const head of heads) for (let i = 0, at = head * maps.size; i < maps.size; i += 1) sum[i] += bytes[at + i];
  }
  return { ...headMap(new Uint8Array(0), 0, maps, causal), data: sum, unit: 255 * chosen.length };
}

export function groupsOf(words) {
  const groups = [];
  words.forEach((word, i) => {
    if (i > 0 && word === words[i - 1]) groups[groups.length - 1].end = i + 1;
    else groups.push({ start: i, end: i + 1 });
  });
  return groups;
}

// Words from sub-words: the sum over the keys of a word, the mean over its queries, so that rows still add up to 1.
export function mergeMap(map, rowGroups, columnGroups) {
  const rows = rowGroups.length,
    columns = columnGroups.length,
    data = new Float64Array(rows * columns);
  rowGroups.forEach((group, i) => {
    const size = group.end - group.start;
    for (let row = group.start; row < group.end; row += 1) {
      const values = rowOf(map, [row]);
      columnGroups.forEach((keys, j) => {
        for (let key = keys.start; key < keys.end; key += 1) data[i * columns + j] += values[key] / size;
      });
    }
  });
  return { data, unit: 1, rows, columns, packed: false, causal: map.causal };
}

// A picture of the map in wide × tall bytes: if cells share a pixel, the largest weight is shown, so that thin
// lines survive. If no row of a pixel may look there, its byte is 0 and `hidden` is 1.
export function shrink(map, wide, tall) {
  const bytes = new Uint8ClampedArray(wide * tall),
    hidden = new Uint8Array(map.causal ? wide * tall : 0),
    { data } = map;
  const edge = Array.from({ length: wide + 1 }, (_, x) => Math.floor((x * map.columns) / wide)),
    scale = 255 / map.unit;
  for (let y = 0; y < tall; y += 1) {
    const from = Math.floor((y * map.rows) / tall),
      to = Math.floor(((y + 1) * map.rows) / tall);
    for (let row = from; row < to; row += 1) {
      const at = start(map, row),
        end = map.causal ? Math.min(row + 1, map.columns) : map.columns;
      for (let x = 0; x < wide && edge[x] < end; x += 1) {
        const last = Math.min(edge[x + 1], end);
        let most = 0;
        for (let column = edge[x]; column < last; column += 1) if (data[at + column] > most) most = data[at + column];
        most *= scale;
        if (most > bytes[y * wide + x]) bytes[y * wide + x] = most;
      }
    }
    if (map.causal) for (let x = 0; x < wide; x += 1) if (edge[x] >= to) hidden[y * wide + x] = 1;
  }
  return { bytes, hidden, wide, tall };
}

export function strongest(values) {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] > values[best]) best = i;
  return best;
}

// Which of many positions to name: all if there is room, else those around `centre` and the strongest of the others,
// if they are worth a line.
export function notable(values, centre, room) {
  const all = Array.from(values, (_, i) => i);
  if (all.length <= room) return all;
  const near = Math.floor(room / 2),
    low = Math.max(0, Math.min(all.length - near, centre - Math.floor(near / 2)));
  const rest = all
    .filter((i) => (i < low || i >= low + near) && values[i] >= 0.004)
    .sort((a, b) => values[b] - values[a])
    .slice(0, room - near);
  return [...all.slice(low, low + near), ...rest].sort((a, b) => a - b);
}
