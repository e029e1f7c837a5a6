// Package ledger is the durable ledger: commands go in, entries come out.
//
// Concurrent callers are gathered into batches (group commit): a lone caller
// waits for nobody, a thousand share one durable commit. For each batch the
// [Store] loads what the commands name, the rules of package core decide, and
// the effect, the idempotency record, natural keys, inbox marks and outbox
// intents are written in one atomic commit. Answers leave after the commit.
package ledger
