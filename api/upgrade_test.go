package api_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"whatsapp-manager/api"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor"
	"whatsapp-manager/supervisor/rollout"
)

// rolling stands where the supervisor's knowledge of builds stands.
type rolling struct {
	retried atomic.Int64
	refused atomic.Bool
}

func (r *rolling) Rollout() rollout.Progress {
	if !r.refused.Load() {
		return rollout.Progress{State: rollout.None, Program: "new", Trusted: "new"}
	}
	return rollout.Progress{State: rollout.Refused, Program: "new", Trusted: "old", Outdated: 3, Instance: "canary000001", Why: "exit code 4"}
}

func (r *rolling) RetryRollout() error {
	if !r.refused.Load() {
		return fault.New(fault.Conflict, "rolling", "the installed build of the worker was not refused")
	}
	r.retried.Add(1)
	return nil
}

func TestARefusedBuildIsSeenAndTriedAgain(t *testing.T) {
	builds := &rolling{}
	o := open(t, func(_ *api.Config, d *api.Deps) { d.Upgrades = builds })
	id, key := o.instance(o.token)
	if a := o.do("GET", "/api/health", "", nil); a.str("status") != "healthy" || a.str("upgrade") != "none" {
		t.Errorf("before: %s", a.raw)
	}
	o.want(http.StatusConflict, "POST", "/api/health/upgrade/retry", o.token, nil)

	builds.refused.Store(true)
	o.desk.set(supervisor.ID(id), func(st *supervisor.Status) { st.Outdated, st.Build = true, "v1" })
	a := o.do("GET", "/api/health", "", nil)
	if a.status != 200 || a.str("status") != "degraded" || a.str("upgrade") != "refused" || strings.Contains(string(a.raw), "canary000001") {
		t.Errorf("refused, for everybody: %s", a.raw)
	}
	a = o.want(http.StatusOK, "GET", "/api/health/detailed", o.token, nil)
	if a.str("workerUpgrade.why") != "exit code 4" || a.str("workerUpgrade.instanceId") != "canary000001" || a.str("workerUpgrade.outdated") != "3" || a.str("workerUpgrade.trusted") != "old" {
		t.Errorf("refused, for operators: %s", a.raw)
	}
	if a := o.want(http.StatusOK, "GET", "/api/instances/"+id, o.token, nil); a.str("instance.outdated") != "true" || a.str("instance.build") != "v1" {
		t.Errorf("instance: %s", a.raw)
	}
	o.want(http.StatusForbidden, "POST", "/api/health/upgrade/retry", key, nil)
	o.want(http.StatusUnauthorized, "POST", "/api/health/upgrade/retry", "", nil)
	if builds.retried.Load() != 0 {
		t.Error("tried again for somebody who may not")
	}
	o.want(http.StatusAccepted, "POST", "/api/health/upgrade/retry", o.token, nil)
	if builds.retried.Load() != 1 {
		t.Error("not tried again")
	}
}
