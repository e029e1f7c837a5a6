package gateway

import "testing"

// TestOnPostgres runs on a PostgreSQL what rests most on the store. With
// SCRIP_TEST_STORE=postgres every test of the package does.
func TestOnPostgres(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"EntriesAndFeed": TestEntriesAndFeed, "Holds": TestHolds, "Purchases": TestPurchases, "Erase": TestErase, "Queues": TestQueues,
		"Replays": TestAP06Replays, "ManyAtOnce": TestAP06ManyAtOnceHaveOneEffect, "Batch": TestAP12Batch, "Outcomes": TestBatchOutcomesStandByThemselves,
		"LateDebit": TestLateDebit, "Periods": TestPeriods, "Reports": TestReports, "Subscription": TestSubscription,
		"Model": TestModelOverHTTP, "Linearizable": TestLinearizableOverHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}
