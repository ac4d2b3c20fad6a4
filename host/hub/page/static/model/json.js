// JSON that a person types: read, or refused with its place. Pure.

export class NotJson extends Error {
  // `start`, `end`: where in the text.
  constructor(message, start, end) {
    super(message);
    this.start = start;
    this.end = end;
  }
}

export function read(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    const at = place(text, error.message);
    const line = text.slice(0, at).split("\n").length;
    throw new NotJson(`This is not JSON, line ${line}: ${error.message}`, at, at + 1);
  }
}

// An object, or nothing else.
export function readObject(text) {
  const value = read(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new NotJson("This must be a JSON object: { … }", 0, text.length);
  return value;
}

function place(text, message) {
  const position = message.match(/position (\d+)/);
  if (position) return Number(position[1]);
  const lines = message.match(/line (\d+) column (\d+)/);
  if (lines) return text.split("\n").slice(0, lines[1] - 1).reduce((sum, line) => sum + line.length + 1, 0) + Number(lines[2]) - 1;
  return text.length;
}

// Where the member is that a refusal names in quotes, by its path: [start, end], or null.
export function named(text, message) {
  for (const [, path] of message.matchAll(/'([^']+)'/g)) {
    const name = JSON.stringify(path.split(".").at(-1));
    const at = text.indexOf(name);
    if (at >= 0) return [at, at + name.length];
  }
  return null;
}

export const pretty = (value) => JSON.stringify(value, null, 2);

// A value in one line.
export const short = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
