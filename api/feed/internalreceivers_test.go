package feed_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"whatsapp-manager/api/feed"
	"whatsapp-manager/supervisor/store"
)

// nowhere allows no receiver of the tests.
var nowhere = feed.Options{Networks: []netip.Prefix{netip.MustParsePrefix("127.9.9.9/32")}}

func TestInternalReceiversAreRefused(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, nowhere)
	of := "/api/instances/" + string(instance) + "/webhooks"
	made := o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": "http://127.9.9.9:1/"})
	one := "/api/webhooks/" + at(made, "webhook.id").(string)
	for _, inside := range []string{
		"http://127.0.0.1/", "http://127.0.0.1.:80/", "https://10.0.0.1:8443/hook", "http://169.254.169.254/latest/meta-data", "http://[::1]:80/", "http://[fe80::1%25eth0]/",
		"http://[::ffff:192.168.0.1]/",
	} {
		if p := o.do(http.StatusBadRequest, "POST", of, o.admin, map[string]any{"url": inside}); p["field"] != "url" || !strings.Contains(fmt.Sprint(p["detail"]), "internal") {
			t.Errorf("create with %s: %v", inside, p)
		}
		if p := o.do(http.StatusBadRequest, "PATCH", one, o.admin, map[string]any{"url": inside}); p["field"] != "url" {
			t.Errorf("update to %s: %v", inside, p)
		}
	}
	o.do(http.StatusCreated, "POST", of, o.admin, map[string]any{"url": "http://93.184.216.34/"})

	// One from a time when it was allowed can be disabled.
	e, err := o.store.Endpoint(t.Context(), at(made, "webhook.id").(string))
	must(t, err)
	e.URL = "http://127.0.0.1:1/"
	must(t, o.store.UpdateEndpoint(t.Context(), e))
	o.do(http.StatusOK, "PATCH", one, o.admin, map[string]any{"enabled": false})
}

// localhost is a name: what it stands for is seen when it is posted to.
func TestANameOfAnInternalReceiverFailsWhenItIsPostedTo(t *testing.T) {
	t.Parallel()
	o, hook := newOfficeWith(t, nowhere), newReceiver(t)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(hook.URL, "http://"))
	must(t, err)
	made := o.do(http.StatusCreated, "POST", "/api/instances/"+string(instance)+"/webhooks", o.admin, map[string]any{"url": "http://localhost:" + port + "/"})
	one := "/api/webhooks/" + at(made, "webhook.id").(string)
	o.happen("chat", 1)
	var attempts []any
	o.eventually("the refusal is recorded", func() bool {
		attempts, _ = o.do(http.StatusOK, "GET", one+"/deliveries", o.admin, nil)["deliveries"].([]any)
		return len(attempts) > 0
	})
	if why := at(attempts[0].(map[string]any), "error"); why != "the name does not exist, or leads to an internal address that the operator has not allowed" {
		t.Errorf("recorded as %v", why)
	}
	if tested := o.do(http.StatusOK, "POST", one+"/test", o.admin, nil); tested["delivered"] != false || !strings.Contains(fmt.Sprint(tested["error"]), "internal") {
		t.Errorf("test: %v", tested)
	}
	if _, tries := hook.got(); len(tries) != 0 {
		t.Errorf("the receiver got %d posts", len(tries))
	}
}

func TestARedirectLeadsNowhere(t *testing.T) {
	t.Parallel()
	r, inside := newRig(t, feed.Options{}), newReceiver(t) // which is allowed, so that only the redirect keeps posts away
	seen := make(chan struct{}, 64)
	outside := listen(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		http.Redirect(w, req, inside.URL, http.StatusTemporaryRedirect)
		select {
		case seen <- struct{}{}:
		default:
		}
	}))
	r.run()
	e := r.endpoint(outside)
	r.happen("chat", 1)
	<-seen
	var attempts []store.Attempt
	r.eventually("the redirect is recorded", func() (ok bool) {
		var err error
		attempts, _, err = r.store.Attempts(t.Context(), e.ID, 0, 1)
		must(t, err)
		return len(attempts) > 0
	})
	if attempts[0].Status == nil || *attempts[0].Status != http.StatusTemporaryRedirect {
		t.Errorf("recorded as %+v", attempts[0])
	}
	if _, tries := inside.got(); len(tries) != 0 {
		t.Errorf("%d posts followed the redirect", len(tries))
	}
}
