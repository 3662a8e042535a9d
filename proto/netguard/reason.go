package netguard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// ByName says of a name what ErrInternal says of an address, and the same of a
// name that there is not: which names an internal network has is nobody's business.
const ByName = "the name does not exist, or leads to an internal address that the operator has not allowed"

// Reason says to people why a request to an address of their choice failed. The
// text is one of a few fixed ones: it holds nothing that the other side, the
// system or the resolver said, no address and no name, and not the URL, which may
// carry credentials.
func Reason(err error) string {
	var (
		timeout   net.Error
		name      *net.DNSError
		malformed *net.AddrError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		cert      *tls.CertificateVerificationError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	switch {
	case errors.Is(err, ErrInternal):
		if named(err) {
			return ByName
		}
		return ErrInternal.Error()
	case errors.As(err, &name) && name.IsNotFound:
		return ByName
	case errors.As(err, &name):
		return "the name could not be looked up"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "the request was given up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EAFNOSUPPORT):
		return "the address cannot be reached"
	case errors.As(err, &host):
		return "the certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, &cert), errors.As(err, &invalid):
		return "the certificate is not trusted"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the other side does not speak TLS there"
	case errors.As(err, &alert):
		return "the other side broke the TLS handshake off"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the connection broke before there was an answer"
	case strings.Contains(err.Error(), "server closed idle connection"): // net/http has no name for it
		return "the connection broke before there was an answer"
	case strings.Contains(err.Error(), "malformed HTTP"):
		return "the other side does not speak HTTP there"
	case errors.As(err, &malformed):
		return "the address cannot be used"
	}
	return "the request failed"
}

// named tells whether the URL of a failed request has a name for a host.
func named(err error) bool {
	var failed *url.Error
	if !errors.As(err, &failed) {
		return false
	}
	u, err := url.Parse(failed.URL)
	if err != nil {
		return true
	}
	_, literal := Literal(u.Hostname())
	return !literal
}
