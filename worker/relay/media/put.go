package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"go.mau.fi/whatsmeow"

	"whatsapp-manager/worker/bounds"
	"whatsapp-manager/worker/spool"
)

// smallFile is encrypted in memory: that is quicker than a file, and small.
const smallFile = 256 << 10

// Put puts a file on WhatsApp's servers, encrypted unless it is for a channel.
func (f *Files) Put(
	ctx context.Context, cli *whatsmeow.Client, file Body, kind whatsmeow.MediaType, toChannel bool,
) (whatsmeow.UploadResponse, error) {
	send := f.putEncrypted
	if toChannel {
		send = putOpenly
	}
	up, err := send(ctx, cli, file, kind)
	if worthAnother(ctx, err) {
		up, err = send(ctx, cli, file, kind)
	}
	if err != nil {
		return up, fmt.Errorf("upload media: %w", err)
	}
	return up, nil
}

func putOpenly(
	ctx context.Context, cli *whatsmeow.Client, file Body, kind whatsmeow.MediaType,
) (whatsmeow.UploadResponse, error) {
	return cli.UploadNewsletterReader(ctx, reader(file), kind)
}

// putEncrypted encrypts into a file of the spool: WhatsApp wants the hash of the whole
// before the first byte.
func (f *Files) putEncrypted(
	ctx context.Context, cli *whatsmeow.Client, file Body, kind whatsmeow.MediaType,
) (up whatsmeow.UploadResponse, err error) {
	if file.Size() <= smallFile {
		raw, err := io.ReadAll(reader(file))
		if err != nil {
			return up, fmt.Errorf("read the file: %w", err)
		}
		return cli.Upload(ctx, raw, kind)
	}
	sealed, err := f.Spool.Pass(file.Size()+encryptedMore, func(temp *spool.File) (err error) {
		up, err = cli.UploadReader(ctx, reader(file), temp, kind)
		return err
	})
	if err != nil {
		return up, err
	}
	return up, sealed.Close()
}

// worthAnother tells whether an upload failed on its way. Go repeats a request on a
// new connection when the server closed an idle one, but not one whose body it cannot
// read again.
func worthAnother(ctx context.Context, err error) bool {
	var failed *url.Error
	return errors.As(err, &failed) && ctx.Err() == nil && !errors.Is(err, bounds.ErrStalled)
}
