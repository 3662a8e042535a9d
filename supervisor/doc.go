// Package supervisor decides which workers should live, keeps them so, and
// hands out connections to them. It owns the life of worker processes and the
// run directory; it knows nothing of WhatsApp, HTTP or SQL, and carries calls
// to workers unopened.
//
// # The story
//
// A worker is one OS process that speaks for one instance. It outlives its
// manager: the manager may be killed at any instruction, and the next one finds
// the workers again and goes on. Two rules make that true.
//
// The kernel lock is the truth. Each worker holds a write lock on the lock file
// in its run directory for its whole life (and listens on an abstract socket,
// in case that the directory is deleted under it). The lock forbids a second
// worker, says whether one lives, and names its PID. No stored PID is ever
// needed, and none is believed without its start ticks and boot id. The manager
// pins a process by pidfd, asks for the lock again, and from then on signals it
// and hears of its end through the pidfd alone.
//
// Start ends in attach; recovery begins at attach. A start looks (look), decides
// (decide), raises the generation in the store, spawns without any pipe that
// could break (spawn), and waits until the lock is held; from there it does what
// recovery does with a worker found alive: read the attach file, connect through
// go-plugin, compare Hello with it, open Watch (attachWithin). Wherever a start
// meets another start's worker it adopts that, or, when a later generation was
// recorded meanwhile, replaces it: its writes may be fenced.
//
// # Who does what
//
// One goroutine per instance (loop) owns the instance's state, which only
// next, a pure function, changes. Whatever takes time is the state's one work,
// run beside the loop, cancelled and waited for before the state changes. Calls
// to workers go around the loop, over the stub that Worker returns.
//
//	Stopped    no work
//	Starting   start     look, launch, attach          within StartTimeout
//	Detached   reattach  attach to who holds the lock  within AttachBudget, else replaced
//	Running    follow    read Watch, wait for the end
//	Stopping   finish    Stop call, SIGTERM, SIGKILL, wait for the end
//	Backoff    a timer, set by the restart policy
//	Failed     a timer: the breaker's one trial start
//
// Beside the instances run health (memory and Ping every few seconds, all
// figures, strays, orphans and zombies twice a minute), which suggests to the loops but decides
// nothing, and the recorder, which writes history and figures to the store at
// the store's pace. Only two writes decide anything and are waited for:
// SetDesired and RaiseGeneration. Without a database running workers stay
// supervised, and starts wait.
//
// Others may change the store beside a running manager. An instance that appears
// in it (an import) is found by the next full look, or by the first Want. One
// that is moved to another server is ended by Evict, which needs no manager, and
// RaiseGeneration then refuses with Conflict: the wish to run it is given up.
//
// # A new build
//
// Workers run from copies that the manager keeps of each build of the worker's
// program (programs), named by their content. A start uses the trusted build.
// When another one is installed, the manager that finds it at its start brings
// the workers to it one by one (watchUpgrade): recycled with the new build,
// awaited in their former state, the first one watched for a while longer. All
// of them back, the new build is the trusted one. One that does not come back
// is started again with the trusted build, and the new one is refused, whether it
// was the canary's or a later one's: the workers that have not been replaced stay
// as they are, those that were replaced and run well are not restarted a second
// time, and every start from then on is one of the trusted build. Upgrade, health
// and metrics say so until another build is installed or RetryUpgrade is asked for.
// When the trusted build does not come back either, nothing was learnt, and it is
// tried again. What has to outlive the manager lies beside the copies.
//
// # Letting go
//
// When Run's context ends, all of this ends and the workers stay. go-plugin's
// own Kill and Close are never called, because both end the worker. Ending
// workers is a wish of its own: Want with Stop, Remove, StopAll.
package supervisor
