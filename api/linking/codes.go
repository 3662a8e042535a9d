package linking

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/qr"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/proto/linking"
	"whatsapp-manager/proto/phone"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

const opQR = "linking.qr"

// QRView is a code to scan.
type QRView struct {
	Status    string     `json:"status" example:"qr_pending"`
	QR        string     `json:"qr" doc:"The text in the code, as WhatsApp gave it" example:"2@…"`
	QRCode    string     `json:"qrCode" doc:"The code as a picture, for an <img>" example:"data:image/png;base64,…"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty" doc:"WhatsApp then shows the next code; ask again"`
}

// codeRoutes are those of a QR code and of a pairing code alone.
func (p *routes) codeRoutes() {
	code := route.OfInstance("get-qr", http.MethodGet, "/{id}/qr", "The QR code to scan with the phone", http.StatusOK)
	code.Description = "404 with the reason when there is no code to show. When the codes ran out unread, this request makes new ones. It waits for a code that is not ready yet."
	code.Responses = map[string]*huma.Response{"200": {Description: "The code, in the form asked for", Content: map[string]*huma.MediaType{
		"application/json": {Schema: p.router.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[QRView](), true, "QRView")},
		"image/png":        {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
		"image/svg+xml":    {Schema: &huma.Schema{Type: huma.TypeString}},
		"text/plain":       {Schema: &huma.Schema{Type: huma.TypeString}},
	}}}
	route.Add(p.router, route.OwnInstance, code, p.getQR)
	route.Add(p.router, route.OwnInstance, route.OfInstance("request-pairing-code", http.MethodPost, "/{id}/pairing-code", "A code to type into the phone instead of scanning", http.StatusOK), p.pairingCode)
}

type qrOutput struct {
	ContentType string `header:"Content-Type"`
	Body        any
}

func (p *routes) getQR(ctx context.Context, in *struct {
	route.InstancePath
	Format string `query:"format" enum:"json,png,svg,text" default:"json" doc:"png and svg: only the picture; text: for a terminal"`
	Wait   int    `query:"wait" minimum:"0" maximum:"30" default:"10" doc:"How many seconds to wait for a code that is not ready yet"`
},
) (*qrOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	ctx, release, err := p.auth.While(ctx, row)
	if err != nil {
		return nil, err
	}
	defer release()
	var st supervisor.Status
	err = p.service.await(ctx, row.ID, time.Duration(in.Wait)*time.Second, func() (err error) {
		st, err = p.pairable(ctx, row.ID)
		return err
	})
	if cause := context.Cause(ctx); fault.Is(cause, fault.Unauthorized) {
		return nil, cause // who waited may not see it any more
	}
	if err != nil {
		return nil, err
	}
	code, err := qr.New(st.Link.GetQr())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, opQR, err, "internal error")
	}
	out := &qrOutput{}
	switch in.Format {
	case "svg":
		out.ContentType, out.Body = "image/svg+xml", code.SVG()
	case "text":
		out.ContentType, out.Body = "text/plain; charset=utf-8", []byte(code.Text())
	case "png":
		png, err := code.PNG(qr.ForScreens)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, opQR, err, "internal error")
		}
		out.ContentType, out.Body = "image/png", png
	default:
		url, err := code.DataURL(qr.ForScreens)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, opQR, err, "internal error")
		}
		out.Body = QRView{Status: supervisor.StatusWord(st), QR: st.Link.GetQr(), QRCode: url, ExpiresAt: workerv1.TimeOf(st.Link.GetQrExpiresAt())}
	}
	return out, nil
}

// pairable returns the status with a code in it, or why there is none. An
// unpaired worker that shows nothing is asked to begin.
func (p *routes) pairable(ctx context.Context, id supervisor.ID) (supervisor.Status, error) {
	const op = opQR
	none := func(code, msg string) error {
		return &fault.Error{Kind: fault.NotFound, Op: op, Code: code, Msg: msg}
	}
	soon := &fault.Error{Kind: fault.NotFound, Op: op, Code: codeSoon, Msg: "the code is not ready yet; ask again in a moment", RetryAfter: time.Second}
	st, ok := p.service.supervisor.Status(id)
	if showsQR(st) {
		return st, nil
	}
	switch {
	case !ok || st.Desired == supervisor.Stop || st.State == supervisor.Stopped:
		return st, none("stopped", "the instance is not running; start it first")
	case st.State == supervisor.Failed:
		return st, none("failed", "the instance failed to start: "+st.LastError)
	case st.State != supervisor.Running:
		return st, soon
	}
	if step := st.Link.GetLinking().GetStep(); linking.InCeremony(step) {
		return st, &fault.Error{
			Kind: fault.NotFound, Op: op, Code: "passkey_required",
			Msg: "the account asks for its passkey; GET the instance's link for what to do",
		}
	}
	switch st.Link.GetState() {
	case workerv1.LinkState_LINK_STATE_ONLINE, workerv1.LinkState_LINK_STATE_OFFLINE, workerv1.LinkState_LINK_STATE_CONNECTING:
		if st.Link.GetJid() != "" {
			return st, none("already_paired", "the instance is paired already; log out first")
		}
		return st, soon
	case workerv1.LinkState_LINK_STATE_REFUSED:
		return st, none("refused", "WhatsApp refuses this instance: "+st.Link.GetReason())
	case workerv1.LinkState_LINK_STATE_UNPAIRED, workerv1.LinkState_LINK_STATE_LOGGED_OUT:
		if err := p.service.begin(ctx, id); err != nil {
			return st, err
		}
		if st, _ = p.service.supervisor.Status(id); showsQR(st) {
			return st, nil
		}
	}
	return st, soon
}

func showsQR(st supervisor.Status) bool {
	exp := st.Link.GetQrExpiresAt()
	return st.State == supervisor.Running && st.Link.GetQr() != "" && (exp == nil || exp.AsTime().After(time.Now()))
}

type pairingCodeOutput struct {
	Body struct {
		Code      string     `json:"code" example:"ABCD-EFGH"`
		ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	}
}

func (p *routes) pairingCode(ctx context.Context, in *struct {
	route.InstancePath
	Body struct {
		PhoneNumber      string `json:"phoneNumber" maxLength:"40" doc:"In international form, with or without +" example:"4915112345678"`
		ShowNotification bool   `json:"showNotification,omitempty" default:"true" doc:"Also show a notification on the phone"`
	}
},
) (*pairingCodeOutput, error) {
	row, err := p.auth.Instance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	number, err := phone.Digits(in.Body.PhoneNumber)
	if err != nil {
		return nil, fault.Bad("linking.pairingCode", "phoneNumber", "phoneNumber: %v", err)
	}
	answer, err := p.service.Pair(ctx, row.ID, &workerv1.PairRequest{PhoneNumber: number, ShowNotification: in.Body.ShowNotification})
	if err != nil {
		return nil, err
	}
	out := &pairingCodeOutput{}
	out.Body.Code, out.Body.ExpiresAt = answer.GetCode(), workerv1.TimeOf(answer.GetExpiresAt())
	return out, nil
}
