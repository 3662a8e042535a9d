package api_test

import (
	"net/http"
	"testing"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor"
)

func TestSessionMethods(t *testing.T) {
	o := open(t)
	id, key := o.instance(o.token)
	desired := func() supervisor.Desired { st, _ := o.desk.Status(supervisor.ID(id)); return st.Desired }
	o.want(http.StatusOK, "POST", "/api/proxy/destroy", key, nil)
	if desired() != supervisor.Stop {
		t.Error("destroyed and still wanted")
	}
	o.want(http.StatusOK, "POST", "/api/proxy/initialize", key, nil)
	if desired() != supervisor.Run {
		t.Error("initialized and not wanted")
	}
	var asked []*workerv1.PairRequest
	o.worker.pair = func(in *workerv1.PairRequest) (*workerv1.PairResponse, error) {
		asked = append(asked, in)
		return &workerv1.PairResponse{Code: "ABCD-EFGH"}, nil
	}
	if a := o.want(http.StatusOK, "POST", "/api/proxy/requestPairingCode", key, []byte(`["+49 151 23456789",false]`)); a.str("result") != "ABCDEFGH" {
		t.Errorf("%s", a.raw)
	}
	o.want(http.StatusOK, "POST", "/api/proxy/cancelPairingCode", key, nil)
	o.want(http.StatusOK, "POST", "/api/proxy/setDeviceName", key, []byte(`["Bakery","Firefox"]`))
	if len(asked) != 3 || asked[0].GetPhoneNumber() != "4915123456789" || asked[0].GetShowNotification() || !asked[1].GetCancel() || asked[2].GetDeviceName() != "Bakery" || asked[2].GetBrowser() != "Firefox" {
		t.Errorf("the worker was asked %v", asked)
	}
	for body, field := range map[string]string{`["x"]`: "params[0]", `[]`: "params[0]", `["4915123456789","no"]`: "params[1]"} {
		t.Run(body, func(t *testing.T) {
			if a := o.do("POST", "/api/proxy/requestPairingCode", key, []byte(body)); a.status != http.StatusBadRequest || a.str("details.field") != field {
				t.Errorf("%s: %d %s", body, a.status, a.raw)
			}
		})
	}
	for body, field := range map[string]string{`[]`: "params[0]", `["a","Netscape"]`: "params[1]"} {
		t.Run(body, func(t *testing.T) {
			if a := o.do("POST", "/api/proxy/setDeviceName", key, []byte(body)); a.status != http.StatusBadRequest || a.str("details.field") != field {
				t.Errorf("%s: %d %s", body, a.status, a.raw)
			}
		})
	}
	o.worker.pair = func(*workerv1.PairRequest) (*workerv1.PairResponse, error) {
		return nil, fault.New(fault.Conflict, "test", "paired")
	}
	if a := o.do("POST", "/api/proxy/setDeviceName", key, []byte(`["Bakery"]`)); a.status != http.StatusConflict {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// Every method that the catalog leaves to the manager has an answer here, or in
// a package that is mounted.
func TestManagersMethodsAreAnswered(t *testing.T) {
	var mounted []string
	o := open(t, func(_ *api.Config, d *api.Deps) {
		d.Mounts = append(d.Mounts, func(m *api.Mount) { m.Method("on", nil) })
	})
	_, key := o.instance(o.token)
	all, err := catalog.All()
	must(t, err)
	for _, m := range all {
		if !m.Manager {
			continue
		}
		a := o.do("POST", "/api/proxy/"+m.Name, key, []byte(`{"params":`+orEmpty(string(m.Example))+`}`))
		if a.status == http.StatusNotImplemented {
			mounted = append(mounted, m.Name)
		}
	}
	if len(mounted) != 1 || mounted[0] != "on" {
		t.Errorf("not answered: %v", mounted)
	}
}

func orEmpty(example string) string {
	if example == "" {
		return "[]"
	}
	return example
}
