// Package workerproc is a worker's process as the host sees it: its run
// directory, the locks that say who speaks for an instance, its start, its log
// and its memory.
//
// The kernel lock is the truth. A worker holds a write lock on the lock file in
// its run directory for its whole life, and listens on an abstract socket in
// case the directory is deleted under it. FindHolder asks the kernel for both.
// No stored PID is needed, and none is believed without its start time and boot.
//
// What a worker writes is read by a manager that may do what the worker may
// not. So nothing in a run directory is followed, waited for, or believed to be
// short.
//
// The package knows of one worker at a time. It keeps no state, decides nothing
// about restarts, connects to no worker, and knows neither the store nor the
// supervisor.
package workerproc
