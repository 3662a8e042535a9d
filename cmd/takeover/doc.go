// Package takeover holds what is left to somebody who has taken over a worker:
// a real manager's supervision launches a real worker, with the product's own
// confinement, whose program then tries everything that would get it at another
// instance, the manager, or this host. It has tests only.
package takeover
