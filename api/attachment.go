package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/route"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const opDownload = "api.download"

// downloadTime is for the worker to have a file, and for a small one on a slow line.
const downloadTime = 10 * time.Minute

// attachments are the files of messages.
type attachments struct {
	largest int64
	router  *route.Router
	auth    instanceFinder
	workers sends.Workers
}

func (a *attachments) routes() {
	get := a.router.Authenticated(route.OwnInstance, a.attachment)
	a.router.Echo().GET("/api/instances/:id/messages/:messageId/media", get)
	a.router.Echo().HEAD("/api/instances/:id/messages/:messageId/media", get)
	text := &huma.Schema{Type: huma.TypeString}
	a.router.Document(&huma.Operation{
		OperationID: "get-message-media", Method: http.MethodGet, Path: "/api/instances/{id}/messages/{messageId}/media", Tags: []string{"Messages"},
		Summary: "The file of a message, as it is",
		Description: "Streams the decrypted file; Range asks for a part of it. When WhatsApp no longer has the file, the phone is asked to upload it again. " +
			"404 with the code no_file: the message has no file, or the file no longer exists.",
		Security: route.Security(route.OwnInstance),
		Parameters: []*huma.Param{
			{Name: "id", In: "path", Required: true, Schema: text},
			{Name: "messageId", In: "path", Required: true, Schema: text, Description: "Serialised, as in whatsapp-web.js", Example: "false_4915112345678@c.us_3EB0C431C26A1916E07E"},
			{Name: "part", In: "query", Schema: text, Description: "quoted: the file of the copy inside a quote; card:N: that of a card of a carousel, from 0", Example: "card:0"},
			{Name: "Range", In: "header", Schema: text, Description: "bytes=0-1023"},
		},
		Responses: map[string]*huma.Response{
			"200": {Description: "The file", Content: map[string]*huma.MediaType{echo.MIMEOctetStream: {}}},
			"206": {Description: "The part asked for", Content: map[string]*huma.MediaType{echo.MIMEOctetStream: {}}},
		},
	})
}

func (a *attachments) attachment(c echo.Context) error {
	req := c.Request()
	ctx, cancel := context.WithTimeout(req.Context(), downloadTime+2*sends.FileTime(a.largest))
	defer cancel()
	in, err := a.auth.Instance(ctx, c.Param("id"))
	if err != nil {
		return err
	}
	id, err := url.PathUnescape(c.Param("messageId"))
	if err != nil {
		return fault.Bad(opDownload, "messageId", "messageId: must be escaped as part of a path")
	}
	worker, err := a.workers.Worker(ctx, in.ID)
	if err != nil {
		return err
	}
	file := &remoteFile{ctx: ctx, worker: worker, messageID: id, part: c.QueryParam("part"), size: -1}
	defer file.close()
	offset := firstByte(req.Header.Get("Range"))
	err = file.open(offset)
	if offset > 0 && fault.Is(err, fault.Invalid) {
		// A range behind the end is answered by its own status, with the size.
		err = file.open(0)
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	disposition := map[string]string{}
	if file.name != "" {
		disposition["filename"] = file.name
	}
	// Never shown in place: what a stranger sent must not run as a page of ours.
	h.Set(echo.HeaderContentDisposition, mime.FormatMediaType("attachment", disposition))
	h.Set(echo.HeaderContentType, echo.MIMEOctetStream)
	if _, _, err := mime.ParseMediaType(file.mimetype); err == nil {
		h.Set(echo.HeaderContentType, file.mimetype)
	}
	sum := sha256.Sum256([]byte(string(in.ID) + "\x00" + id + "\x00" + file.part))
	h.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	h.Set("Cache-Control", "private, max-age=86400") // the file of a message never changes
	http.ServeContent(c.Response(), req, "", time.Time{}, file)
	return nil
}

var openRange = regexp.MustCompile(`^bytes=([0-9]{1,18})-[0-9]*$`)

// firstByte guesses where reading will begin, so that the first stream is the right one.
func firstByte(header string) int64 {
	if m := openRange.FindStringSubmatch(header); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// remoteFile is a file that the worker streams, for http.ServeContent: a Seek
// costs nothing until something is read at another place than the stream's.
type remoteFile struct {
	ctx       context.Context
	worker    workerv1.WorkerClient
	messageID string
	part      string // of the message; empty: the message itself

	mimetype, name string
	size           int64 // -1 until the first stream told
	at             int64 // where the reader wants to read

	stream workerv1.Worker_DownloadClient
	end    context.CancelFunc
	pos    int64 // of the stream
	rest   []byte
}

// open begins a stream at offset and takes its first message.
func (f *remoteFile) open(offset int64) error {
	f.close()
	ctx, cancel := context.WithCancel(f.ctx)
	stream, err := f.worker.Download(ctx, &workerv1.DownloadRequest{MessageId: f.messageID, Part: f.part, Offset: uint64(offset)})
	var first *workerv1.DownloadResponse
	if err == nil {
		first, err = stream.Recv()
	}
	if err = fault.FromGRPC(opDownload, err); err != nil {
		cancel()
		return err
	}
	if f.size < 0 {
		f.mimetype, f.name, f.size = first.GetMimetype(), first.GetFilename(), int64(first.GetSize())
	}
	f.stream, f.end, f.pos, f.rest = stream, cancel, offset, first.GetData()
	return nil
}

func (f *remoteFile) close() {
	if f.end != nil {
		f.end()
		f.stream, f.end, f.rest = nil, nil, nil
	}
}

func (f *remoteFile) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
		f.at = offset
	case io.SeekCurrent:
		f.at += offset
	case io.SeekEnd:
		f.at = f.size + offset
	}
	if f.at < 0 {
		return 0, errors.New("seek before the start")
	}
	return f.at, nil
}

func (f *remoteFile) Read(buf []byte) (int, error) {
	if f.at >= f.size {
		return 0, io.EOF
	}
	if f.stream == nil || f.pos != f.at {
		if err := f.open(f.at); err != nil {
			return 0, err
		}
	}
	for len(f.rest) == 0 {
		part, err := f.stream.Recv()
		if errors.Is(err, io.EOF) {
			return 0, io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
		f.rest = part.GetData()
	}
	n := copy(buf, f.rest)
	f.rest, f.at, f.pos = f.rest[n:], f.at+int64(n), f.pos+int64(n)
	return n, nil
}
