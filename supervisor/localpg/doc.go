// Package localpg is the embedded default database: a private Postgres cluster
// in the manager's data directory, for people who bring none of their own.
//
// It finds the Postgres binaries of the machine, makes the cluster on the first
// start, runs the postmaster detached in a session of its own, and adopts a
// running one: workers outlive the manager and so does the database they write
// to. Nothing but a Stop ends it.
//
// The cluster listens on a unix socket only, and asks everybody for a password.
// It has two roles: the superuser cluster_admin, whose password only this
// package uses, and whatsapp_manager, which owns the database, makes roles for
// others, and is no superuser. What others could do beyond what they are
// granted is taken from them. A cluster of an earlier build, in which everybody
// was superuser, is converted when it is ensured; that build finds no way in
// any more.
//
// Postgres refuses to run as root, so as root the cluster runs as an
// unprivileged user and its files belong to that user. Then the socket is open
// to other users as well, who still need a password.
//
// Layout below Config.DataDir:
//
//	lock              held while a manager is in Ensure
//	postmaster.lock   held by the postmaster and all its processes for life
//	superuser.secret  the password of cluster_admin
//	owner.secret      the password of whatsapp_manager
//	location          only where the rest is elsewhere: the path of it
//	data/             the cluster (PGDATA)
//	run/              the socket, unless the path is too long for one
//	log/              server log, one file per weekday, and start.log
//
// The cluster is elsewhere when the manager is root and the unprivileged user
// cannot reach DataDir, for example below /root: then it is in a directory
// below Config.FallbackDir, and the file location remembers it.
//
// The package knows nothing of instances, schema or the manager's settings.
package localpg
