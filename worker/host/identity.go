package host

import (
	"os"

	"whatsapp-manager/proto/process"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// NewIdentity describes this process so that no later one with the same PID is taken
// for it.
func NewIdentity(boot *workerv1.Bootstrap, build string) (workerv1.Identity, error) {
	self, err := process.Identify(os.Getpid())
	if err != nil {
		return workerv1.Identity{}, err
	}
	return workerv1.Identity{
		Instance:   boot.GetInstance(),
		Generation: boot.GetGeneration(),
		PID:        self.PID,
		StartTicks: self.StartTicks,
		BootID:     self.BootID,
		Build:      build,
		Protocol:   workerv1.Protocol,
	}, nil
}
