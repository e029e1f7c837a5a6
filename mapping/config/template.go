package config

import (
	_ "embed"
	"strings"
)

//go:embed scrip.yaml.tmpl
var template string

// Template is a commented scrip.yaml to begin with: one connection, to the
// named provider. It is valid once the environment variables that it names
// are set: SCRIP_SECRET, and for provider x X_KEY and X_WEBHOOK_SECRET.
func Template(provider string) string {
	variable := strings.ToUpper(strings.ReplaceAll(provider, "-", "_"))
	return strings.NewReplacer("@provider@", provider, "@PROVIDER@", variable).Replace(template)
}
