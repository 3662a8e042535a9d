package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"whatsapp-manager/api/intake"
	"whatsapp-manager/api/jsoncheck"
	"whatsapp-manager/api/method"
	"whatsapp-manager/api/sends"
	"whatsapp-manager/api/trace"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store"
)

const (
	opUpload = "api.upload"
	// uploadTime is for a whole body with its files, from a slow line too, and in a
	// form for each uploadStep of a file.
	uploadTime = 10 * time.Minute
	uploadStep = 64 << 20
	maxFiles   = 8
	// maxFormText is longer than a method's name and a time.
	maxFormText = 256
	uploadPart  = 256 << 10
	// fileMember marks, in the parameters of a form, where a file belongs.
	fileMember = "$file"
)

// isForm tells whether the body is multipart/form-data: files as they are
// beside the parameters, which the handler reads as a stream.
func isForm(req *http.Request) bool {
	kind, _, err := mime.ParseMediaType(req.Header.Get(echo.HeaderContentType))
	return err == nil && kind == echo.MIMEMultipartForm && req.Method == http.MethodPost
}

// takeForm reads a form: `params`, and files that the worker gets as they come.
// It returns the body that the same call would have as JSON, each {"$file":"name"}
// replaced by a MessageMedia that names the upload. The SHA-256 of a file is its
// name there, so that a repeated form is the same call.
func (b *bodies) takeForm(c echo.Context, in store.Instance, method catalog.Method) ([]byte, error) {
	req := c.Request()
	if !method.TakesMedia() {
		return nil, fault.Bad(opUpload, "body", "%s takes no file; send the parameters as JSON", method.Name)
	}
	reader, err := req.MultipartReader()
	if err != nil {
		return nil, fault.Bad(opUpload, "body", "the form cannot be read: %s", err)
	}
	ctx, step, end := b.formTime(req.Context())
	defer end()
	worker, err := b.workers.Worker(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	texts, files, err := b.readForm(ctx, reader, func(part *multipart.Part) (map[string]any, error) {
		announced := min(max(intake.Of(ctx).Announced(), 0), b.cfg.MaxFile)
		return takeFile(ctx, part, step, func(r io.Reader) (string, int64, error) { return upload(ctx, worker, r, announced) })
	})
	if err != nil {
		return nil, err
	}
	return placeFiles(texts["params"], files)
}

// formTime gives a form its time, and each uploadStep of a file as much again.
func (b *bodies) formTime(ctx context.Context) (formCtx context.Context, step, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(uploadTime, cancel)
	body := intake.Of(ctx)
	body.Within(uploadTime, b.cfg.BodyTimeout)
	step = func() {
		late.Reset(uploadTime)
		body.Within(uploadTime, b.cfg.BodyTimeout)
	}
	return ctx, step, func() {
		late.Stop()
		cancel()
	}
}

// readForm reads params, the short texts that a form may have besides, and its files, which take gets as they come.
func (b *bodies) readForm(
	ctx context.Context, reader *multipart.Reader, take func(*multipart.Part) (map[string]any, error), names ...string,
) (texts map[string][]byte, files map[string]map[string]any, err error) {
	texts, files = map[string][]byte{}, map[string]map[string]any{}
	for {
		part, err := reader.NextRawPart()
		if errors.Is(err, io.EOF) {
			return texts, files, nil
		}
		if err != nil {
			return nil, nil, brokenForm(err)
		}
		name := part.FormName()
		switch {
		case name == "params" && part.FileName() == "":
			if texts[name], err = b.formParams(ctx, part); err != nil {
				return nil, nil, err
			}
		case slices.Contains(names, name) && part.FileName() == "":
			if texts[name], err = io.ReadAll(io.LimitReader(part, maxFormText)); err != nil {
				return nil, nil, brokenForm(err)
			}
		case name == "" || part.FileName() == "":
			return nil, nil, fault.Bad(opUpload, "body", "a form has a field params, and files with a name and a filename each")
		case files[name] != nil:
			return nil, nil, fault.Bad(opUpload, name, "%s: there are two files of this name", name)
		case len(files) == maxFiles:
			return nil, nil, fault.Bad(opUpload, name, "%s: a form has at most %d files", name, maxFiles)
		default:
			if files[name], err = take(part); err != nil {
				return nil, nil, ofPart(err, name)
			}
		}
	}
}

func (b *bodies) formParams(ctx context.Context, part *multipart.Part) ([]byte, error) {
	if err := b.counting(ctx)(b.cfg.BodyLimit); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(part, b.cfg.BodyLimit+1))
	switch {
	case err != nil:
		return nil, brokenForm(err)
	case int64(len(data)) > b.cfg.BodyLimit:
		return nil, &fault.Error{Kind: fault.TooLarge, Op: opUpload, Field: "params", Msg: fmt.Sprintf("params: is larger than %d bytes", b.cfg.BodyLimit)}
	}
	if d := jsoncheck.Check(data, maxDepth); d != nil {
		return nil, fault.Bad(opUpload, "params", "params: %s", d.Reason)
	}
	return data, nil
}

