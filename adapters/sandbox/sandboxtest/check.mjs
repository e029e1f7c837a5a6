// What the checks with vendors' own Node libraries have in common.
import http from 'node:http';
import process from 'node:process';

// The sandbox's address.
export const base = new URL(process.env.SANDBOX_URL);

let passed = 0;
let failed = 0;

// check runs one check and counts it.
export async function check(name, run) {
  try {
    await run();
    passed++;
  } catch (err) {
    failed++;
    console.error(`FAILED ${name}: ${err.message}`);
  }
}

// finish tells the sum and ends the process.
export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

export function equal(got, want, what) {
  if (got !== want) throw new Error(`${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

// refused demands that a call fails with an error with these fields, of this
// class when one is given.
export async function refused(promise, want, kind = Error) {
  try {
    await promise;
  } catch (err) {
    equal(err instanceof kind, true, `${err.constructor.name} (${err.message}), an instance of ${kind.name}`);
    for (const [name, value] of Object.entries(want)) equal(err[name], value, name);
    return;
  }
  throw new Error('the call was not refused');
}

// throws says whether a function throws.
export async function throws(run) {
  try {
    await run();
  } catch {
    return true;
  }
  return false;
}

// controller makes a function that calls the control API with a key.
export function controller(key) {
  return async (path, body) => {
    const resp = await fetch(new URL(`/_sandbox/${path}`, base), {
      method: 'POST', headers: { authorization: `Bearer ${key}` }, body: body && JSON.stringify(body),
    });
    if (!resp.ok) throw new Error(`${path}: ${resp.status} ${await resp.text()}`);
    return resp.json();
  };
}

// listen starts a receiver of webhooks and collects what arrives.
export async function listen() {
  const got = [];
  const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      got.push({ body: Buffer.concat(parts).toString('utf8'), headers: req.headers });
      res.end('ok');
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { got, url: `http://127.0.0.1:${server.address().port}/hook` };
}
