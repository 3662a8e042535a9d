package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// takenOver has the attacker's worker reach for everything that is not its
// account's, and looks afterwards whether the victim noticed.
func takenOver(ctx context.Context, l *attackLab) ([]row, error) {
	runDir := filepath.Join(l.stack.DataDir(), "run")
	own := filepath.Join(runDir, l.attacker.id)
	workers := l.stack.Workers()
	if len(workers[l.victim.id]) != 1 || len(workers[l.attacker.id]) != 1 {
		return nil, fmt.Errorf("workers: %v", workers)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer closed.Close()
	before, err := l.victim.client.Instance(ctx, l.victim.id)
	if err != nil {
		return nil, err
	}
	if err := writeJSON(filepath.Join(own, targetsFile), targets{
		Manager: l.stack.ManagerPID(), VictimWorker: workers[l.victim.id][0], VictimID: l.victim.id,
		VictimDevice: l.victim.account.Devices()[0].JID().String(), RunDir: runDir, DataDir: l.stack.DataDir(),
		API: strings.TrimPrefix(l.admin.Base, "http://"), Closed: closed.Addr().String(),
	}); err != nil {
		return nil, err
	}
	var report []probe
	if err := waitForFile(ctx, filepath.Join(own, reportFile), &report); err != nil {
		return nil, err
	}
	var rows []row
	for _, a := range report {
		rows = append(rows, row{tried: a.Tried, want: "refused", seen: a.Error, held: !a.Got})
		if a.Got && a.Error == "" {
			rows[len(rows)-1].seen = "it worked"
		}
	}
	after, err := l.victim.client.Instance(ctx, l.victim.id)
	if err != nil {
		return rows, err
	}
	rows = append(rows, held("the victim's instance afterwards", "untouched",
		after.PID == before.PID && after.Status == "ready", "%s, process %d, before %d", after.Status, after.PID, before.PID))
	var texts []any
	err = l.client("").Call(ctx, l.victim.key, "getChats", &texts)
	rows = append(rows, held("the victim's chats afterwards", "there", err == nil && len(texts) > 0,
		"%d chats, %v", len(texts), err))
	answer, err := l.client("").Do(ctx, http.MethodGet, "/api/health", nil)
	rows = append(rows, held("the manager afterwards", "healthy", err == nil && answer.Status == http.StatusOK,
		"%d %.60s", answer.Status, answer.Body))
	return rows, nil
}

func waitForFile(ctx context.Context, path string, v any) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := readJSON(path, v)
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the code inside: %w", ctx.Err())
		case <-tick.C:
		}
	}
}
