package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// readDump looks for secrets in what a thief of the database or of the logs
// has: every file of both, with Postgres' write-ahead log, in which everything
// written is.
func readDump(ctx context.Context, l *attackLab) ([]row, error) {
	var hook struct {
		Secret string `json:"secret"`
	}
	token := "Bearer of-the-receivers-" + fmt.Sprint(os.Getpid())
	if err := l.victim.client.Want(ctx, http.StatusCreated, http.MethodPost, "/api/instances/"+l.victim.id+"/webhooks",
		map[string]any{"url": "http://127.0.0.1:9/", "headers": map[string]string{"Authorization": token}},
		&hook); err != nil {
		return nil, err
	}
	var login struct {
		Tokens struct{ AccessToken, RefreshToken string } `json:"tokens"`
	}
	if err := l.client("").Want(ctx, http.StatusOK, http.MethodPost, "/api/auth/login",
		map[string]string{"email": l.victim.email, "password": l.victim.password}, &login); err != nil {
		return nil, err
	}
	// A wrong call, so that a log has something to say about a key and a number.
	_, _ = l.client("").Do(ctx, http.MethodPost, "/api/proxy/"+l.victim.key+"/Chat.archive",
		map[string]any{"params": []any{l.customer.Number()}})
	_, _ = l.victim.client.Do(ctx, http.MethodGet,
		"/api/instances/"+l.victim.id+"/messages/true_"+l.customer.Number()+"@c.us_ABC/media", nil)

	decoded, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hook.Secret, "whsec_"))
	if err != nil {
		return nil, fmt.Errorf("read the signing secret: %w", err)
	}
	secrets := []struct {
		name  string
		bytes []byte
	}{
		{"a webhook's signing secret", decoded},
		{"a webhook's Authorization header", []byte(token)},
		{"an API key", []byte(l.victim.key)},
		{"a password", []byte(l.victim.password)},
		{"an access token", []byte(login.Tokens.AccessToken)},
		{"a refresh token", []byte(login.Tokens.RefreshToken)},
	}
	rows := make([]row, 0, len(secrets)+1)
	for _, s := range secrets {
		where, err := holding(l.stack.DataDir(), s.bytes, "postgres", "logs")
		if err != nil {
			return nil, err
		}
		rows = append(rows, held("look for "+s.name+" in database and logs", "it is not there in the clear",
			where == "", "%s", found(where)))
	}
	where, err := holding(l.stack.Dir, []byte(l.customer.Number()), "manager.log", "data/logs")
	rows = append(rows, held("look for a phone number in the logs", "it is not there", err == nil &&
		where == "", "%s", found(where)))
	return rows, err
}

func found(where string) string {
	if where == "" {
		return "not found"
	}
	return "in " + where
}

// holding returns the first file below the places that holds the bytes, as they
// are, in hex or in base64; empty when none does.
func holding(dir string, secret []byte, places ...string) (string, error) {
	forms := [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret))}
	where := ""
	for _, place := range places {
		root := filepath.Join(dir, place)
		if target, err := os.ReadFile(filepath.Join(root, "location")); err == nil {
			root = strings.TrimSpace(string(target)) // where the private Postgres is when its user cannot reach the data directory
		}
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || where != "" || !entry.Type().IsRegular() {
				return nil //nolint:nilerr // gone meanwhile, or found already
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return nil //nolint:nilerr // gone meanwhile
			}
			for _, form := range forms {
				if bytes.Contains(text, form) {
					where, _ = filepath.Rel(dir, path)
				}
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return where, nil
}
