// Questions to the hub. A refusal is an error with the hub's own words.

export class Refusal extends Error {
  constructor(status, told) {
    super(told?.message ?? `the hub answered ${status}`);
    this.status = status;
    this.code = told?.code;
    this.title = told?.name;
  }
}

export async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/api${path}`, {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refusal(0, { message: "The hub does not answer." });
  }
  const text = await answer.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    value = null; // a page for people, which a request without a cookie gets
  }
  if (!answer.ok) throw new Refusal(answer.status, value?.error);
  return value;
}

export const of = (id, rest = "") => `/devices/${encodeURIComponent(id)}${rest}`;
