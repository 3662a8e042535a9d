package sends

import (
	"context"
	"fmt"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// fileStore has the files that wait in the queue with their sends.
type fileStore interface {
	SendFiles(ctx context.Context, instance supervisor.ID, key string) ([]store.SendFile, error)
	SendFilePart(ctx context.Context, id string, part int) ([]byte, error)
}

// handOver gives the worker the files that wait with a send, part by part. The parameters
// name them by their content.
func (s *Sender) handOver(ctx context.Context, worker workerv1.WorkerClient, instance supervisor.ID, key string) error {
	files, err := s.store.SendFiles(ctx, instance, key)
	if err != nil {
		return fmt.Errorf("list the files of a send: %w", err)
	}
	for _, file := range files {
		if err := s.handOverOne(ctx, worker, file); err != nil {
			return err
		}
	}
	return nil
}

func (s *Sender) handOverOne(ctx context.Context, worker workerv1.WorkerClient, file store.SendFile) error {
	const op = "sends.handOver"
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends a stream that is left in the middle
	stream, err := worker.Upload(ctx)
	if err != nil {
		return fault.FromGRPC(op, err)
	}
	announced := uint64(file.Size)
	for part := 0; ; part++ {
		data, err := s.store.SendFilePart(ctx, file.ID, part)
		if fault.Is(err, fault.NotFound) {
			break
		}
		if err != nil {
			return fmt.Errorf("read a file of a send: %w", err)
		}
		if err = stream.Send(&workerv1.UploadRequest{Data: data, Announced: announced}); err != nil {
			break // the worker's reason comes with its answer
		}
		announced = 0
	}
	_, err = stream.CloseAndRecv()
	return fault.FromGRPC(op, err)
}
