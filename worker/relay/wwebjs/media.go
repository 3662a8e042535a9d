package wwebjs

import (
	"context"
	"encoding/json"
	"slices"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// mediaRows fetch files.
var mediaRows = []relay.Row{
	{
		Name: "Message.downloadMedia", Result: "MessageMedia|undefined", Need: relay.NeedOnline,
		Params: append(slices.Clone(messageOnly), param.Param{
			Name: "options", Kind: kindDownload, Optional: true,
			Doc: `part: "quoted" for the file of the copy inside a quote, "card:0" for that of a card of a carousel`,
		}),
		Example: messageExample,
		Doc: "Downloads this message's file; null for a message without one, and when WhatsApp and the phone " +
			"no longer have it. Then GET …/messages/{messageId}/media answers 404 with the reason.",
		Do: downloadMedia,
	},
	{
		Name: "MessageMedia.fromUrl", Result: "MessageMedia",
		Params: []param.Param{
			{Name: "url", Kind: param.URL},
			{
				Name: "options", Kind: kindFetch, Optional: true,
				Doc: "filename, unsafeMime (true: the type by the file's bytes when nothing else tells it)",
			},
		},
		Example: `["https://example.org/picture.jpg"]`,
		Doc:     "Fetches a file from a public address.",
		Do:      fromURL,
	},
	{
		Name: "MessageMedia.fromFilePath", Result: "MessageMedia",
		Doc: "Reads a file of the caller's machine.",
		Impossible: "the files are on the caller's machine and not on the server; read it there and pass " +
			"{mimetype, data, filename}",
	},
}

type downloadOptions struct {
	Part string `json:"part"`
}

var kindDownload = param.Object("DownloadOptions", func(o *downloadOptions, path string) error {
	return relay.CheckPart(o.Part, path+".part")
})

type fetchOptions struct {
	Filename   *string         `json:"filename"`
	UnsafeMime bool            `json:"unsafeMime"`
	Client     json.RawMessage `json:"client"`
	ReqOptions json.RawMessage `json:"reqOptions"`
}

var kindFetch = param.Object("MediaFromURLOptions", (*fetchOptions).check)

func (o *fetchOptions) check(path string) error {
	for name, given := range map[string]json.RawMessage{"client": o.Client, "reqOptions": o.ReqOptions} {
		if !param.IsNull(given) {
			return fault.New(fault.Unimplemented, relay.Op, "%s.%s: there is no browser to fetch with", path, name)
		}
	}
	return nil
}

func fromURL(ctx context.Context, c *relay.Call) (any, error) {
	options := relay.Arg[fetchOptions](c, 1)
	return encoded(c.Media.FromURL(ctx, relay.Arg[string](c, 0), options.Filename, "params[0]"))
}

func downloadMedia(ctx context.Context, c *relay.Call) (any, error) {
	r, err := c.FindWithFile(ctx, relay.Arg[shape.MessageID](c, 0))
	if err != nil {
		return nil, err
	}
	return encoded(c.Media.Download(ctx, c.Client, relay.FileOf(r, relay.Arg[downloadOptions](c, 1).Part)))
}

// encoded is an answer that is JSON already; no answer is null.
func encoded(answer json.RawMessage, err error) (any, error) {
	if answer == nil || err != nil {
		return nil, err
	}
	return relay.Encoded(answer), nil
}
