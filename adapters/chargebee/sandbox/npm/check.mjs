// Drives a sandbox, named by SANDBOX_URL, with Chargebee's own Node library.
// Usage events go to another host of a site, which a local address has not:
// they are left out.
import Chargebee, { basicAuthValidator } from 'chargebee';
import { base, check, controller, equal, finish, listen, refused as refusedAs } from '../../../sandbox/sandboxtest/check.mjs';

const key = 'test_npm';
const control = controller(key);
// The library puts site and suffix together: 127 and .0.0.1.
const dot = base.hostname.indexOf('.');
const cb = new Chargebee({
  site: base.hostname.slice(0, dot), hostSuffix: base.hostname.slice(dot), protocol: base.protocol.replace(':', ''), port: base.port, apiKey: key,
});
// Its errors are plain objects.
const refused = (promise, want) => refusedAs(promise, want, Object);
const seconds = () => Math.floor(Date.now() / 1000);

const hook = await listen();
await control('webhooks', { url: hook.url, username: 'hook', password: 'with:colon' });
let subscription;

await check('probe', async () => {
  equal((await cb.configuration.list()).configurations[0].product_catalog_version, 'v2', 'catalogue');
});
await check('create, read, change a customer', async () => {
  const made = await cb.customer.create({
    id: 'acct_4711', first_name: 'Ada', email: 'ada@example.com', auto_collection: 'off', meta_data: { tenant: 't1' }, billing_address: { first_name: 'Ada', country: 'DE' },
  });
  equal(made.customer.id, 'acct_4711', 'id');
  equal(made.customer.meta_data.tenant, 't1', 'meta_data');
  equal((await cb.customer.update('acct_4711', { company: 'Acme 10%' })).customer.company, 'Acme 10%', 'company');
  equal((await cb.customer.retrieve('acct_4711')).customer.billing_address.country, 'DE', 'country');
});
await check('list customers by pages', async () => {
  for (const id of ['x', 'y', 'z']) await cb.customer.create({ id });
  const ids = [];
  let offset;
  do {
    const page = await cb.customer.list({ limit: 2, offset, sort_by: { asc: 'created_at' }, id: { not_in: ['x'] } });
    ids.push(...page.list.map((item) => item.customer.id));
    offset = page.next_offset;
  } while (offset);
  equal(ids.join(), 'acct_4711,y,z', 'ids');
});
await check('credit unit, item price, subscription', async () => {
  equal((await cb.creditUnit.create({ id: 'ai_credits', name: 'AI credits', is_unlimited: false, overdraft_amount: '25' })).credit_unit.status, 'active', 'status');
  await cb.itemFamily.create({ id: 'scrip', name: 'Scrip' });
  await cb.item.create({ id: 'carrier', name: 'Carrier', type: 'plan', item_family_id: 'scrip' });
  await cb.itemPrice.create({
    id: 'carrier-USD', name: 'Carrier', item_id: 'carrier', pricing_model: 'flat_fee', price: 0, currency_code: 'USD', period: 1, period_unit: 'month',
  });
  const made = await cb.subscription.createWithItems('acct_4711', { subscription_items: [{ item_price_id: 'carrier-USD', quantity: 1 }] });
  subscription = made.subscription.id;
  equal(made.subscription.status, 'active', 'status');
});
await check('allocate and list grant blocks', async () => {
  const made = await cb.ledgerOperation.allocate({
    subscription_id: subscription, unit_id: 'ai_credits', amount: '100.0000000001', expires_at: seconds() + 86400, metadata: { grant: 'g1' },
  });
  equal(made.grant_blocks[0].metadata.grant, 'g1', 'metadata');
  equal(made.ledger_account_balance.provisioned_balance.usable_balance, '100.0000000001', 'usable');
  const blocks = await cb.grantBlock.listGrantBlocks({ subscription_id: { is: subscription }, account_type: { is: 'provisioned' } });
  equal(blocks.list[0].grant_block.granted_amount, '100.0000000001', 'granted');
});
await check('capture, authorize, release', async () => {
  const fields = () => ({ subscription_id: subscription, unit_id: 'ai_credits', ledger_operation_timestamp: seconds() });
  const got = await cb.ledgerOperation.capture({ ...fields(), id: 'op-1', amount: '20', metadata: { window: 'w1' } });
  equal(got.ledger_entries[0].type, 'debit', 'entry');
  equal((await cb.ledgerOperation.retrieveLedgerOperation('op-1')).ledger_operation.metadata.window, 'w1', 'window');
  await refused(cb.ledgerOperation.capture({ ...fields(), id: 'op-1', amount: '20' }), { http_status_code: 400, api_error_code: 'duplicate_entry' });
  await refused(cb.ledgerOperation.capture({ ...fields(), amount: '1000' }), { http_status_code: 400, type: 'invalid_request' });
  await cb.ledgerOperation.authorize({ ...fields(), id: 'hold-1', amount: '30' });
  const closed = await cb.ledgerOperation.captureAuthorization({ authorization_id: 'hold-1', amount: '10', ledger_operation_timestamp: seconds() });
  equal(closed.ledger_account_balance.provisioned_balance.usable_balance, '70.0000000001', 'usable');
  const ops = await cb.ledgerOperation.listLedgerOperations({ subscription_id: { is: subscription }, type: { in: ['capture', 'release_authorization'] }, sort_by: { asc: 'created_at' } });
  equal(ops.list.map((item) => item.ledger_operation.type).join(), 'capture,release_authorization', 'operations');
});
await check('promotional credits', async () => {
  equal((await cb.promotionalCredit.add({ customer_id: 'acct_4711', amount: 1000, description: 'goodwill 10%' })).promotional_credit.closing_balance, 1000, 'balance');
  equal((await cb.promotionalCredit.deduct({ customer_id: 'acct_4711', description: 'all of it' })).promotional_credit.closing_balance, 0, 'balance');
});
await check('sell a pack', async () => {
  await cb.item.create({ id: 'pack', name: 'Pack', type: 'charge', item_family_id: 'scrip' });
  await cb.itemPrice.create({ id: 'pack-USD', name: 'Pack', item_id: 'pack', pricing_model: 'per_unit', price: 1000, currency_code: 'USD' });
  const { invoice } = await cb.invoice.createForChargeItemsAndCharges({ customer_id: 'acct_4711', auto_collection: 'off', item_prices: [{ item_price_id: 'pack-USD', quantity: 2 }] });
  equal(invoice.status, 'payment_due', 'status');
  await control('pay', { object: invoice.id, outcome: 'paid' });
  equal((await cb.invoice.retrieve(invoice.id)).invoice.amount_paid, 2000, 'paid');
  const events = await cb.event.list({ event_type: { in: ['payment_succeeded'] }, limit: 5 });
  equal(events.list[0].event.content.transaction.amount, 2000, 'amount');
});
await check('a stored answer is repeated', async () => {
  const send = (company) => cb.customer.create({ company }, { 'chargebee-idempotency-key': 'npm-1' });
  const first = await send('A');
  const second = await send('A');
  equal(second.customer.id, first.customer.id, 'id');
  equal(String(second.isIdempotencyReplayed), 'true', 'replayed');
  await refused(send('B'), { http_status_code: 422, api_error_code: 'unable_to_process_request' });
});
await check('errors have their shapes', async () => {
  await refused(cb.customer.retrieve('none'), { http_status_code: 404, api_error_code: 'resource_not_found' });
  await refused(cb.customer.create({ id: 'acct_4711' }), { http_status_code: 400, api_error_code: 'duplicate_entry', param: 'id' });
  await control('faults', { faults: [{ match: { path: '/api/v2/customers' }, kind: 'status', status: 429, retry_after: '7' }] });
  await refused(cb.customer.create({ id: 'more' }), { http_status_code: 429, api_error_code: 'api_request_limit_exceeded' });
});
await check('webhooks authenticate', async () => {
  await control('deliver');
  const valid = basicAuthValidator((user, password) => user === 'hook' && password === 'with:colon');
  const types = [];
  for (const got of hook.got) {
    await valid(got.headers);
    types.push(JSON.parse(got.body).event_type);
  }
  for (const want of ['customer_created', 'customer_changed', 'subscription_created', 'grant_blocks_created', 'ledger_updated', 'payment_succeeded', 'promotional_credits_added']) {
    if (!types.includes(want)) throw new Error(`no ${want} among ${types.join(' ')}`);
  }
  let refusedIt = false;
  try {
    await valid({ authorization: 'Basic eDp5' });
  } catch {
    refusedIt = true;
  }
  equal(refusedIt, true, 'another password refused');
});

finish();
