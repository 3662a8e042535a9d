package supervisor_test

import (
	"os"
	"testing"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/store/storetest"
)

// The test binary plays three roles: the tests, a scripted worker (launched by
// a Supervisor exactly as the real one), and a manager that can be killed.
func TestMain(m *testing.M) {
	switch {
	case os.Getenv(workerv1.CookieKey) == workerv1.CookieValue:
		playWorker()
	case os.Getenv(managerEnv) != "":
		playManager(os.Getenv(managerEnv))
	}
	storetest.Main(m)
}
