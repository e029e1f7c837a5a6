// Drives a sandbox, named by SANDBOX_URL, with Metronome's own Node library.
import Metronome from '@metronome/sdk';
import { base, check, controller, equal, finish, listen, refused, throws } from '../../../sandbox/sandboxtest/check.mjs';

const key = 'metronome_npm';
const secret = 'metronome-npm-check';
const control = controller(key);
const api = new Metronome({ bearerToken: key, baseURL: base.origin, webhookSecret: secret, maxRetries: 0 });

const hook = await listen();
await control('webhooks', { url: hook.url, secret });
const hour = new Date(Math.floor(Date.now() / 3600e3) * 3600e3);
const from = hour.toISOString();
const to = new Date(hour.getTime() + 30 * 86400e3).toISOString();
let customer;
let product;
let unit;
let credit;
let commit;

const balances = async (more) => {
  const out = [];
  for await (const one of api.v1.contracts.listBalances({ customer_id: customer.id, include_balance: true, include_ledgers: true, ...more })) out.push(one);
  return out;
};

await check('find the credit types by pages', async () => {
  const names = [];
  for await (const one of api.v1.pricingUnits.list({ limit: 3 })) names.push(one.name);
  equal(names[0], 'USD (cents)', 'first unit');
  equal(new Set(names).size, names.length, 'units');
  unit = (await api.v1.pricingUnits.list()).data.find((u) => u.name === 'credits').id;
});
await check('make a product', async () => {
  product = (await api.v1.contracts.products.create({ name: 'Credits', type: 'FIXED' })).data.id;
  equal((await api.v1.contracts.products.retrieve({ id: product })).data.current.name, 'Credits', 'name');
  equal((await api.v1.contracts.products.list({ archive_filter: 'NOT_ARCHIVED' })).data.length, 1, 'products');
});
await check('create and find a customer', async () => {
  customer = (await api.v1.customers.create({ name: 'Ada', ingest_aliases: ['acct/42'] })).data;
  equal(customer.ingest_aliases[0], 'acct/42', 'alias');
  equal((await api.v1.customers.list({ ingest_alias: 'acct/42' })).data[0].id, customer.id, 'id by alias');
  equal((await api.v1.customers.retrieve({ customer_id: customer.id })).data.name, 'Ada', 'name');
  await refused(api.v1.customers.create({ name: 'Eve', ingest_aliases: ['acct/42'] }), { status: 409 }, Metronome.ConflictError);
});
const schedule = (amount) => ({ credit_type_id: unit, schedule_items: [{ amount, starting_at: from, ending_before: to }] });
await check('grant a credit', async () => {
  const body = { customer_id: customer.id, product_id: product, name: 'Gift', priority: 2, access_schedule: schedule(100.5), uniqueness_key: 'g1' };
  credit = (await api.v1.customers.credits.create(body)).data.id;
  await refused(api.v1.customers.credits.create(body), { status: 409 }, Metronome.ConflictError);
  const [found] = (await api.v1.customers.credits.list({ customer_id: customer.id })).data;
  equal(found.uniqueness_key, 'g1', 'uniqueness_key');
  equal(found.id, credit, 'id');
});
await check('grant a prepaid commit, paid elsewhere', async () => {
  commit = (await api.v1.customers.commits.create({
    customer_id: customer.id, type: 'PREPAID', product_id: product, name: 'Pack', priority: 1, access_schedule: schedule(1000), uniqueness_key: 'g1',
    invoice_schedule: { do_not_invoice: true, schedule_items: [{ timestamp: from, amount: 8000 }] },
  })).data.id;
  const [found] = (await api.v1.customers.commits.list({ customer_id: customer.id, include_balance: true })).data;
  equal(found.balance, 1000, 'balance');
  equal(found.invoice_schedule.schedule_items[0].amount, 8000, 'invoiced');
});
await check('list balances by pages', async () => {
  equal((await balances({ limit: 1 })).map((b) => b.balance).join(), '100.5,1000', 'balances');
  await refused(api.v1.contracts.listBalances({ customer_id: customer.id, limit: 26 }), { status: 400 }, Metronome.BadRequestError);
});
await check('enter into a ledger by hand', async () => {
  const [gift] = await balances({ id: credit });
  const entry = { customer_id: customer.id, id: credit, segment_id: gift.access_schedule.schedule_items[0].id, reason: 'window 1' };
  await api.v1.contracts.addManualBalanceEntry({ ...entry, amount: -0.75 });
  await api.v1.contracts.addManualBalanceEntry({ ...entry, amount: -200 });
  const [after] = await balances({ id: credit });
  equal(after.balance, 0, 'balance');
  equal(after.ledger.map((e) => `${e.type} ${e.amount}`).join(), 'CREDIT_SEGMENT_START 100.5,CREDIT_MANUAL -0.75,CREDIT_MANUAL -200', 'ledger');
  equal(after.ledger[1].reason, 'window 1', 'reason');
  await api.v1.contracts.addManualBalanceEntry({ ...entry, amount: 150 });
  equal((await api.v1.contracts.getNetBalance({ customer_id: customer.id, credit_type_id: unit })).data.balance, 1049.75, 'net balance');
});
await check('edit and end', async () => {
  await api.v2.contracts.editCredit({ customer_id: customer.id, credit_id: credit, priority: 5 });
  equal((await balances({ id: credit }))[0].priority, 5, 'priority');
  const soon = new Date(hour.getTime() + 3600e3).toISOString();
  await api.v1.customers.credits.updateEndDate({ customer_id: customer.id, credit_id: credit, access_ending_before: soon });
  equal((await balances({ id: credit }))[0].access_schedule.schedule_items[0].ending_before, soon, 'end');
  await refused(api.v1.customers.credits.updateEndDate({ customer_id: customer.id, credit_id: credit, access_ending_before: to }), { status: 400 }, Metronome.BadRequestError);
  await api.post('/v2/contracts/credits/archive', { body: { customer_id: customer.id, credit_id: credit } });
  equal((await balances()).length, 1, 'balances');
  equal((await balances({ include_archived: true })).length, 2, 'balances with archived ones');
});
await check('usage draws on a draft', async () => {
  const metric = (await api.v1.billableMetrics.create({ name: 'Calls', aggregation_type: 'SUM', aggregation_key: 'n', event_type_filter: { in_values: ['call'] } })).data.id;
  const calls = (await api.v1.contracts.products.create({ name: 'Calls', type: 'USAGE', billable_metric_id: metric })).data.id;
  const card = (await api.v1.contracts.rateCards.create({
    name: 'Card', credit_type_conversions: [{ custom_credit_type_id: unit, fiat_per_custom_credit: 8 }],
  })).data.id;
  await api.v1.contracts.rateCards.rates.add({
    rate_card_id: card, product_id: calls, starting_at: '2020-01-01T00:00:00Z', entitled: true, rate_type: 'FLAT', price: 2, credit_type_id: unit,
  });
  const contract = (await api.v1.contracts.create({ customer_id: customer.id, rate_card_id: card, starting_at: '2020-01-01T00:00:00Z' })).data.id;
  const event = { transaction_id: 't1', customer_id: 'acct/42', event_type: 'call', timestamp: new Date().toISOString(), properties: { n: '21' } };
  await api.v1.usage.ingest({ usage: [event, event] });
  const [pack] = await balances({ id: commit });
  equal(pack.balance, 958, 'balance');
  equal(pack.ledger[1].type, 'PREPAID_COMMIT_AUTOMATED_INVOICE_DEDUCTION', 'entry');
  const [bill] = (await api.v1.customers.invoices.list({ customer_id: customer.id, contract_id: contract, status: 'DRAFT' })).data;
  equal(bill.total, 0, 'total');
  equal((await api.v1.usage.search({ transactionIds: ['t1'] }))[0].matched_customer.id, customer.id, 'matched customer');
  equal((await api.v2.contracts.retrieve({ customer_id: customer.id, contract_id: contract })).data.rate_card_id, card, 'rate card');
});
await check('a stored answer is repeated', async () => {
  const send = (name) => api.v1.customers.create({ name }, { headers: { 'Idempotency-Key': 'npm-1' } });
  equal((await send('Bob')).data.id, (await send('Bob')).data.id, 'id');
  await refused(send('Eve'), { status: 409 }, Metronome.ConflictError);
});
await check('errors have their shapes', async () => {
  await refused(api.v1.customers.retrieve({ customer_id: product }), { status: 404 }, Metronome.NotFoundError);
  await refused(api.v1.customers.create({}), { status: 400 }, Metronome.BadRequestError);
  await refused(new Metronome({ bearerToken: '', baseURL: base.origin, maxRetries: 0 }).v1.customers.list(), { status: 401 }, Metronome.AuthenticationError);
  await control('faults', { faults: [{ match: { path: '/v1/customers' }, kind: 'status', status: 429, retry_after: '7' }] });
  await refused(api.v1.customers.create({ name: 'x' }), { status: 429 }, Metronome.RateLimitError);
});
await check('webhooks verify', async () => {
  await control('deliver');
  const types = hook.got.map((g) => api.webhooks.unwrap(g.body, g.headers).type);
  for (const want of ['credit.create', 'credit.segment.start', 'commit.create', 'commit.segment.start', 'credit.edit', 'credit.archive', 'contract.create', 'contract.start']) {
    if (!types.includes(want)) throw new Error(`no ${want} among ${types.join(' ')}`);
  }
  equal(await throws(() => api.webhooks.unwrap(hook.got[0].body, hook.got[0].headers, 'another secret')), true, 'a wrong secret refused');
});

finish();
