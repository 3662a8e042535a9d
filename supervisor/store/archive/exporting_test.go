package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
)

func TestExportRefuses(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	_, err := Export(t.Context(), w.st, io.Discard, "short", mine, Copy, "")
	wantFault(t, err, fault.Invalid, "")
	_, err = export(t.Context(), w.st, io.Discard, phrase, quick, "unknown00000", Copy, "")
	wantFault(t, err, fault.NotFound, "")
	full := errors.New("disk full")
	if _, err = export(t.Context(), w.st, failing{full}, phrase, quick, mine, Copy, ""); !errors.Is(err, full) {
		t.Errorf("export to a full disk: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// What runs may change while it is copied: the copy is of one moment.
func TestExportIsOfOneMoment(t *testing.T) {
	w := newWorld(t, ownerEmail)
	w.instance(mine, mineJID, 1)
	var file bytes.Buffer
	meddler := writerFunc(func(p []byte) (int, error) {
		if file.Len() == 0 { // age's header: the transaction has begun, no row is read
			w.exec("delete from messages")
			w.exec("delete from whatsmeow.whatsmeow_device")
		}
		return file.Write(p)
	})
	sum, err := export(t.Context(), w.st, meddler, phrase, quick, mine, Copy, "")
	must(t, err)
	if sum.Rows["messages"] != 6 || sum.Rows["whatsmeow_device"] != 1 {
		t.Errorf("exported %v", sum.Rows)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestMemoryIsBounded(t *testing.T) {
	const bound = 24 << 20
	from, to := newWorld(t, ownerEmail), newWorld(t, ownerEmail)
	from.instance(mine, mineJID, 1)
	from.exec(`insert into messages (instance_id, chat, id, from_me, sender, timestamp, type, ack, raw)
		select $1, 'big', g::text, false, 's', g, 'chat', 1, sha512(g::text::bytea) || sha512((g+1)::text::bytea) || convert_to(repeat('x', 3000), 'UTF8') from generate_series(1, 20000) g`, string(mine))
	peak := watchHeap(t)
	pipe, into := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		_, err := export(context.Background(), from.st, into, phrase, quick, mine, Move, supervisor.Run)
		ended <- errors.Join(err, into.CloseWithError(err))
	}()
	sum, err := Import(t.Context(), to.st, io.TeeReader(pipe, peak), phrase, Into{})
	must(t, errors.Join(err, <-ended))
	if sum.Rows["messages"] != 20006 {
		t.Errorf("%d messages arrived", sum.Rows["messages"])
	}
	t.Logf("the heap grew by %d KiB", peak.most>>10)
	if peak.most > bound {
		t.Errorf("the heap grew by %d MiB on 120 MiB of rows", peak.most>>20)
	}
}

// heap notes the most that is allocated while something passes.
type heap struct{ base, most uint64 }

func watchHeap(t *testing.T) *heap {
	t.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return &heap{base: m.HeapAlloc}
}

func (h *heap) Write(p []byte) (int, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > h.base {
		h.most = max(h.most, m.HeapAlloc-h.base)
	}
	return len(p), nil
}
