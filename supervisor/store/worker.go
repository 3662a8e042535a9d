package store

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store/db"
)

// WorkerView is the last recorded worker of an instance, for people: it may be
// long gone, and what supervision says of the present is truer.
type WorkerView struct {
	Generation  uint64
	Node        string
	Proc        supervisor.Proc // PID 0: it ended before anybody attached
	Socket      string
	Build       string
	Protocol    uint32
	StartedAt   time.Time
	AttachedAt  time.Time      // zero: nobody attached
	Link        *workerv1.Link // nil before the first report; without QR and pairing code
	RSSBytes    uint64
	CPUPercent  float64
	Responsive  bool
	LastFrameAt *time.Time
	SampledAt   *time.Time       // nil before the first look
	Exit        *supervisor.Exit // nil while it is not known to have ended
}

func viewOf(r db.Worker) (*WorkerView, error) {
	v := &WorkerView{
		Generation: r.Generation, Node: r.NodeID,
		Proc:   supervisor.Proc{PID: r.Pid, StartTicks: r.StartTicks, BootID: r.BootID},
		Socket: r.Socket, Build: r.Build, Protocol: uint32(r.Protocol), StartedAt: r.StartedAt,
		RSSBytes: r.RssBytes, CPUPercent: r.CpuPercent, Responsive: r.Responsive,
		LastFrameAt: r.LastFrameAt, SampledAt: r.SampledAt,
	}
	if r.AttachedAt != nil {
		v.AttachedAt = *r.AttachedAt
	}
	if r.ExitedAt != nil {
		v.Exit = &supervisor.Exit{At: *r.ExitedAt, Reason: r.ExitReason}
		if r.ExitCode != nil {
			v.Exit.Code = *r.ExitCode
		}
	}
	if len(r.Link) > 0 {
		v.Link = &workerv1.Link{}
		// A link that another version wrote may have fields this one does not know.
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(r.Link, v.Link); err != nil {
			return nil, fmt.Errorf("decode link of %s: %w", r.InstanceID, err)
		}
	}
	return v, nil
}

// encodeLink leaves out what would let a reader of the database pair as us.
func encodeLink(link *workerv1.Link) ([]byte, error) {
	if link == nil {
		return nil, nil
	}
	l := proto.CloneOf(link)
	l.Qr, l.QrExpiresAt, l.PairingCode, l.PairingCodeExpiresAt = "", nil, "", nil
	b, err := protojson.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("encode link: %w", err)
	}
	return b, nil
}
