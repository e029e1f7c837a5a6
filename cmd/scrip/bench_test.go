package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestBenchFlags(t *testing.T) {
	t.Setenv("NOWHERE", "")
	t.Setenv("SOMEWHERE", "mysql://canary@127.0.0.1/x")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"debit --only debit/oracle", exitFailed, `no case begins with "debit/oracle", there are debit/sqlite-full/inproc/256, `},
		{"balance --storage mysql://canary@127.0.0.1/x", exitUsage, "--storage is the address of a PostgreSQL"},
		{"balance --storage env:NOWHERE", exitUsage, "the environment variable NOWHERE, and that is empty"},
		{"balance --storage env:SOMEWHERE", exitUsage, "--storage is the address of a PostgreSQL"},
		{"balance --only balance/pg --storage postgres://me:canary@127.0.0.1:1/x", exitFailed, "balance/pg/inproc: "},
		{"soak --minutes 0", exitUsage, "--minutes is 0"},
		{"soak --minutes 1e9", exitUsage, "--minutes is 1e+09"},
	} {
		var out, errOut bytes.Buffer
		code := run(t.Context(), append([]string{"bench"}, strings.Fields(c.args)...), strings.NewReader(""), &out, &errOut)
		if code != c.code || !strings.Contains(errOut.String(), c.says) || strings.Contains(errOut.String(), "canary") {
			t.Errorf("%s: exit %d, %s", c.args, code, errOut.String())
		}
	}
}
