// Package takeover tests what somebody can do who has taken over a worker. A real
// manager's supervision starts a real worker with the product's own confinement.
// The worker's program then tries to reach another instance, the manager, and
// this host. The package has tests only.
package takeover
