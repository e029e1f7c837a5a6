// Command testsum runs "go test -json …", which it is given as its arguments,
// and prints what a person needs of it: a line for each package, the whole
// output of failed tests and only of those, skipped tests with their reasons,
// and at the end one line "N passed, N failed, N skipped".
//
//	testsum [-no-skip] [-again n] go test -json ./...
//
// Tests with subtests do not count, their subtests do. A package that cannot
// be built or that ends without naming a failed test counts as one failure.
// The exit status is 1 when something failed, with -no-skip also when a test
// was skipped or none ran. With -again, up to n failed tests run once more.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
)

func main() {
	noSkip := flag.Bool("no-skip", false, "fail when a test is skipped or none ran")
	again := flag.Int("again", 0, "how many failed tests may run once more")
	flag.Parse()
	if flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: testsum [-no-skip] [-again n] go test -json [packages]")
		os.Exit(2)
	}
	ok, err := run(flag.Args(), os.Stdout, *noSkip, *again)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run runs the command and reports whether its tests are fine. An error means
// that the tests could not be run or read to their end.
func run(args []string, w io.Writer, noSkip bool, again int) (bool, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	s := newSummary(w)
	readErr := s.read(out)
	waitErr := cmd.Wait()
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) {
		return false, waitErr
	}
	if waitErr != nil && s.failed == 0 {
		// The command failed without naming a test, a flag it refused for one.
		s.failed++
		s.final = true
		fmt.Fprintf(w, "FAIL %s: %v\n", args[0], waitErr)
	}
	s.end()
	if readErr == nil {
		readErr = s.again(args, again)
	}
	return s.close(noSkip), readErr
}

// read takes the stream of events to its end. Lines that are no event are
// passed on.
func (s *summary) read(r io.Reader) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil && e.Action != "" {
				s.add(e)
			} else {
				_, _ = s.w.Write(line)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
