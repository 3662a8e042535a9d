package rpc

import (
	"errors"
	"io"
	"math"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

const streamPart = 256 << 10 // bytes

// parts reads an Upload's stream.
type parts struct {
	workerv1.Worker_UploadServer
	rest []byte
}

// Read returns the bytes of the stream's parts, one after the other.
func (p *parts) Read(buf []byte) (int, error) {
	for len(p.rest) == 0 {
		part, err := p.Recv()
		if err != nil {
			return 0, err // io.EOF when the client has sent all
		}
		p.rest = part.GetData()
	}
	n := copy(buf, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// Upload keeps a file for a later call.
func (s *Service) Upload(stream workerv1.Worker_UploadServer) error {
	s.Used()
	first, err := stream.Recv()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err = s.Spool.Room(int64(min(first.GetAnnounced(), math.MaxInt64))); err != nil {
		return err
	}
	name, size, err := s.Spool.Put(&parts{Worker_UploadServer: stream, rest: first.GetData()}, s.MaxFile)
	if err != nil {
		return err
	}
	return stream.SendAndClose(&workerv1.UploadResponse{Upload: name, Size: uint64(size)})
}

// Download sends the file of a message, from an offset on.
func (s *Service) Download(req *workerv1.DownloadRequest, stream workerv1.Worker_DownloadServer) error {
	s.Used()
	file, err := s.Methods.Download(stream.Context(), req.GetMessageId(), req.GetPart())
	if err != nil {
		return err
	}
	defer file.File.Close()
	if req.GetOffset() > uint64(file.Size) {
		return fault.Bad("worker.Download", "offset", "offset: the file has %d bytes", file.Size)
	}
	if _, err = file.File.Seek(int64(req.GetOffset()), io.SeekStart); err != nil {
		return fault.Wrap(fault.Internal, "worker.Download", err, "internal error")
	}
	head := &workerv1.DownloadResponse{Mimetype: file.Mimetype, Filename: file.Filename, Size: uint64(file.Size)}
	for {
		head.Data = make([]byte, streamPart)
		n, err := file.File.Read(head.Data)
		if err != nil && !errors.Is(err, io.EOF) {
			return fault.Wrap(fault.Internal, "worker.Download", err, "internal error")
		}
		if head.Data = head.Data[:n]; n == 0 && head.Size == 0 {
			return nil
		}
		if err = stream.Send(head); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
		head = &workerv1.DownloadResponse{}
	}
}
