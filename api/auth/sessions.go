package auth

import (
	"context"

	"whatsapp-manager/api/session"
	"whatsapp-manager/proto/fault"
)

// sessionEnds ends sessions, with their access tokens and streams.
type sessionEnds struct {
	store    refreshTokens
	sessions *session.Book
	watch    *session.Watch
}

// one makes the end of a session, which the database has seen, hold here at once.
func (e *sessionEnds) one(id string) {
	e.sessions.Forget(id)
	e.watch.EndSession(id)
}

// all ends all sessions of a user.
func (e *sessionEnds) all(ctx context.Context, userID string) error {
	if err := e.store.RevokeUserTokens(ctx, userID, now()); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	e.sessions.ForgetUser(userID)
	e.watch.EndSessions(userID)
	return nil
}
