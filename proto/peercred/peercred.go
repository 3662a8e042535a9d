// Package peercred lets manager and worker talk to each other only. Both sides
// of their unix socket ask the kernel who is at the other end, before a byte is
// sent: permissions of files say who may connect, not who answers.
package peercred

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc/credentials"
)

// Of returns who connected, or who listens, at the other end of a unix socket.
// The PID is 0 where that process is of another PID namespace.
func Of(conn net.Conn) (*unix.Ucred, error) {
	unixConn, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, fmt.Errorf("check peer: not a unix socket but %T", conn)
	}
	raw, err := unixConn.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("check peer: %w", err)
	}
	var cred *unix.Ucred
	var credErr error
	if err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); err == nil {
		err = credErr
	}
	if err != nil {
		return nil, fmt.Errorf("check peer: %w", err)
	}
	return cred, nil
}

// Worker lets in processes of our own user, and of root, that admit has nothing
// against. It is called for each connection, at any time.
func Worker(admit func(*unix.Ucred) error) credentials.TransportCredentials {
	return worker{admit: admit}
}

// Manager connects to the process pid of the user uid, or of our own, and to no
// other.
func Manager(pid, uid int) credentials.TransportCredentials { return manager{pid: pid, uid: uid} }

var errWrongSide = errors.New("check peer: these credentials are for the other side")

type worker struct {
	plain
	admit func(*unix.Ucred) error
}

func (w worker) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cred, err := Of(conn)
	if err != nil {
		return nil, nil, err
	}
	if cred.Uid != 0 && cred.Uid != uint32(os.Geteuid()) {
		return nil, nil, fmt.Errorf("check peer: uid %d is neither ours nor root", cred.Uid)
	}
	if err := w.admit(cred); err != nil {
		return nil, nil, fmt.Errorf("check peer: %w", err)
	}
	return conn, peer{}, nil
}

func (worker) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errWrongSide
}

func (w worker) Clone() credentials.TransportCredentials { return w }

type manager struct {
	plain
	pid, uid int
}

func (m manager) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cred, err := Of(conn)
	if err != nil {
		return nil, nil, err
	}
	if cred.Uid != uint32(m.uid) && cred.Uid != uint32(os.Geteuid()) || cred.Pid != int32(m.pid) {
		return nil, nil, fmt.Errorf("check peer: process %d of uid %d listens, not our worker %d", cred.Pid, cred.Uid, m.pid)
	}
	return conn, peer{}, nil
}

func (manager) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errWrongSide
}

func (m manager) Clone() credentials.TransportCredentials { return m }

// plain is what both sides have in common: nothing is sent and nothing
// encrypted, so an end without these credentials can talk to one that has them.
type plain struct{}

func (plain) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "peercred"}
}

func (plain) OverrideServerName(string) error { return nil }

type peer struct{}

func (peer) AuthType() string { return "peercred" }
