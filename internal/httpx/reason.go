package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"
)

// Reason says in a few safe words why a call brought no answer. The errors of
// net/http quote the address with its query, which may hold an e-mail address
// or a token; what Reason returns is one of a fixed set of texts.
func Reason(err error) string {
	var network net.Error
	var address *net.DNSError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "the call was cancelled"
	case errors.Is(err, ErrTooLong):
		return ErrTooLong.Error()
	case untrusted(err):
		return "the server's TLS certificate or version is not accepted"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "no answer in time"
	case errors.As(err, &address):
		return "the server's name could not be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.EPIPE):
		return "the connection was cut"
	}
	return "the call failed without an answer"
}

// untrusted reports whether TLS refused the server, which no repeat changes.
func untrusted(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// passing reports whether a read that failed so may succeed when repeated.
func passing(err error) bool {
	return !untrusted(err) && !errors.Is(err, ErrTooLong) && !errors.Is(err, context.Canceled)
}
