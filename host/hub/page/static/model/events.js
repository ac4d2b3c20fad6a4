// What happened to a device, from two sources: what the log holds, and what this page has heard. Pure.

const key = ({ time, source, module, body }) => `${time} ${source} ${module} ${JSON.stringify(body)}`;

// Both in one, each event once and as the object that it is in `heard`. Each source keeps its own order, which is that in
// which the hub had them; where that does not tell which of two came first, `enqueued`, the hub's clock, does.
export function merged(kept, heard) {
  const same = Map.groupBy(heard, key);
  const known = new Map(kept.map((event) => [event, same.get(key(event))?.shift()]));
  const both = new Set(known.values());
  const rest = [...heard];
  const all = [];
  for (const event of kept) {
    const own = known.get(event);
    if (own && !rest.includes(own)) continue; // it has its place already
    const isBefore = own ? (one) => one !== own : (one) => !both.has(one) && one.enqueued < event.enqueued;
    while (rest.length && isBefore(rest[0])) all.push(rest.shift());
    all.push(own ? rest.shift() : event);
  }
  return [...all, ...rest];
}
