//go:build race

package main

// slowBuild says that the race detector watches, which costs many times over.
const slowBuild = true
