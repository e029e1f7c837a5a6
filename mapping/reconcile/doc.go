// Package reconcile compares what the ledger says with what a vendor holds,
// customer by customer and grant by grant, and names the cause of every
// difference. It changes nothing on either side.
//
// Both sides are read at one instant and in one measure: the vendor's own
// smallest parts, by the quantum law. What cannot be compared at a vendor is
// listed as such and never counts as agreement. What is on its way (an open
// window, an order that waits or is parked, a read that may lag) is listed
// apart as in flight.
package reconcile
