package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"scrip/internal/clock"
	"scrip/mapping/config"
)

// level is how bad a finding is.
type level string

const (
	isOK   level = "ok"
	isWarn level = "warn" // it works, and somebody should look
	isFail level = "fail" // it does not work, or will not for long
)

// diagnosis is one thing that the doctor has looked at.
type diagnosis struct {
	Check string `json:"check"`
	Level level  `json:"level"`
	Seen  string `json:"seen"`
	Mend  string `json:"mend,omitempty"`
}

// doctor looks at an installation and changes nothing.
type doctor struct {
	shell   *shell
	offline bool
	list    []diagnosis
}

func (d *doctor) add(l level, check, mend, format string, args ...any) {
	d.list = append(d.list, diagnosis{check, l, fmt.Sprintf(format, args...), mend})
}

func (d *doctor) ok(check, format string, args ...any) { d.add(isOK, check, "", format, args...) }

func (d *doctor) warn(check, mend, format string, args ...any) {
	d.add(isWarn, check, mend, format, args...)
}

func (d *doctor) fail(check, mend, format string, args ...any) {
	d.add(isFail, check, mend, format, args...)
}

func (s *shell) doctor() *cobra.Command {
	d := &doctor{shell: s}
	c := &cobra.Command{
		Use: "doctor", Short: "look for what is wrong with config, storage, queues and vendors, and say what mends it",
		Long: "Looks at config, secrets, storage, queues and vendors, changes nothing, and says of each finding what mends it.\n" +
			"Each vendor is asked for one cheap read. Exit 1 when something fails.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.look(cmd.Context())
			return d.print()
		},
	}
	c.Flags().BoolVar(&d.offline, "offline", false, "ask no vendor")
	return c
}

func (d *doctor) look(ctx context.Context) {
	cfg, whole := d.config()
	if cfg == nil {
		return
	}
	connections := cfg.config.Connections
	if store := d.database(ctx, cfg.config); store != nil {
		defer store.Close()
		if whole {
			connections = d.applied(ctx, store, cfg)
		}
		d.moves(ctx, store.Reader())
		d.verified(ctx, store.Reader(), connections, clock.WallNow())
		if business, err := commandClock(cfg.config); err != nil {
			d.fail("clock", "unset SCRIP_TEST_CLOCK", "%s", err)
		} else {
			d.queues(ctx, store.Reader(), business.Now())
		}
	}
	switch {
	case !whole:
		d.warn("connections", "mend the secrets, then run it again",
			"since secrets are missing no vendor was asked, and the file was not compared with what is applied")
	case !d.offline:
		d.connections(ctx, connections)
	}
	d.listen(ctx, cfg.config.Listen)
}

// config reads the file. Where nothing but secrets is wrong it is read with
// stand-ins, so that the rest can be looked at; whole is false then.
func (d *doctor) config() (_ *configFile, whole bool) {
	name := d.shell.config
	file, err := d.shell.loadConfig()
	var faults *config.Faults
	switch {
	case err == nil:
		d.ok("config", "%s is understood", name)
		d.configRights(name)
		d.secrets(file.config)
		return file, true
	case !errors.As(err, &faults):
		d.fail("config", "scrip init writes one, -c names another", "%s", err)
		return nil, false
	}
	stood, err := config.Parse(name, []byte(file.text), config.Env{
		Providers: providerFacts(),
		Lookup:    func(name string) (string, bool) { return standIn(os.Getenv(name)), true },
		ReadFile: func(path string) ([]byte, error) {
			text, _ := os.ReadFile(path)
			return []byte(standIn(string(text))), nil
		},
		AnyStorage: true,
	})
	check, mend := "config", "mend the file at the place that is named"
	if err == nil {
		d.ok("config", "%s is understood, but for its secrets", name)
		check, mend = "secrets", "put the secret where its reference says, in the environment of this process too"
	}
	for _, f := range faults.List {
		d.fail(check, mend, "%s", f.String())
	}
	if err != nil {
		return nil, false
	}
	d.configRights(name)
	return &configFile{stood, file.text}, false
}

// standIn takes the place of a secret; where the database is stays, so that it
// can be looked at.
func standIn(secret string) string {
	if strings.Contains(secret, "://") || strings.HasPrefix(secret, "sqlite:") {
		return secret
	}
	return "stand-in"
}

// configRights looks for others who can change where money goes.
func (d *doctor) configRights(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o002 != 0 {
		d.warn("config", "chmod o-w "+path, "everyone on this machine can change %s", path)
	}
}

// secrets tells where secrets come from, never what they are.
func (d *doctor) secrets(cfg *config.Config) {
	all := []config.Secret{cfg.SecretKey}
	if cfg.Database.Ref != cfg.Database.Reveal() { // else its address stands in the file
		all = append(all, cfg.Database)
	}
	for _, c := range cfg.Connections {
		all = append(append(all, c.APIKey), c.WebhookSecrets...)
	}
	var refs []string
	for _, s := range all {
		if s.Ref == "" {
			continue
		}
		refs = append(refs, s.Ref)
		path, isFile := strings.CutPrefix(s.Ref, "file:")
		if info, err := os.Stat(path); isFile && err == nil && info.Mode().Perm()&0o022 != 0 {
			d.warn("secrets", "chmod go-w "+path, "others than its owner can change %s", path)
		}
	}
	if len(refs) > 0 {
		d.ok("secrets", "%s can be read", strings.Join(refs, ", "))
	}
}

// print writes the findings and decides the exit code.
func (d *doctor) print() error {
	count := map[level]int{}
	for _, f := range d.list {
		count[f.Level]++
	}
	if d.shell.json {
		if err := d.shell.printJSON(map[string]any{"ok": count[isFail] == 0, "findings": d.list}); err != nil {
			return err
		}
	} else {
		for _, f := range d.list {
			fmt.Fprintf(d.shell.out, "%-4s  %s: %s\n", f.Level, f.Check, plain(f.Seen))
			if f.Mend != "" {
				fmt.Fprintf(d.shell.out, "      -> %s\n", f.Mend)
			}
		}
		d.shell.say("%d ok, %d to look at, %d failed", count[isOK], count[isWarn], count[isFail])
	}
	if count[isFail] > 0 {
		return exit(exitFailed)
	}
	return nil
}
