package auth

// accounts are the routes about users: those of a user about themselves, and
// those of administrators about others.
type accounts struct {
	cfg     Config
	store   accountRecords
	secret  *secret
	prover  *prover
	audit   *audit
	ends    *sessionEnds
	keyring *keyring
	hooks   *hooks
}

type accountRecords interface {
	users
	userChanges
	refreshTokens
}
