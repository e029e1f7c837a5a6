// Drives a sandbox, named by SANDBOX_URL, with Orb's own Node library.
import Orb from 'orb-billing';
import { base, check, controller, equal, finish, listen, refused, throws } from '../../../sandbox/sandboxtest/check.mjs';

const key = 'orb_test_npm';
const control = controller(key);
const secret = 'orb-npm-check';
const orb = new Orb({ apiKey: key, baseURL: new URL('/v1', base).href, webhookSecret: secret, maxRetries: 0 });

const hook = await listen();
await control('webhooks', { url: hook.url, secret: 'newer-secret', previous_secret: secret });
let customer;
let block;

await check('ping', async () => {
  equal(typeof (await orb.topLevel.ping()).response, 'string', 'response');
});
await check('create and find a customer', async () => {
  customer = await orb.customers.create({
    name: 'Ada', email: 'ada@example.com', external_customer_id: 'acct/42', currency: 'USD', timezone: 'Europe/Berlin', metadata: { a: 'b' },
  });
  equal(customer.metadata.a, 'b', 'metadata');
  equal((await orb.customers.fetch(customer.id)).id, customer.id, 'id');
  equal((await orb.customers.fetchByExternalID('acct/42')).id, customer.id, 'id by external id');
  equal((await orb.customers.updateByExternalID('acct/42', { name: 'Ada L.', metadata: { a: null } })).name, 'Ada L.', 'name');
});
await check('list customers by pages', async () => {
  for (const n of ['x', 'y', 'z']) await orb.customers.create({ name: n, email: 'n@example.com' });
  const names = [];
  for await (const one of orb.customers.list({ limit: 2 })) names.push(one.name);
  equal(names.join(), 'z,y,x,Ada L.', 'names');
});
await check('increment, paid elsewhere', async () => {
  const entry = await orb.customers.credits.ledger.createEntry(customer.id, {
    entry_type: 'increment', amount: 1000.5, per_unit_cost_basis: '0.10', expiry_date: '2199-01-01T00:00:00Z', metadata: { grant: 'g1' },
    invoice_settings: { auto_collection: false, net_terms: 0, mark_as_paid: true },
  });
  equal(entry.entry_type, 'increment', 'entry_type');
  equal(entry.ending_balance, 1000.5, 'ending_balance');
  equal(entry.created_invoices[0].total, '100.05', 'invoice total');
  block = entry.credit_block.id;
  equal((await orb.creditBlocks.retrieve(block)).metadata.grant, 'g1', 'metadata of the block');
});
await check('decrement, amend, void, move', async () => {
  const ledger = orb.customers.credits.ledger;
  equal((await ledger.createEntry(customer.id, { entry_type: 'decrement', amount: 100 })).ending_balance, 900.5, 'after the decrement');
  equal((await ledger.createEntry(customer.id, { entry_type: 'amendment', amount: 10, block_id: block })).ending_balance, 910.5, 'after the amendment');
  equal((await ledger.createEntryByExternalID('acct/42', { entry_type: 'void', amount: 0.5, block_id: block, void_reason: 'refund' })).ending_balance, 910, 'after the void');
  const moved = await ledger.createEntry(customer.id, { entry_type: 'expiration_change', amount: 10, block_id: block, target_expiry_date: '2199-06-01' });
  equal(moved.ending_balance, 910, 'after the move');
});
await check('read blocks and ledger', async () => {
  const blocks = [];
  for await (const b of orb.customers.credits.list(customer.id, { include_all_blocks: true, limit: 1 })) blocks.push(b.balance);
  equal(blocks.join(), '10,900', 'balances');
  const types = [];
  for await (const e of orb.customers.credits.ledger.listByExternalID('acct/42', { limit: 1000 })) types.push(e.entry_type);
  equal(types.join(), 'expiration_change,void,void_initiated,amendment,decrement,increment', 'entries');
  const page = await orb.customers.credits.ledger.list(customer.id, { entry_type: 'decrement', 'created_at[gte]': '2020-01-01T00:00:00Z' });
  equal(page.data.length, 1, 'decrements');
});
await check('credits that have to be paid first', async () => {
  const entry = await orb.customers.credits.ledger.createEntry(customer.id, {
    entry_type: 'increment', amount: 5, per_unit_cost_basis: '2', invoice_settings: { auto_collection: true, net_terms: 0, require_successful_payment: true },
  });
  equal((await orb.creditBlocks.retrieve(entry.credit_block.id)).status, 'pending_payment', 'status');
  const [open] = (await orb.invoices.list({ customer_id: customer.id, status: ['issued'] })).data;
  equal(open.total, '10.00', 'total');
  equal((await orb.invoices.markPaid(open.id, { payment_received_date: '2026-01-01' })).status, 'paid', 'status');
  equal((await orb.creditBlocks.retrieve(entry.credit_block.id)).status, 'active', 'status');
});
await check('top-ups, alerts, balance', async () => {
  const top = await orb.customers.credits.topUps.create(customer.id, {
    currency: 'credits', threshold: '1', amount: '10', per_unit_cost_basis: '1', invoice_settings: { auto_collection: true, net_terms: 0 },
  });
  equal((await orb.customers.credits.topUps.list(customer.id)).data.length, 1, 'top-ups');
  await orb.customers.credits.topUps.delete(top.id, { customer_id: customer.id });
  const alert = await orb.alerts.createForCustomer(customer.id, { type: 'credit_balance_dropped', currency: 'credits', thresholds: [{ value: 5 }] });
  equal((await orb.alerts.retrieve(alert.id)).thresholds[0].value, 5, 'threshold');
  equal((await orb.customers.balanceTransactions.create(customer.id, { amount: '3.00', type: 'increment' })).ending_balance, '3.00', 'balance');
});
await check('ingest events', async () => {
  const event = { event_name: 'e', timestamp: new Date().toISOString(), properties: { n: 1 }, idempotency_key: 'k1', external_customer_id: 'acct/42' };
  equal((await orb.events.ingest({ events: [event] })).validation_failed.length, 0, 'failed');
  equal((await orb.events.search({ event_ids: ['k1'] })).data.length, 1, 'found');
  await refused(orb.events.ingest({ events: [{ ...event, idempotency_key: 'k2', timestamp: '2020-01-01T00:00:00Z' }] }), { status: 400 }, Orb.BadRequestError);
});
await check('a stored answer is repeated', async () => {
  const send = (amount) => orb.customers.credits.ledger.createEntry(customer.id, { entry_type: 'increment', amount }, { idempotencyKey: 'npm-1' });
  const first = await send(1);
  const second = await send(1).withResponse();
  equal(second.data.id, first.id, 'id');
  equal(second.response.headers.get('idempotent-replayed'), 'true', 'header');
  await refused(send(2), { status: 409 }, Orb.ConflictError);
});
await check('errors have their shapes', async () => {
  await refused(orb.customers.fetch('none'), { status: 404 }, Orb.NotFoundError);
  await refused(orb.customers.create({ name: 'x', email: 'x@example.com', external_customer_id: 'acct/42' }), { status: 400 }, Orb.BadRequestError);
  await refused(orb.customers.create({ name: 'x', email: 'x@example.com', nonsense: 1 }), { status: 400 }, Orb.BadRequestError);
  await refused(new Orb({ apiKey: '', baseURL: orb.baseURL, maxRetries: 0 }).topLevel.ping(), { status: 401 }, Orb.AuthenticationError);
  await control('faults', { faults: [{ match: { path: '/v1/customers' }, kind: 'status', status: 429, retry_after: '7' }] });
  await refused(orb.customers.create({ name: 'x', email: 'x@example.com' }), { status: 429 }, Orb.RateLimitError);
});
await check('webhooks verify', async () => {
  await control('mutate', { object: 'resource_event', id: '', op: 'set' });
  await control('deliver');
  const types = hook.got.map((g) => orb.webhooks.unwrap(g.body, g.headers).type);
  for (const want of ['customer.created', 'customer.edited', 'customer.credit_ledger_incremented', 'invoice.issued', 'invoice.manually_marked_as_paid', 'resource_event.test']) {
    if (!types.includes(want)) throw new Error(`no ${want} among ${types.join(' ')}`);
  }
  equal(await throws(() => orb.webhooks.unwrap(hook.got[0].body, hook.got[0].headers, 'another secret')), true, 'a wrong secret refused');
});
await check('delete a block', async () => {
  await orb.creditBlocks.delete(block);
  await refused(orb.creditBlocks.retrieve(block), { status: 404 }, Orb.NotFoundError);
});

finish();
