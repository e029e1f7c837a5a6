package pgrun

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

// least is the oldest PostgreSQL that Scrip is tested with.
const least = 14

// ErrMissing says that there is no PostgreSQL on this machine that is new enough.
var ErrMissing = errors.New("PostgreSQL is not installed: apt-get install postgresql")

// Find tells the folder of the newest PostgreSQL's programs, of those in the
// path and where Debian keeps them.
func Find() (string, error) {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link in the path may stand far from the programs beside it.
		if path, err = filepath.EvalSymlinks(path); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	best, version := "", 0
	for _, folder := range append(folders, debian...) {
		if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
			continue
		}
		if n := major(filepath.Join(folder, "postgres")); n > version {
			best, version = folder, n
		}
	}
	switch {
	case best == "":
		return "", ErrMissing
	case version < least:
		return "", fmt.Errorf("the newest PostgreSQL here is %d, %d is the least: %w", version, least, ErrMissing)
	}
	return best, nil
}

// major asks a server program for its version; 0 where it has no answer.
func major(program string) int {
	said, err := exec.Command(program, "--version").Output()
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(string(regexp.MustCompile(`\d+`).Find(said)))
	if err != nil {
		return 0
	}
	return n
}
