// Points in time as curves: [[milliseconds, {name: number}], …]. Pure.

const GAP = 4; // times the usual distance between two points, which is a gap then
const SHORTEST_GAP_MS = 3000;

// The points of one name, in their order.
export function series(points, name) {
  return points.filter(([, values]) => name in values).map(([time, values]) => [time, values[name]]);
}

// All names, in an order that does not hang on which message came first: not every device's JSON has one.
export function names(points) {
  const found = new Set();
  for (const [, values] of points) for (const name of Object.keys(values)) found.add(name);
  return [...found].sort();
}

// From what distance on two neighbours are not joined.
export function gapOf(times) {
  if (times.length < 3) return Infinity;
  const steps = times.slice(1).map((time, at) => time - times[at]).sort((a, b) => a - b);
  return Math.max(GAP * steps[Math.floor(steps.length / 2)], SHORTEST_GAP_MS);
}

// Runs of [time, value] without a gap.
export function runs(pairs) {
  const gap = gapOf(pairs.map(([time]) => time));
  const found = [];
  let before = -Infinity;
  for (const pair of pairs) {
    if (!found.length || pair[0] - before > gap) found.push([]);
    found.at(-1).push(pair);
    before = pair[0];
  }
  return found;
}

// Columns as uPlot takes them: seconds, then the values; null in the middle of each gap.
export function columns(pairs) {
  const times = [];
  const values = [];
  for (const run of runs(pairs)) {
    if (times.length) {
      times.push((times.at(-1) + run[0][0] / 1000) / 2);
      values.push(null);
    }
    for (const [time, value] of run) {
      times.push(time / 1000);
      values.push(value);
    }
  }
  return [times, values];
}

// Newer points behind older ones, each moment once, not more than `most`.
export function joined(older, newer, most) {
  const end = older.length ? older.at(-1)[0] : -Infinity;
  const all = newer.every(([time], at) => time > (at ? newer[at - 1][0] : end)) ? [...older, ...newer] : sorted([...older, ...newer]);
  return all.length > most ? all.slice(-most) : all;
}

function sorted(points) {
  const seen = new Map();
  for (const point of points) {
    const key = `${point[0]} ${JSON.stringify(point[1])}`;
    seen.set(key, point);
  }
  return [...seen.values()].sort((a, b) => a[0] - b[0]);
}