// takeFile has the file kept and returns the MessageMedia for it. Step is called at each
// uploadStep of it.
func takeFile(
	ctx context.Context, part *multipart.Part, step func(), keep func(io.Reader) (name string, size int64, err error),
) (map[string]any, error) {
	name, size, err := keep(&formFile{part: part, step: step})
	if err != nil {
		return nil, err
	}
	trace.Of(ctx).Longer += sends.FileTime(size)
	media := map[string]any{"$type": "MessageMedia", "upload": name}
	if kind, _, err := mime.ParseMediaType(part.Header.Get(echo.HeaderContentType)); err == nil && kind != echo.MIMEOctetStream {
		media["mimetype"] = part.Header.Get(echo.HeaderContentType)
	} else if byName := mime.TypeByExtension(path.Ext(part.FileName())); byName != "" {
		media["mimetype"] = byName
	}
	if name := path.Base(part.FileName()); name != "." && name != "/" {
		media["filename"] = name
	}
	return media, nil
}

// upload hands a file on to the worker as it comes and returns its name there. It is
// refused at once where there is no room for what is announced; 0: nothing is. Errors
// of r are returned as they are.
func upload(
	ctx context.Context, worker workerv1.WorkerClient, r io.Reader, announced int64,
) (name string, size int64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that is left in the middle
	stream, err := worker.Upload(ctx)
	if err != nil {
		return "", 0, fault.FromGRPC(opUpload, err)
	}
	buf := make([]byte, uploadPart)
	for {
		n, readErr := io.ReadFull(r, buf)
		if n > 0 {
			if err = stream.Send(&workerv1.UploadRequest{Data: buf[:n], Announced: uint64(announced)}); err != nil {
				break // the worker's reason comes with its answer
			}
			announced = 0
		}
		if errors.Is(readErr, io.EOF) || errors.Is(readErr, io.ErrUnexpectedEOF) {
			break
		}
		if readErr != nil {
			return "", 0, readErr
		}
	}
	done, err := stream.CloseAndRecv()
	if err = fault.FromGRPC(opUpload, err); err != nil {
		return "", 0, err
	}
	return done.GetUpload(), int64(done.GetSize()), nil
}

// formFile is a file in a form, with faults for errors.
type formFile struct {
	part *multipart.Part
	step func()
	read int64 // since the last step
}

func (f *formFile) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if f.read += int64(n); f.read >= uploadStep {
		f.read = 0
		f.step()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = brokenForm(err)
	}
	return n, err
}

// brokenForm tells a form that came too slowly from one that is none.
func brokenForm(err error) error {
	if errors.Is(err, intake.ErrTimeout) {
		return intake.ErrTimeout
	}
	return fault.Bad(opUpload, "body", "the form is not complete, or is not a form")
}

// placeFiles puts each file where the parameters ask for it. Members beside
// $file, such as filename, count more than what the form says.
func placeFiles(params []byte, files map[string]map[string]any) ([]byte, error) {
	if len(bytes.TrimSpace(params)) == 0 {
		return nil, fault.Bad(opUpload, "params", `params: is missing: a JSON array in which {"$file":"name"} stands for the file of that name`)
	}
	dec := json.NewDecoder(bytes.NewReader(params))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fault.Bad(opUpload, "params", "params: is not JSON: %s", method.SyntaxError(params))
	}
	placed := map[string]bool{}
	var missing string
	var place func(v any) any
	place = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = place(v[i])
			}
		case map[string]any:
			name, ok := v[fileMember].(string)
			if !ok {
				for k := range v {
					v[k] = place(v[k])
				}
				return v
			}
			file := files[name]
			if file == nil {
				missing = name
				return v
			}
			placed[name] = true
			delete(v, fileMember)
			for k, given := range file {
				if _, own := v[k]; !own || k == "upload" {
					v[k] = given
				}
			}
		}
		return v
	}
	tree = place(tree)
	if missing != "" {
		return nil, fault.Bad(opUpload, "params", "params: the form has no file of the name that $file asks for")
	}
	for name := range files {
		if !placed[name] {
			return nil, fault.Bad(opUpload, name, `%s: no {"$file":…} in params asks for this file`, name)
		}
	}
	body, err := json.Marshal(tree)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, opUpload, err, "internal error")
	}
	return body, nil
}
