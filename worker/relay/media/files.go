package media

import (
	"context"
	"io"
	"net"
	"net/netip"

	"github.com/rs/zerolog"
	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/decode"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/spool"
)

const op = param.Op

// What a file takes of the worker's memory, for each of its bytes, measured
// with whatsmeow and gRPC as they are.
const (
	// perByteInMemory: the file, its encrypted copy or its base64, what is left of
	// growing buffers.
	perByteInMemory = 4
	// perByteEncoded: base64 in the answer, and the answer as gRPC sends it.
	perByteEncoded = 3
	// defaultMemory is the budget when none is given.
	defaultMemory = 320 << 20
	// encryptedMore is what encryption adds to a file: padding and a MAC.
	encryptedMore = 64
)

const (
	// MaxFile bounds a file where Config says nothing: WhatsApp's limit for documents.
	MaxFile = 2 << 30
	// maxInMemory bounds a file that has to be in memory as a whole: one that is
	// decoded, and one that goes out as base64.
	maxInMemory = 64 << 20
)

// Config says what Files works with.
type Config struct {
	// Networks are internal networks from which files may be fetched.
	Networks []netip.Prefix
	// Dial connects to addresses that calls name, and judges them. Nil: it connects
	// directly, to public addresses and Networks.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Spool holds uploaded files, and those that are being sent or downloaded.
	Spool *spool.Spool
	// MaxFile bounds a file that is sent or received as a stream, in bytes; 0: MaxFile.
	MaxFile int64
	// Decoder reads images and converts media; nil: one with a pool of its own.
	Decoder *decode.Pool
	// Memory is what files of calls may take together; nil: some 320 MiB.
	Memory *bounds.Budget
	Log    zerolog.Logger
}

// Files works with the files of all calls. It is safe for concurrent use.
type Files struct {
	Config
	pages chan struct{} // holds a token for each web page that is being read
}

// New returns Files. It starts nothing.
func New(config Config) *Files {
	if config.Decoder == nil {
		config.Decoder = decode.New(config.Log)
	}
	if config.Memory == nil {
		config.Memory = bounds.NewBudget(defaultMemory)
	}
	if config.MaxFile == 0 {
		config.MaxFile = MaxFile
	}
	return &Files{Config: config, pages: make(chan struct{}, maxPages)}
}

// Upload puts a file on WhatsApp's servers.
type Upload func(ctx context.Context, file Body, kind whatsmeow.MediaType) (whatsmeow.UploadResponse, error)

// Work is Files in the hands of one call.
type Work struct {
	*Files
	Upload Upload
	memory *bounds.Share
	open   []io.Closer
}

// Work begins the work of one call. The caller ends it with Release.
func (f *Files) Work(upload Upload) *Work {
	return &Work{Files: f, Upload: upload, memory: f.Memory.Share()}
}

// Release gives back the memory of the call, and deletes its files.
func (w *Work) Release() {
	for _, file := range w.open {
		_ = file.Close()
	}
	w.open = nil
	w.memory.Release()
}

// Bounded returns a context whose downloads into memory are held to 64 MiB and
// count against the budget.
func (w *Work) Bounded(ctx context.Context) context.Context {
	return bounds.With(ctx, &bounds.Limit{Most: maxInMemory, Share: w.memory, Times: perByteInMemory})
}
