package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"whatsapp-manager/cmd/internal/stack"
	"whatsapp-manager/worker/wasim/phone"
)

// bombs are what a stranger on WhatsApp can have the victim's worker open: a
// link that a bot echoes, and files that are not what they claim to be.
func bombs(ctx context.Context, l *attackLab) ([]row, error) {
	t, err := l.enlist(ctx, "bot")
	if err != nil {
		return nil, err
	}
	stranger, err := l.person("Stranger")
	if err != nil {
		return nil, err
	}
	before, err := t.client.Instance(ctx, t.id)
	if err != nil {
		return nil, err
	}
	page, shut, err := servePicture()
	if err != nil {
		return nil, err
	}
	defer shut()
	times := 8
	if l.o.short {
		times = 4
	}
	to := stranger.Number() + "@c.us"
	call := func(method string, params ...any) (int, error) {
		a, err := l.client("").Do(ctx, http.MethodPost, "/api/proxy/"+t.key+"/"+method, map[string]any{"params": params})
		return a.Status, err
	}
	var rows []row
	lives := func(tried, seen string, peak int64) error {
		after, err := t.client.Ready(ctx, t.id)
		if err != nil {
			return err
		}
		rows = append(rows, held(tried, "the worker lives, no 5xx but 503", after.PID == before.PID && !fatalStatus(seen),
			"%s; peak %d MiB; process %d, before %d", seen, peak>>20, after.PID, before.PID))
		before = after
		return nil
	}

	peak := peakOf(before.PID)
	seen := together(times, func(i int) (int, error) { return call("sendMessage", to, fmt.Sprint("look ", i, " ", page)) })
	if err := lives(fmt.Sprintf("a link to a picture of 7000×7000 with 16 bits is echoed, %d at once",
		times), seen, peak()); err != nil {
		return rows, err
	}

	ids, err := sendLiars(ctx, t, stranger.Phone(), times)
	if err != nil {
		return rows, err
	}
	peak = peakOf(before.PID)
	seen = together(len(ids), func(i int) (int, error) { return call("downloadMedia", ids[i]) })
	return rows, lives(fmt.Sprintf("documents of 95 MiB that claim 1,000 bytes are downloaded, %d at once", times), seen,
		peak())
}

// fatalStatus finds answers that only a bug gives.
func fatalStatus(seen string) bool {
	return strings.Contains(seen, "500") || strings.Contains(seen, "502") || strings.Contains(seen, "504") ||
		strings.Contains(seen, "cut off")
}

// servePicture serves a page that names a large picture, on loopback.
func servePicture() (url string, shut func(), err error) {
	var bomb bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&bomb,
		image.NewNRGBA64(image.Rect(0, 0, 7000, 7000))); err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	base := "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<html><head><title>A page</title><meta property="og:image" content="%s/bomb.png"></head></html>`,
			base)
	})
	mux.HandleFunc("/bomb.png", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "image/png")
		_, _ = w.Write(bomb.Bytes()) // the reader may have had enough
	})
	server := &http.Server{Handler: mux}
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) }) // ends with Close
	return base + "/page", func() { _ = server.Close(); serving.Wait() }, nil
}

// sendLiars sends documents whose length in the message is not that of the file,
// and returns the ids under which the instance knows them.
func sendLiars(ctx context.Context, t *tenant, from *phone.Phone, n int) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	to := t.account.PN()
	heard := make(chan phone.Received, n+1)
	stop := t.account.Phone().Subscribe(func(r phone.Received) {
		if r.Message.GetDocumentMessage() != nil {
			heard <- r
		}
	})
	defer stop()
	if _, err := from.SendDocument(ctx, to, "application/octet-stream", "honest.bin", make([]byte, 95<<20)); err != nil {
		return nil, err
	}
	var honest phone.Received
	select {
	case honest = <-heard:
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for the document: %w", ctx.Err())
	}
	want := map[string]bool{}
	for range n {
		lie := proto.CloneOf(honest.Message)
		lie.DocumentMessage.FileLength = proto.Uint64(1000)
		id, err := from.SendMessage(ctx, to, lie)
		if err != nil {
			return nil, err
		}
		want[id] = true
	}
	return waitForMessages(ctx, t, want)
}

// waitForMessages returns the serialised ids of messages once the instance's feed has them.
func waitForMessages(ctx context.Context, t *tenant, want map[string]bool) ([]string, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var page struct {
			Events []stack.Event `json:"events"`
		}
		if err := t.client.Want(ctx, http.StatusOK, http.MethodGet,
			"/api/instances/"+t.id+"/events?limit=500", nil, &page); err != nil {
			return nil, err
		}
		var ids []string
		for _, e := range page.Events {
			if m, err := e.Message(); err == nil && e.Event == "message" && want[m.ID.ID] {
				ids = append(ids, m.ID.Serialized)
			}
		}
		if len(ids) == len(want) {
			return ids, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the messages in the feed: %w (%d of %d)", ctx.Err(), len(ids), len(want))
		case <-tick.C:
		}
	}
}
