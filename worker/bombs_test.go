package worker_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
	"whatsapp-manager/worker/wasim"
	"whatsapp-manager/worker/wasim/media"
)

// packed compresses a pattern, repeated to a size, without having it in memory.
func packed(t *testing.T, pattern []byte, size int64) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zlib.NewWriterLevel(&out, zlib.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	block := bytes.Repeat(pattern, (1<<20)/len(pattern))
	for left := size; left > 0; left -= int64(len(block)) {
		if _, err := w.Write(block[:min(int64(len(block)), left)]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// hugePNG is black, of 16 bits a colour and transparent.
func hugePNG(t *testing.T, side uint32) []byte {
	t.Helper()
	out := bytes.NewBufferString("\x89PNG\r\n\x1a\n")
	chunk := func(kind string, body []byte) {
		_ = binary.Write(out, binary.BigEndian, uint32(len(body)))
		whole := append([]byte(kind), body...)
		out.Write(whole)
		_ = binary.Write(out, binary.BigEndian, crc32.ChecksumIEEE(whole))
	}
	header := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, side), side)
	chunk("IHDR", append(header, 16, 6, 0, 0, 0))
	chunk("IDAT", packed(t, []byte{0}, int64(side)*(int64(side)*8+1)))
	chunk("IEND", nil)
	return out.Bytes()
}

// stillLives fails when the worker ended or took more memory at any time.
func (p *process) stillLives(most int) {
	p.t.Helper()
	select {
	case <-p.done:
		p.t.Fatalf("the worker ended with code %d", p.cmd.ProcessState.ExitCode())
	default:
	}
	peak := highWater(p.t, p.cmd.Process.Pid)
	p.t.Logf("the worker's peak: %d MiB", peak>>20)
	if peak > most && !raceDetector {
		p.t.Errorf("the worker took %d MiB, more than %d", peak>>20, most>>20)
	}
}

func (p *process) do(method string, params ...any) (json.RawMessage, error) {
	raw, err := json.Marshal(params)
	if err != nil {
		p.t.Fatal(err)
	}
	answer, err := p.Call(p.ctx, &workerv1.CallRequest{Method: method, Params: raw})
	return answer.GetResult(), fault.FromGRPC("test", err)
}

// withoutHistory is an account whose past takes no memory.
var withoutHistory = wasim.AccountOptions{}

// A bot echoes what strangers write, also links to pictures that unfold to 392 MB.
func TestAPictureBehindALinkEndsNoWorker(t *testing.T) {
	t.Parallel()
	bomb := hugePNG(t, 7000)
	t.Logf("%d bytes for 7000x7000 pixels of 16 bit", len(bomb))
	w := newWorldWith(t, storetest.NewURL(t), withoutHistory)
	// A confined worker gets to WhatsApp's port and, without a manager, to no other
	// one; whose address it is at does not matter.
	_, port, err := net.SplitHostPort(w.sim.Address())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bomb.png" {
			w.Header().Set("Content-Type", "image/png")
			w.Write(bomb)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<title>Look</title><meta property="og:image" content="/bomb.png">`)
	}))
	_ = site.Listener.Close()
	site.Listener = listener
	site.Start()
	defer site.Close()
	w.boot.MediaNetworks = []string{"127.0.0.0/8"}
	p, _ := w.paired()
	var sends sync.WaitGroup
	for i := range 6 {
		sends.Go(func() {
			if _, err := p.do("sendMessage", "15550000999@c.us", fmt.Sprintf("echo %s/%d", site.URL, i)); err != nil {
				t.Errorf("echo: %v", err)
			}
		})
	}
	sends.Wait()
	p.stillLives(130 << 20)
	w.eventually("six messages with a title and no picture", func() bool {
		n := 0
		for _, m := range w.bob.Phone().Received() {
			if text := m.Message.GetExtendedTextMessage(); text.GetTitle() == "Look" && text.JPEGThumbnail == nil {
				n++
			}
		}
		return n == 6
	})
	// The same picture as a file: it is sent as it is, and refused where it must be decoded.
	file := map[string]any{"mimetype": "image/png", "data": base64.StdEncoding.EncodeToString(bomb)}
	if _, err := p.do("sendMessage", "15550000999@c.us", file); err != nil {
		t.Errorf("as a picture: %v", err)
	}
	if _, err := p.do("setProfilePicture", file); !fault.Is(err, fault.TooLarge) {
		t.Errorf("as the account's picture: %v", err)
	}
	if _, err := p.do("sendMessage", "15550000999@c.us", file, map[string]any{"sendMediaAsSticker": true}); !fault.Is(err, fault.TooLarge) {
		t.Errorf("as a sticker: %v", err)
	}
	p.stillLives(130 << 20)
}

// What a picture costs to send, of which decoding is a part.
func TestAPictureIsSentInMilliseconds(t *testing.T) {
	w := newWorldWith(t, storetest.NewURL(t), withoutHistory)
	p, _ := w.paired()
	photo := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for i := range photo.Pix {
		photo.Pix[i] = byte(i >> 9)
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, photo, nil); err != nil {
		t.Fatal(err)
	}
	file := map[string]any{"mimetype": "image/jpeg", "data": base64.StdEncoding.EncodeToString(buf.Bytes())}
	const times = 20
	least, begun := time.Hour, time.Now()
	for range times {
		once := time.Now()
		if _, err := p.do("sendMessage", "15550000999@c.us", file); err != nil {
			t.Fatal(err)
		}
		least = min(least, time.Since(once))
	}
	t.Logf("a picture of %d KiB: %v on average, %v at best", buf.Len()>>10, (time.Since(begun) / times).Round(100*time.Microsecond), least.Round(100*time.Microsecond))
	for _, m := range w.bob.Phone().Received() {
		if im := m.Message.GetImageMessage(); im == nil || im.GetWidth() != 1600 || len(im.JPEGThumbnail) == 0 {
			t.Errorf("received an image of %dx%d with a thumbnail of %d bytes", im.GetWidth(), im.GetHeight(), len(im.GetJPEGThumbnail()))
		}
	}
}

func TestADocumentThatLiesAboutItsSizeEndsNoWorker(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, storetest.NewURL(t), withoutHistory)
	p, _ := w.paired()
	const size = 95 << 20
	blob, err := w.sim.Media().Put(media.Document, make([]byte, size))
	if err != nil {
		t.Fatal(err)
	}
	const many = 8
	ids := make([]string, many)
	for i := range ids {
		id, err := w.bob.Phone().SendMessage(w.ctx, w.account.PN(), &waE2E.Message{DocumentMessage: &waE2E.DocumentMessage{
			URL: proto.String(blob.URL), DirectPath: proto.String(blob.DirectPath), Mimetype: proto.String("application/pdf"), FileName: proto.String("small.pdf"),
			MediaKey: blob.Key, FileSHA256: blob.SHA256, FileEncSHA256: blob.EncSHA256, FileLength: proto.Uint64(1000),
		}})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = "false_15550000999@c.us_" + id
	}
	w.eventually("the documents", func() bool {
		return value[int](w.instance, `select count(*)::int from messages where instance_id = $1`, w.id) >= many
	})
	var calls sync.WaitGroup
	begun := time.Now()
	for _, id := range ids {
		calls.Go(func() {
			answer, err := p.do("Message.downloadMedia", id)
			if !fault.Is(err, fault.TooLarge) && !fault.Is(err, fault.RateLimited) {
				t.Errorf("answered %d bytes, %v", len(answer), err)
			}
		})
	}
	calls.Wait()
	t.Logf("%d answers after %v", many, time.Since(begun).Round(time.Millisecond))
	p.stillLives(130 << 20)
	// As whatsmeow has it, in memory.
	for range many {
		calls.Go(func() {
			message := map[string]any{"$type": "DocumentMessage", "directPath": blob.DirectPath, "mediaKey": blob.Key, "fileSHA256": blob.SHA256, "fileEncSHA256": blob.EncSHA256, "fileLength": 1000}
			answer, err := p.do("whatsmeow.Download", message)
			if !fault.Is(err, fault.TooLarge) && !fault.Is(err, fault.RateLimited) {
				t.Errorf("whatsmeow.Download answered %d bytes, %v", len(answer), err)
			}
		})
	}
	calls.Wait()
	p.stillLives(450 << 20)
	// As a stream it comes: that is not in memory.
	stream, err := p.Download(p.ctx, &workerv1.DownloadRequest{MessageId: ids[0]})
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("after %d bytes: %v", got, err)
		}
		got += len(part.GetData())
	}
	if got != size {
		t.Errorf("streamed %d bytes of %d", got, size)
	}
}

func TestAHistoryThatUnfoldsEndsNoWorker(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		pattern string
		size    int64
		inline  bool
	}{
		{"zeros in the message", "\x00", 730 << 20, true},
		{"zeros through the media host", "\x00", 1200 << 20, false},
		// Two bytes each, some hundred in memory.
		{"empty conversations", "\x12\x00", 24 << 20, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			payload := packed(t, []byte(tc.pattern), tc.size)
			t.Logf("%d KiB unfold to %d MiB", len(payload)>>10, tc.size>>20)
			w := newWorldWith(t, storetest.NewURL(t), withoutHistory)
			p, device := w.paired()
			if err := w.account.Phone().SendHistoryPart(w.ctx, device.JID(), payload, tc.inline); err != nil {
				t.Fatal(err)
			}
			w.say("after the history")
			w.received("after the history")
			p.stillLives(160 << 20)
		})
	}
}
