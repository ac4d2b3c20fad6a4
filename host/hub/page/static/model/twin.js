// Desired and reported properties beside each other. Pure.

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// The members that are data.
export const own = (section) => Object.fromEntries(Object.entries(section ?? {}).filter(([name]) => !name.startsWith("$")));

export function same(one, other) {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, at) => same(item, other[at]));
  if (isObject(one) && isObject(other)) {
    const names = Object.keys(one);
    return names.length === Object.keys(other).length && names.every((name) => name in other && same(one[name], other[name]));
  }
  return one === other;
}

// How a device answers a writable property (IoT Plug and Play conventions, "Writable properties").
const isAnswer = (value) => isObject(value) && "ac" in value && "value" in value;

// Rows of {path, desired, reported, answer, state}; state: "same", "differs", "asked" (nothing reported), "own".
export function rows(desired, reported, path = []) {
  const found = [];
  for (const name of new Set([...Object.keys(desired), ...Object.keys(reported)])) {
    const here = [...path, name];
    const wanted = desired[name];
    let told = reported[name];
    const answer = isAnswer(told) ? told : null;
    if (answer) told = answer.value;
    const deeper = !answer && (isObject(wanted) || wanted === undefined) && (isObject(told) || told === undefined);
    if (deeper && path.length < 8 && (Object.keys(wanted ?? {}).length || Object.keys(told ?? {}).length)) {
      found.push(...rows(wanted ?? {}, told ?? {}, here));
      continue;
    }
    const state = wanted === undefined ? "own" : told === undefined ? "asked" : same(wanted, told) ? "same" : "differs";
    found.push({ path: here, desired: wanted, reported: told, answer, state });
  }
  return found;
}

// What turns one document into the other, as JSON Merge Patch (RFC 7386): null takes a member away.
export function patch(before, after) {
  const made = {};
  for (const name of Object.keys(before)) if (!(name in after)) made[name] = null;
  for (const [name, value] of Object.entries(after)) {
    if (name in before && same(before[name], value)) continue;
    made[name] = isObject(before[name]) && isObject(value) ? patch(before[name], value) : value;
  }
  return made;
}
