// Drives a sandbox, named by SANDBOX_URL, with Lago's own Node library.
import crypto from 'node:crypto';
import { Client, getLagoError } from 'lago-javascript-client';
import { base, check, controller, equal, finish, listen } from '../../../sandbox/sandboxtest/check.mjs';

const key = 'lago-npm';
const control = controller(key);
const secret = '8b6e0d9c-0f1f-4a21-8b6e-5b8d1c6e2a4f';
const issuer = 'https://lago.example.com';
const lago = Client(key, { baseUrl: new URL('/api/v1', base).href });

const hmacHook = await listen();
const jwtHook = await listen();
await control('webhooks', { url: hmacHook.url, secret });
await control('webhooks', { url: jwtHook.url, algo: 'jwt', issuer });
let wallet;
let bought;

// denied demands a refusal with a status and, where given, details.
async function denied(promise, status, code, details) {
  try {
    await promise;
  } catch (err) {
    const got = await getLagoError(err);
    equal(got.status, status, 'status');
    equal(got.code, code, 'code');
    if (details) equal(JSON.stringify(got.error_details), JSON.stringify(details), 'details');
    return;
  }
  throw new Error('the call was not refused');
}

await check('create, change and list customers', async () => {
  const input = { customer: { external_id: 'acct-42', name: 'Ada & Co <EU>', currency: 'EUR', metadata: [{ key: 'a', value: 'b', display_in_invoice: false }] } };
  const first = (await lago.customers.createCustomer(input)).data.customer;
  equal(first.metadata[0].value, 'b', 'metadata');
  const second = (await lago.customers.createCustomer({ customer: { external_id: 'acct-42', email: 'a@example.com' } })).data.customer;
  equal(second.lago_id, first.lago_id, 'id');
  equal(second.name, 'Ada & Co <EU>', 'name');
  await lago.customers.createCustomer({ customer: { external_id: 'other' } });
  const list = (await lago.customers.findAllCustomers({ page: 2, per_page: 1 })).data;
  equal(list.meta.total_count, 2, 'total_count');
  equal(list.customers[0].external_id, 'acct-42', 'last of the list');
});
await check('create a wallet, whose credits come later', async () => {
  wallet = (await lago.wallets.createWallet({
    wallet: { external_customer_id: 'acct-42', code: 'main', rate_amount: '1.0', currency: 'EUR', granted_credits: '10.5', metadata: { a: 'b' } },
  })).data.wallet;
  equal(wallet.credits_balance, '0.0', 'balance in the answer');
  const now = (await lago.wallets.findWallet(wallet.lago_id)).data.wallet;
  equal(now.credits_balance, '10.5', 'balance');
  equal(now.balance_cents, 1050, 'cents');
  equal((await lago.wallets.findAllWallets({ external_customer_id: 'acct-42' })).data.wallets.length, 1, 'wallets');
  await denied(lago.wallets.createWallet({ wallet: { external_customer_id: 'acct-42', code: 'main', rate_amount: '1.0', currency: 'EUR' } }),
    422, 'validation_errors', { code: ['value_already_exist'] });
});
await check('top up, and find the transaction again', async () => {
  const made = (await lago.walletTransactions.createWalletTransaction({
    wallet_transaction: { wallet_id: wallet.lago_id, granted_credits: '5.0', paid_credits: '20.0', metadata: [{ key: 'idem', value: 'k1' }] },
  })).data.wallet_transactions;
  equal(made.map((t) => `${t.transaction_status} ${t.status} ${t.amount}`).join(), 'purchased pending 20.0,granted settled 5.0', 'transactions');
  bought = made[0];
  const found = (await lago.wallets.findAllWalletTransactions(wallet.lago_id, { 'metadata[idem]': 'k1', transaction_status: 'granted' })).data;
  equal(found.meta.total_count, 1, 'found');
  equal(found.wallet_transactions[0].lago_id, made[1].lago_id, 'id');
});
await check('pay for credits behind the link', async () => {
  const { payment_url: url } = (await lago.walletTransactions.walletTransactionPaymentUrl(bought.lago_id)).data.wallet_transaction_payment_details;
  equal((await fetch(url, { method: 'POST' })).status, 200, 'status of the page');
  equal((await lago.walletTransactions.findWalletTransaction(bought.lago_id)).data.wallet_transaction.status, 'settled', 'status');
  equal((await lago.wallets.findWallet(wallet.lago_id)).data.wallet.balance_cents, 3550, 'cents');
  const invoices = (await lago.invoices.findAllInvoices({ external_customer_id: 'acct-42', invoice_type: 'credit' })).data.invoices;
  equal(invoices[0].payment_status, 'succeeded', 'payment_status');
});
await check('void, and see what it was taken from', async () => {
  const [out] = (await lago.walletTransactions.createWalletTransaction({
    wallet_transaction: { wallet_id: wallet.lago_id, voided_credits: '12.0' },
  })).data.wallet_transactions;
  equal(out.transaction_type, 'outbound', 'type');
  const parts = (await lago.request({ path: `/wallet_transactions/${out.lago_id}/fundings`, method: 'GET', secure: true, format: 'json' })).data;
  equal(parts.wallet_transaction_fundings.map((f) => f.amount_cents).sort().join(), '1050,150', 'fundings');
  await denied(lago.walletTransactions.createWalletTransaction({ wallet_transaction: { wallet_id: wallet.lago_id, voided_credits: '1000.0' } }),
    422, 'validation_errors', { voided_credits: ['insufficient_credits'] });
  await denied(lago.walletTransactions.createWalletTransaction({ wallet_transaction: { wallet_id: wallet.lago_id, voided_credits: 1 } }),
    422, 'validation_errors', { voided_credits: ['invalid_voided_credits', 'invalid_amount'] });
});
await check('a subscription, usage and an event that came before', async () => {
  const metric = (await lago.billableMetrics.createBillableMetric({
    billable_metric: { name: 'Tokens', code: 'tokens', aggregation_type: 'sum_agg', field_name: 'n', recurring: false },
  })).data.billable_metric;
  await lago.plans.createPlan({
    plan: {
      name: 'Payg', code: 'payg', interval: 'monthly', amount_cents: 0, amount_currency: 'EUR', pay_in_advance: false,
      charges: [{ billable_metric_id: metric.lago_id, charge_model: 'standard', properties: { amount: '0.5' } }],
    },
  });
  await lago.subscriptions.createSubscription({ subscription: { external_customer_id: 'acct-42', plan_code: 'payg', external_id: 'sub' } });
  const event = { transaction_id: 'e1', external_subscription_id: 'sub', code: 'tokens', properties: { n: 4 } };
  equal((await lago.events.createEvent({ event })).data.event.transaction_id, 'e1', 'transaction_id');
  await denied(lago.events.createEvent({ event }), 422, 'validation_errors', { transaction_id: ['value_already_exist'] });
  await denied(lago.events.createBatchEvents({ events: [{ ...event, transaction_id: 'e2' }, event] }),
    422, 'validation_errors', { 1: { transaction_id: ['value_already_exist'] } });
  const usage = (await lago.customers.findCustomerCurrentUsage('acct-42', { external_subscription_id: 'sub' })).data.customer_usage;
  equal(usage.amount_cents, 200, 'usage');
});
await check('errors have their shapes', async () => {
  await denied(lago.wallets.findWallet('none'), 404, 'wallet_not_found');
  await denied(lago.customers.createCustomer({ customer: {} }), 400, undefined);
  await denied(Client('', { baseUrl: lago.baseUrl }).customers.findAllCustomers(), 401, undefined);
  const waits = Client(key, { baseUrl: lago.baseUrl, rateLimitRetry: { maxRetries: 1 } });
  await control('faults', { faults: [{ kind: 'status', status: 429, retry_after: '0' }] });
  equal((await waits.customers.findCustomer('acct-42')).data.customer.external_id, 'acct-42', 'after a limit');
});
await check('webhooks verify, by hand', async () => {
  await control('deliver');
  const types = hmacHook.got.map((g) => JSON.parse(g.body).webhook_type);
  for (const want of ['customer.created', 'wallet.created', 'wallet.updated', 'wallet_transaction.created', 'wallet_transaction.updated', 'invoice.paid_credit_added', 'invoice.payment_status_updated']) {
    if (!types.includes(want)) throw new Error(`no ${want} among ${types.join(' ')}`);
  }
  for (const { body, headers } of hmacHook.got) {
    equal(headers['x-lago-signature'], crypto.createHmac('sha256', secret).update(body).digest('base64'), 'signature');
    equal(headers['x-lago-signature-algorithm'], 'hmac', 'algorithm');
  }
  if (!hmacHook.got.some((g) => g.body.includes('Ada \\u0026 Co \\u003cEU\\u003e'))) throw new Error('bodies are not escaped');
});
await check('webhooks verify as tokens', async () => {
  const { public_key: text } = (await lago.webhooks.fetchJsonPublicKey()).data.webhook;
  equal(Math.max(...text.split('\n').map((line) => line.length)), 60, 'longest line');
  const pem = Buffer.from(text, 'base64').toString();
  equal(pem.startsWith('-----BEGIN PUBLIC KEY-----'), true, 'a public key');
  const unique = new Set();
  for (const { body, headers } of jwtHook.got) {
    const [head, claims, signature] = headers['x-lago-signature'].split('.');
    equal(Buffer.from(head, 'base64url').toString(), '{"alg":"RS256"}', 'header');
    equal(crypto.verify('sha256', Buffer.from(`${head}.${claims}`), pem, Buffer.from(signature, 'base64url')), true, 'signature');
    const told = JSON.parse(Buffer.from(claims, 'base64url'));
    equal(told.data, body, 'data');
    equal(told.iss, issuer, 'issuer');
    unique.add(headers['x-lago-unique-key']);
  }
  equal(unique.size, jwtHook.got.length, 'unique keys');
  equal(hmacHook.got.some((g) => unique.has(g.headers['x-lago-unique-key'])), false, 'a key shared by endpoints');
});
await check('end a wallet, twice', async () => {
  equal((await lago.wallets.destroyWallet(wallet.lago_id)).data.wallet.status, 'terminated', 'status');
  equal((await lago.wallets.destroyWallet(wallet.lago_id)).data.wallet.balance_cents, 2350, 'what is left in it');
  await denied(lago.walletTransactions.createWalletTransaction({ wallet_transaction: { wallet_id: wallet.lago_id, granted_credits: '1.0' } }),
    422, 'validation_errors', { wallet_id: ['wallet_is_terminated'] });
});

finish();
