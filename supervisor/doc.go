// Package supervisor decides which workers should live, keeps them so, and hands
// out connections to them. It owns the life of worker processes. It knows
// nothing of WhatsApp, HTTP or SQL, and carries calls to workers unopened.
//
// # The story
//
// A worker is one OS process that speaks for one instance. It outlives its
// manager: the manager may be killed at any instruction, and the next one finds
// the workers again and goes on. Two rules make that true.
//
// The kernel lock is the truth. Each worker holds a lock for its whole life,
// which forbids a second worker, says whether one lives, and names its PID (see
// workerproc). The manager pins a process by a pidfd and asks for the lock once
// more. From then on it signals the process, and hears of its end, through the
// pidfd alone.
//
// Start ends in attach, and recovery begins at attach. A start looks (look),
// decides (decide), raises the generation in the store, spawns without any pipe
// that could break (workerproc.Spawn), and waits until the lock is held. From
// there it does what recovery does with a worker that is found alive: it reads
// the attach file, connects, compares Hello with the file, and opens Watch
// (attachWithin and workerconn). A start that meets the worker of another start
// adopts that worker. It replaces the worker when a later generation was recorded
// meanwhile, because the worker's writes may be fenced.
//
// # Who does what
//
// One goroutine per instance (loop) owns the instance's state, which only the
// pure function next changes. Whatever takes time is the state's one work. It
// runs beside the loop, which cancels it and waits for it before the state
// changes. Calls to workers go around the loop, over the stub that Worker returns.
//
//	Stopped    no work
//	Starting   start     look, launch, attach          within StartTimeout
//	Detached   reattach  attach to who holds the lock  within AttachBudget, else replaced
//	Running    follow    read Watch, wait for the end
//	Stopping   finish    Stop call, SIGTERM, SIGKILL, wait for the end
//	Backoff    a timer, set by the restart policy
//	Failed     a timer: the breaker's one trial start
//
// Others ask the loop for something by a command (command.go): start, stop,
// restart, recycle, found.
//
// Beside the instances run health and the recorder. Health looks at memory and
// sends a Ping every few seconds; twice a minute it also looks at all figures,
// and for strays, orphans and zombies. It suggests to the loops and decides
// nothing. The recorder writes history and figures to the store at the store's
// pace. Only two writes decide anything and are waited for: SetDesired and
// RaiseGeneration. Without a database running workers stay supervised, and
// starts wait.
//
// Others may change the store beside a running manager. An instance that appears
// in it, by an import, is found by the next full look or by the first Want. An
// instance that is moved to another server is ended by workerproc.Evict, which
// needs no manager. RaiseGeneration then refuses with Conflict, and the wish to
// run the instance is given up.
//
// # A new build
//
// Package rollout brings the workers to a newly installed build of their
// program, one by one. It sees them through an interface that rollout.go
// implements.
//
// # Letting go
//
// When Run's context ends, all of this ends and the workers stay. Ending workers
// is a wish of its own: Want with Stop, Remove, StopAll.
package supervisor
