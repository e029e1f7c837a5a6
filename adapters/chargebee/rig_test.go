package chargebee_test

import "scrip/adapters/adaptertest"

// logins are the user and password that an access or a vector names.
func logins(a adaptertest.Access) []string {
	user, ok := a.Extra["username"]
	switch {
	case !ok:
		return a.Secrets
	case a.Extra["password"] == "":
		return nil // an endpoint without a password is one that nothing is accepted from
	}
	return []string{user + ":" + a.Extra["password"]}
}
