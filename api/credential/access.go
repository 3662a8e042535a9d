package credential

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const issuer = "whatsapp-manager"

// ErrExpired is returned by ReadAccess for a token that was good once.
var ErrExpired = errors.New("the access token has expired")

// ErrInvalid is returned by ReadAccess for anything that is not a token of ours.
var ErrInvalid = errors.New("the access token is not valid")

// Access is what an access token says. The role is not in it: it is read from
// the database on each request, so that a demotion holds at once.
type Access struct {
	UserID  string
	Session string    // the family of refresh tokens it was issued with
	Expires time.Time // set by ReadAccess
}

type claims struct {
	jwt.RegisteredClaims
	Session string `json:"sid"`
}

// SignAccess returns a JWT (HS256) for a that is good from now for ttl.
func SignAccess(key []byte, a Access, now time.Time, ttl time.Duration) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: a.UserID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
		},
		Session: a.Session,
	})
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign access token: %w", err)
	}
	return signed, nil
}

// ReadAccess verifies a token against key at now. Its error is ErrExpired or ErrInvalid.
func ReadAccess(key []byte, token string, now time.Time) (Access, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return Access{}, ErrExpired
	case err != nil || c.Subject == "":
		return Access{}, ErrInvalid
	}
	return Access{UserID: c.Subject, Session: c.Session, Expires: c.ExpiresAt.Time}, nil
}
