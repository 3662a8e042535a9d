package api

import (
	"strings"
	"time"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/store"
)

// InstanceView is an instance as the API shows one: what its owner set, and
// what its worker and its link to WhatsApp are doing now.
type InstanceView struct {
	ID          string `json:"id" example:"k3f9a0c2m1zq"`
	Name        string `json:"name"`
	Description string `json:"description"`
	OwnerID     string `json:"ownerId"`

	Status  string `json:"status" enum:"created,connecting,qr_pending,authenticated,ready,disconnected,error,stopped" doc:"The state and the link in one word"`
	Desired string `json:"desired" enum:"run,stop" doc:"What the owner wants"`
	State   string `json:"state" enum:"stopped,starting,running,detached,stopping,backoff,failed" doc:"State of the worker process"`
	Link    string `json:"link" enum:"none,unpaired,pairing,connecting,online,offline,logged_out,refused" doc:"State of the worker's connection to WhatsApp; none: nothing is known yet"`

	LinkReason string     `json:"linkReason,omitempty" doc:"Machine-readable, e.g. qr_expired. While link is refused or logged_out, the worker does not connect until somebody acts. stream_replaced, client_outdated, connect_failure: start or restart the instance. temporary_ban: the same, or wait for linkUntil. logged_out, device_taken: pair again (qr, pairing-code)"`
	LinkDetail string     `json:"linkDetail,omitempty" doc:"The same for people"`
	LinkSince  *time.Time `json:"linkSince,omitempty"`
	LinkUntil  *time.Time `json:"linkUntil,omitempty" doc:"End of a temporary ban"`

	PhoneNumber string `json:"phoneNumber,omitempty" example:"4915112345678"`
	JID         string `json:"jid,omitempty"`
	LID         string `json:"lid,omitempty"`
	PushName    string `json:"pushName,omitempty"`
	Platform    string `json:"platform,omitempty"`

	PID             int        `json:"pid,omitempty"`
	Generation      uint64     `json:"generation" doc:"Number of the worker's start"`
	RestartCount    int        `json:"restartCount" doc:"Number of starts that the owner did not ask for"`
	StartedAt       *time.Time `json:"startedAt,omitempty"`
	Build           string     `json:"build,omitempty"`
	Outdated        bool       `json:"outdated" doc:"The worker runs another build than the installed one; workerUpgrade in /api/health/detailed says why"`
	Confinement     string     `json:"confinement,omitempty" doc:"What confines the worker: landlock with its version, or none; then net (ports), seccomp (system calls) and uid (a user of its own) where they are in force" example:"landlock:7 net seccomp uid"`
	Node            string     `json:"node,omitempty"`
	Memory          Memory     `json:"memory"`
	CPUPercent      float64    `json:"cpuPercent"`
	HistoryProgress int        `json:"historyProgress,omitempty" minimum:"0" maximum:"100" doc:"How much of the phone's history is stored, in percent, as the newest part since the worker's start tells"`

	LastFrameAt *time.Time `json:"lastFrameAt,omitempty" doc:"Last sign of life from WhatsApp"`
	LastError   string     `json:"lastError,omitempty"`
	RetryAt     *time.Time `json:"retryAt,omitempty" doc:"Time of the next automatic start"`
	FeedHead    uint64     `json:"feedHead" doc:"Sequence number of the newest event"`

	SendsPerMinute int       `json:"sendsPerMinute" doc:"0: no limit"`
	RawEvents      bool      `json:"rawEvents" doc:"Events carry the raw content of their Message for streams and pages, also where no webhook wants it"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`

	MovedAt *time.Time `json:"movedAt,omitempty" doc:"When it was moved to another server; it cannot be started here"`
}

// Memory of a worker.
type Memory struct {
	RSSBytes   uint64 `json:"rssBytes"`
	LimitBytes uint64 `json:"limitBytes"`
}

// view joins the row with the supervisor's present. Before the supervisor knows
// of the instance the row alone speaks.
func (h *instances) view(in store.Instance) InstanceView {
	st, known := h.supervisor.Status(in.ID)
	if !known {
		st = supervisor.Status{ID: in.ID, Desired: in.Desired, State: supervisor.Stopped, Generation: in.Generation}
	}
	return viewInstance(in, st, h.cfg.Node)
}

func viewInstance(in store.Instance, st supervisor.Status, node string) InstanceView {
	link := st.Link
	v := InstanceView{
		ID: string(in.ID), Name: in.Name, Description: in.Description, OwnerID: in.OwnerID,
		Status: supervisor.StatusWord(st), Desired: string(st.Desired), State: string(st.State), Link: linkWord(link),
		LinkReason: link.GetReason(), LinkDetail: link.GetDetail(), LinkSince: workerv1.TimeOf(link.GetSince()), LinkUntil: workerv1.TimeOf(link.GetUntil()),
		PhoneNumber: phoneNumber(link.GetJid()), JID: link.GetJid(), LID: link.GetLid(), PushName: link.GetPushName(), Platform: link.GetPlatform(),
		PID: st.Proc.PID, Generation: max(st.Generation, in.Generation), RestartCount: st.RestartCount, StartedAt: unlessZero(st.StartedAt), Build: st.Build, Confinement: st.Confinement, Outdated: st.Outdated,
		Memory: Memory{RSSBytes: st.RSSBytes, LimitBytes: st.LimitBytes}, CPUPercent: st.CPUPercent,
		HistoryProgress: int(link.GetHistoryProgress()),
		LastFrameAt:     workerv1.TimeOf(link.GetLastFrameAt()), LastError: st.LastError, RetryAt: unlessZero(st.RetryAt), FeedHead: st.FeedHead,
		SendsPerMinute: in.SendsPerMinute, RawEvents: in.RawEvents, CreatedAt: in.CreatedAt, UpdatedAt: in.UpdatedAt, MovedAt: in.MovedAt,
	}
	if v.PhoneNumber == "" {
		v.PhoneNumber = phoneNumber(in.DeviceJID)
	}
	if v.Node = in.NodeID; st.Proc.PID != 0 {
		v.Node = node
	}
	return v
}

// linkWord is the link's state in the words of the API: LINK_STATE_LOGGED_OUT is logged_out.
func linkWord(link *workerv1.Link) string {
	if link.GetState() == workerv1.LinkState_LINK_STATE_UNSPECIFIED {
		return "none"
	}
	return strings.ToLower(strings.TrimPrefix(link.GetState().String(), "LINK_STATE_"))
}

// phoneNumber returns the digits of a JID with or without device (4915…:12@s.whatsapp.net).
func phoneNumber(jid string) string {
	user, _, ok := strings.Cut(jid, "@")
	if !ok {
		return ""
	}
	if end := strings.IndexAny(user, ".:"); end >= 0 {
		user = user[:end]
	}
	return user
}

func unlessZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
