// What a method came to, and how a class's methods are found: as rows.py has it.
'use strict';

const LIMIT_MS = 60000;
const PASSING = [
  [/Tracking ID:\S+/g, ''],
  [/127\.0\.\d+\.\d+(:\d+)?|localhost:\d+/g, 'HUB'],
  [/\d{4}-\d\d-\d\d[T ][\d:.Z+]+/g, 'TIME'],
];

// The names of a class's public methods, its own and inherited ones, and those of the class itself.
function publicNames(kind) {
  const names = new Set();
  for (let proto = kind.prototype; proto && proto !== Object.prototype; proto = Object.getPrototypeOf(proto)) {
    if (proto.constructor.name === 'EventEmitter') break;
    Object.getOwnPropertyNames(proto).forEach((name) => names.add(name));
  }
  for (let own = kind; typeof own === 'function' && own.name && own.name !== 'EventEmitter'; own = Object.getPrototypeOf(own)) {
    Object.getOwnPropertyNames(own).filter((name) => typeof own[name] === 'function').forEach((name) => names.add(name));
  }
  return [...names].filter((name) => !name.startsWith('_') && name !== 'constructor' && name !== 'super_').sort();
}

function plain(text) {
  for (const [pattern, word] of PASSING) text = text.replace(pattern, word);
  text = text.replace(/\s+/g, ' ').trim();
  return text.length <= 160 ? text : text.slice(0, 159) + '…';
}

function said(body) {
  try {
    const message = JSON.parse(body).Message || JSON.parse(body).message;
    const words = message.startsWith('{') ? JSON.parse(message).message : message;
    return words.split(';').slice(1).join(';') || words;
  } catch (error) {
    return String(body || '');
  }
}

function refusal(error) {
  const response = error.response || (error.innerError && error.innerError.response) || error.result;
  const status = (response && response.statusCode) || error.statusCode || error.httpStatusCode;
  const words = plain(said(error.responseBody) || error.message || String(error));
  if (error.name === 'NotImplementedError') return { outcome: 'refused', words: `by the SDK itself: ${words}` };
  if (status >= 400) return { outcome: 'refused', status, words };
  return { outcome: 'fails', words: plain(`${error.name}: ${error.message}`) };
}

// What a call came to. What it answers must be true of it: nothing and false are no proof.
async function judged(call) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    const value = await Promise.race([Promise.resolve().then(call), limit]);
    return value ? { outcome: 'works' } : { outcome: 'fails', words: 'it came back, and nothing had happened' };
  } catch (error) {
    return refusal(error || new Error('it failed without a word'));
  } finally {
    clearTimeout(timer);
  }
}

// A class's rows. A method that nobody has written a call for has one, too, which says so.
async function rows(kind, calls) {
  return Object.fromEntries(await Promise.all(publicNames(kind).map(async (name) => [name, calls[name]
    ? await judged(() => calls[name]())
    : { outcome: 'no call', words: 'nobody has written a call of it' }])));
}

// A promise of what a method with a callback at its end answers.
function called(object, method, ...args) {
  return new Promise((resolve, reject) => {
    object[method](...args, (error, value) => (error ? reject(error) : resolve(value === undefined ? true : value)));
  });
}

async function eventually(look) {
  for (const end = Date.now() + 40000; Date.now() < end;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return undefined;
}

module.exports = { called, eventually, publicNames, rows };
