// Drives a sandbox, named by SANDBOX_URL, with Stripe's own Node library.
import Stripe from 'stripe';
import { base, check, controller, equal, finish, listen, refused, throws } from '../../../sandbox/sandboxtest/check.mjs';

const key = 'sk_test_npm';
const control = controller(key);
const stripe = new Stripe(key, {
  host: base.hostname, port: base.port, protocol: 'http', telemetry: false, maxNetworkRetries: 0,
});

const hook = await listen();
const secret = 'whsec_npm_check';
await control('webhooks', { url: hook.url, secret });
const now = Math.floor(Date.now() / 1000);
let customer;
let meter;
let grant;

await check('create a customer', async () => {
  customer = await stripe.customers.create({ name: 'Ada', email: 'ada@example.com', metadata: { external_id: 'acct_42' } });
  equal(customer.object, 'customer', 'object');
  equal(customer.metadata.external_id, 'acct_42', 'metadata');
  equal(customer.lastResponse.statusCode, 200, 'status');
});
await check('find the customer', async () => {
  equal((await stripe.customers.retrieve(customer.id)).id, customer.id, 'id');
  equal((await stripe.customers.list({ email: 'ada@example.com' })).data.length, 1, 'found by email');
  const found = await stripe.customers.search({ query: "metadata['external_id']:'acct_42'" });
  equal(found.data[0]?.id, customer.id, 'found by external id');
});
await check('unset metadata', async () => {
  const changed = await stripe.customers.update(customer.id, { metadata: { extra: 'x' } });
  equal(changed.metadata.extra, 'x', 'metadata');
  equal((await stripe.customers.update(customer.id, { metadata: { extra: '' } })).metadata.extra, undefined, 'metadata');
});
await check('sell a pack by invoice', async () => {
  const product = await stripe.products.create({ name: 'Starter pack' });
  const price = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 8000 });
  equal(price.unit_amount, 8000, 'unit_amount');
  const draft = await stripe.invoices.create({ customer: customer.id, collection_method: 'send_invoice', days_until_due: 7 });
  await stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 8000, currency: 'usd' });
  const open = await stripe.invoices.finalizeInvoice(draft.id);
  equal(open.status, 'open', 'status');
  equal(open.amount_due, 8000, 'amount_due');
  equal((await fetch(open.hosted_invoice_url)).status, 200, 'payment page');
  const paid = await stripe.invoices.pay(draft.id);
  equal(paid.status, 'paid', 'status');
});
await check('a declined card', async () => {
  const draft = await stripe.invoices.create({ customer: customer.id });
  await stripe.invoiceItems.create({ customer: customer.id, invoice: draft.id, amount: 500, currency: 'usd' });
  await refused(stripe.invoices.pay(draft.id, { payment_method: 'pm_card_chargeDeclined' }),
    { type: 'StripeCardError', statusCode: 402, code: 'card_declined' });
});
await check('create credit grants', async () => {
  for (let i = 0; i < 3; i++) {
    grant = await stripe.billing.creditGrants.create({
      customer: customer.id, name: `Pack ${i}`, category: 'paid', expires_at: now + 86400 * 30,
      amount: { type: 'monetary', monetary: { currency: 'usd', value: 1000 + i } },
      applicability_config: { scope: { price_type: 'metered' } }, metadata: { n: String(i) },
    });
  }
  equal(grant.amount.monetary.value, 1002, 'value');
  equal(grant.priority, 50, 'priority');
});
await check('list credit grants by pages, newest first', async () => {
  const values = [];
  for await (const g of stripe.billing.creditGrants.list({ customer: customer.id, limit: 1 })) values.push(g.amount.monetary.value);
  equal(values.join(), '1002,1001,1000', 'values');
});
await check('void, expire, summary, ledger', async () => {
  const [third, second, first] = (await stripe.billing.creditGrants.list({ customer: customer.id })).data;
  equal(typeof (await stripe.billing.creditGrants.voidGrant(first.id)).voided_at, 'number', 'voided_at');
  await stripe.billing.creditGrants.expire(second.id);
  const summary = await stripe.billing.creditBalanceSummaries.retrieve({
    customer: customer.id, filter: { type: 'applicability_scope', applicability_scope: { price_type: 'metered' } },
  });
  equal(summary.balances[0].available_balance.monetary.value, 1002, 'available');
  const one = await stripe.billing.creditBalanceSummaries.retrieve({ customer: customer.id, filter: { type: 'credit_grant', credit_grant: third.id } });
  equal(one.balances[0].ledger_balance.monetary.value, 1002, 'ledger');
  const entries = (await stripe.billing.creditBalanceTransactions.list({ customer: customer.id })).data;
  equal(entries.map((e) => (e.credit ?? e.debit).type).join(), 'credits_expired,credits_voided,credits_granted,credits_granted,credits_granted', 'entries');
});
await check('meter, events, summaries', async () => {
  meter = await stripe.billing.meters.create({ display_name: 'Credits', event_name: 'credits', default_aggregation: { formula: 'sum' } });
  for (const [identifier, value] of [['a', '25'], ['b', '17'], ['a', '25']]) {
    await stripe.billing.meterEvents.create({ event_name: 'credits', identifier, payload: { stripe_customer_id: customer.id, value } });
  }
  const day = now - (now % 86400);
  const sums = await stripe.billing.meters.listEventSummaries(meter.id, { customer: customer.id, start_time: day, end_time: day + 2 * 86400 });
  equal(sums.data[0].aggregated_value, 42, 'aggregated_value');
});
await check('a stored answer is repeated', async () => {
  const body = { name: 'Once' };
  const first = await stripe.customers.create(body, { idempotencyKey: 'npm-1' });
  const second = await stripe.customers.create(body, { idempotencyKey: 'npm-1' });
  equal(second.id, first.id, 'id');
  equal(second.lastResponse.headers['idempotent-replayed'], 'true', 'header');
  await refused(stripe.customers.create({ name: 'Other' }, { idempotencyKey: 'npm-1' }), { type: 'StripeIdempotencyError', statusCode: 400 });
});
await check('errors have their shapes', async () => {
  await refused(stripe.customers.retrieve('cus_none'), { type: 'StripeInvalidRequestError', statusCode: 404, code: 'resource_missing' });
  await refused(stripe.customers.create({ nonsense: 'x' }), { type: 'StripeInvalidRequestError', code: 'parameter_unknown', param: 'nonsense' });
  await refused(stripe.billing.meters.create({ display_name: 'x' }), { code: 'parameter_missing', statusCode: 400 });
  await control('faults', { faults: [{ match: { path: '/v1/customers' }, kind: 'status', status: 429, retry_after: '7' }] });
  await refused(stripe.customers.create({ name: 'x' }), { type: 'StripeRateLimitError', statusCode: 429 });
});
await check('webhooks verify', async () => {
  await control('deliver');
  const types = hook.got.map((g) => stripe.webhooks.constructEvent(g.body, g.headers['stripe-signature'], secret).type);
  for (const want of ['customer.created', 'invoice.paid', 'billing.credit_grant.created', 'billing.credit_balance_transaction.created']) {
    if (!types.includes(want)) throw new Error(`no ${want} among ${types.join(' ')}`);
  }
  const { body, headers } = hook.got[0];
  equal(await throws(() => stripe.webhooks.constructEvent(body, headers['stripe-signature'], 'whsec_other')), true, 'a wrong secret refused');
});
await check('list and read events', async () => {
  const list = await stripe.events.list({ type: 'invoice.paid' });
  equal(list.data.length, 1, 'events');
  equal((await stripe.events.retrieve(list.data[0].id)).data.object.object, 'invoice', 'object');
});
await check('a subscription bills a period', async () => {
  const price = await stripe.prices.create({ currency: 'usd', unit_amount: 4900, product_data: { name: 'Pro' }, recurring: { interval: 'month' } });
  const sub = await stripe.subscriptions.create({ customer: customer.id, items: [{ price: price.id }], expand: ['latest_invoice'] });
  equal(sub.status, 'active', 'status');
  equal(sub.latest_invoice.status, 'paid', 'latest invoice');
  equal((await stripe.subscriptions.cancel(sub.id)).status, 'canceled', 'status');
});

finish();
