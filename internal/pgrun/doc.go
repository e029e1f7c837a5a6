// Package pgrun runs throwaway PostgreSQL servers, for tests and benchmarks.
//
// They are made anew from the PostgreSQL that is installed, listen on loopback
// alone, and are gone with the process that started them however it ends, also
// by kill -9.
package pgrun
