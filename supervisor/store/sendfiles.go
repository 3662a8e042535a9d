package store

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// MaxSendFiles bounds the bytes of all files that wait in one instance's queue.
const MaxSendFiles = 1 << 30

// SendFile is a file that waits in the queue with its send.
type SendFile struct {
	ID   string
	Size int64
}

func tooManyFiles() error {
	return &fault.Error{
		Kind: fault.RateLimited, Op: "store.SendFiles", Code: "too_many_files", RetryAfter: time.Minute,
		Msg: "the files in the instance's queue take as much as they may; a file can be queued by URL",
	}
}

// NewSendFile begins a file of a send that is about to be queued, and returns its id.
// RateLimited when the instance's files take MaxSendFiles already.
func (s *Store) NewSendFile(ctx context.Context, instance supervisor.ID) (id string, err error) {
	id, err = s.q.InsertSendFile(ctx, db.InsertSendFileParams{ID: strings.ToLower(rand.Text()), InstanceID: string(instance), Most: MaxSendFiles})
	if errors.Is(err, pgx.ErrNoRows) {
		return "", tooManyFiles()
	}
	return id, failure("store.NewSendFile", err)
}

// AddToSendFile adds a part, counted from 0. Upload is the SHA-256 of all parts in hex,
// given with the last one, which may be empty. RateLimited when the instance's files
// take more than MaxSendFiles.
func (s *Store) AddToSendFile(ctx context.Context, id string, part int, data []byte, upload string) error {
	var all int64
	err := s.inTx(ctx, func(q *db.Queries) error {
		var err error
		if len(data) > 0 {
			if err = q.InsertSendFilePart(ctx, db.InsertSendFilePartParams{ID: id, Part: part, Data: data}); err != nil {
				return err
			}
		}
		all, err = q.GrowSendFile(ctx, db.GrowSendFileParams{ID: id, Bytes: int64(len(data)), Upload: upload})
		return err
	})
	if err == nil && all > MaxSendFiles {
		return tooManyFiles()
	}
	return failure("store.AddToSendFile", err)
}

// KeepSendFiles gives the files to a send, in the transaction that queues it. Unavailable
// when one of them is no longer there.
func (s *Store) KeepSendFiles(ctx context.Context, tx Tx, send Send, ids []string) error {
	n, err := s.q.WithTx(tx).KeepSendFiles(ctx, db.KeepSendFilesParams{InstanceID: string(send.Instance), Key: send.Key, Ids: ids})
	if err == nil && int(n) != len(ids) {
		err = fault.New(fault.Unavailable, "store.KeepSendFiles", "a file of the form is not there any more")
	}
	return failure("store.KeepSendFiles", err)
}

// DropSendFiles deletes those of the files that belong to no send.
func (s *Store) DropSendFiles(ctx context.Context, ids []string) error {
	return failure("store.DropSendFiles", s.q.DropSendFiles(ctx, ids))
}

// SendFiles lists the files that wait with a send.
func (s *Store) SendFiles(ctx context.Context, instance supervisor.ID, key string) ([]SendFile, error) {
	rows, err := s.q.SendFiles(ctx, db.SendFilesParams{InstanceID: string(instance), Key: key})
	files := make([]SendFile, len(rows))
	for i, row := range rows {
		files[i] = SendFile{row.ID, row.Size}
	}
	return files, failure("store.SendFiles", err)
}

// SendFilePart returns a part of a file; NotFound behind the last one.
func (s *Store) SendFilePart(ctx context.Context, id string, part int) ([]byte, error) {
	data, err := s.q.SendFilePart(ctx, db.SendFilePartParams{ID: id, Part: part})
	return data, failure("store.SendFilePart", err)
}
