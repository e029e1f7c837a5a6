package main

import (
	"context"
	"strings"
	"time"

	"scrip/core"
	"scrip/core/ledger"
	"scrip/mapping/config"
	"scrip/webhooks"
)

// verified tells which webhook secrets are in use, where there are several: an
// old one can go when it has verified nothing for as long as the vendor
// repeats deliveries.
func (d *doctor) verified(ctx context.Context, reader ledger.Reader, list []config.Connection, now core.Time) {
	for _, c := range list {
		check := "webhook secrets " + c.Name
		last, err := webhooks.Verified(ctx, reader, c.Name)
		if err != nil {
			d.warn(check, "run scrip audit", "what is known of their use cannot be read: %s", err)
			continue
		}
		newest, known := "", core.Time(0)
		var uses []string
		for _, s := range c.WebhookSecrets {
			at, used := last[s.Ref]
			if !used {
				uses = append(uses, s.Ref+" verified none yet")
				continue
			}
			age := max(0, time.Duration(now-at)*time.Microsecond).Round(time.Second)
			uses = append(uses, s.Ref+" verified one "+age.String()+" ago")
			if at > known {
				newest, known = s.Ref, at
			}
		}
		switch {
		case len(uses) == 0:
		case newest == "":
			d.ok(check, "no delivery was verified by %s", refs(c.WebhookSecrets))
		default:
			d.ok(check, "%s verified last (within the hour): %s", newest, strings.Join(uses, ", "))
		}
	}
}

func refs(secrets []config.Secret) string {
	names := make([]string, len(secrets))
	for i, s := range secrets {
		names[i] = s.Ref
	}
	return strings.Join(names, " or ")
}
