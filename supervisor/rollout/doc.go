// Package rollout brings the workers to a newly installed build of their
// program, one by one, and takes it back when a worker does not return with it.
//
// # The story
//
// Workers run from copies that are kept of each build of the worker's program,
// named by their content. A start uses the trusted build. When another one is
// installed, the manager that finds it at its start replaces the workers one by
// one: each is restarted with the new build and awaited in its former state. The
// first one, the canary, is watched for a while longer. When all of them are
// back, the new build is the trusted one.
//
// A worker that does not come back is started again with the trusted build. The
// new build is then refused, whether the worker was the canary or a later one.
// Workers that have not been replaced stay as they are. Those that were replaced
// and run well are not restarted a second time, and every start from then on
// uses the trusted build. Progress says so until another build is installed or
// Retry is called. When the trusted build does not come back either, nothing was
// learnt, and the new one is tried again. What has to outlive the manager lies
// beside the copies.
//
// # What it must not know
//
// The package starts, ends and connects to no worker: Instances does, which the
// supervisor implements. It knows no store, no state machine and no WhatsApp.
package rollout
