//go:build race

package sim

// underRace says that the race detector makes everything several times slower.
const underRace = true
