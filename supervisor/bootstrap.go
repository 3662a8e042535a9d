package supervisor

import (
	"os"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	workerv1 "whatsapp-manager/proto/worker/v1"
	"whatsapp-manager/supervisor/workerproc"
)

// spec says how a worker of the instance is started from a program, which may
// be a kept copy; people see the installed one's name. databaseURL is for the
// worker of this generation alone.
func (c Config) spec(program string, id ID, generation uint64, databaseURL string, raw bool) workerproc.Spec {
	return workerproc.Spec{
		Dir: c.dir(id), Log: c.logPath(id), Program: program, Name: c.WorkerPath, User: c.WorkerUser,
		Bootstrap: c.bootstrap(id, generation, databaseURL, raw),
	}
}

func (c Config) bootstrap(id ID, generation uint64, databaseURL string, raw bool) *workerv1.Bootstrap {
	var manager *uint32
	if c.WorkerUser != nil {
		manager = proto.Uint32(uint32(os.Geteuid()))
	}
	return &workerv1.Bootstrap{
		Version: 1, Instance: string(id), Generation: generation, Node: c.Node, RunDir: string(c.dir(id)),
		DatabaseUrl: databaseURL, WhatsappEndpoint: c.WhatsAppEndpoint,
		MemoryLimitBytes: c.MemoryLimit, LogLevel: c.LogLevel, DeviceName: c.DeviceName, MediaNetworks: c.MediaNetworks,
		InboundPerSecond: uint32(c.InboundPerSecond), WhatsmeowMethods: c.WhatsmeowMethods, SealKeys: c.sealKeys(id),
		DataLimitBytes: workerproc.DataLimit(c.MemoryLimit), ManagerUid: manager,
		EgressSocket: c.egressSocket(), ResolverDir: c.resolverDir(),
		MaxFileBytes: uint64(c.MaxFile), RawEvents: raw,
	}
}

func (c Config) dir(id ID) workerproc.Dir { return workerproc.DirOf(c.RunDir, string(id)) }

func (c Config) logPath(id ID) string { return filepath.Join(c.LogDir, string(id)+".log") }

// sealKeys are the instance's own: a worker that was taken over opens nothing of
// another one's.
func (c Config) sealKeys(id ID) (keys []*workerv1.SealKey) {
	if c.Keys == nil {
		return nil
	}
	for _, k := range c.Keys().Instance(string(id)).Keys() {
		keys = append(keys, &workerv1.SealKey{Id: k.ID, Key: k.Secret})
	}
	return keys
}
