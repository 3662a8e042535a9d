package workerconn

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"

	"whatsapp-manager/proto/fault"
	workerv1 "whatsapp-manager/proto/worker/v1"
)

// held is a worker whose calls are entered and not answered before the test says so.
type held struct {
	workerv1.UnimplementedWorkerServer
	entered, leave chan struct{}
}

func (h held) Call(context.Context, *workerv1.CallRequest) (*workerv1.CallResponse, error) {
	h.entered <- struct{}{}
	<-h.leave
	return nil, fault.ToGRPC(fault.New(fault.Offline, "test", "away"))
}

// A call that no worker was handed has sent nothing, and one that a worker had
// when it was lost may have.
func TestACallThatWasNeverHandedOverSentNothing(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "w")
	opts := Options{CallTimeout: time.Minute, Called: func(string, fault.Kind, time.Duration) {}}
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(intercept(opts)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := workerv1.NewWorkerClient(conn)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	call := func() chan error {
		done := make(chan error, 1)
		go func() {
			_, err := client.Call(ctx, &workerv1.CallRequest{})
			done <- err
		}()
		return done
	}
	told := func(when string, err error, kind fault.Kind, want fault.Sent) {
		t.Helper()
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != kind || f.Sent != want {
			t.Errorf("%s: %+v, want %s and %q", when, err, kind, want)
		}
	}
	told("nobody listens", <-call(), fault.Unavailable, fault.SentNothing)

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	worker := held{entered: make(chan struct{}, 1), leave: make(chan struct{})}
	server := grpc.NewServer()
	workerv1.RegisterWorkerServer(server, worker)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn.ResetConnectBackoff()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		conn.Connect()
		if !conn.WaitForStateChange(ctx, state) {
			t.Fatal("no connection")
		}
	}
	answered := call()
	<-worker.entered
	worker.leave <- struct{}{}
	told("it answered", <-answered, fault.Offline, fault.SentUnsaid)
	lost := call()
	<-worker.entered
	stopped := make(chan struct{})
	go func() { server.Stop(); close(stopped) }()
	told("lost in the middle", <-lost, fault.Unavailable, fault.SentUnsaid)
	close(worker.leave)
	<-stopped
	if err := <-served; err != nil {
		t.Error(err)
	}
	told("gone since", <-call(), fault.Unavailable, fault.SentNothing)
	conn.Close()
	told("let go of", <-call(), fault.Unavailable, fault.SentNothing)
}

// breaking is a worker whose streams begin and then fail.
type breaking struct {
	workerv1.UnimplementedWorkerServer
}

func (breaking) Watch(_ *workerv1.WatchRequest, out grpc.ServerStreamingServer[workerv1.WatchResponse]) error {
	if err := out.Send(&workerv1.WatchResponse{FeedHead: 1}); err != nil {
		return err
	}
	return fault.ToGRPC(fault.New(fault.Offline, "test", "away"))
}

func (breaking) Upload(grpc.ClientStreamingServer[workerv1.UploadRequest, workerv1.UploadResponse]) error {
	return fault.ToGRPC(fault.Bad("test", "file", "too odd"))
}

func (breaking) Download(_ *workerv1.DownloadRequest, out grpc.ServerStreamingServer[workerv1.DownloadResponse]) error {
	return out.Send(&workerv1.DownloadResponse{})
}

func TestErrorsOfStreamsAreFaults(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "w")
	conn, err := grpc.NewClient("unix:"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStreamInterceptor(interceptStream))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := workerv1.NewWorkerClient(conn)
	isFault := func(err error, kind fault.Kind) {
		t.Helper()
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != kind {
			t.Errorf("got %v, want a fault of kind %s", err, kind)
		}
	}
	_, err = client.Watch(t.Context(), &workerv1.WatchRequest{})
	isFault(err, fault.Unavailable) // nobody listens

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	workerv1.RegisterWorkerServer(server, breaking{})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		<-served
	}()
	conn.ResetConnectBackoff()
	watch, err := client.Watch(t.Context(), &workerv1.WatchRequest{}, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := watch.Recv(); err != nil || m.GetFeedHead() != 1 {
		t.Fatalf("got %v %v, want the first message", m, err)
	}
	_, err = watch.Recv()
	isFault(err, fault.Offline)

	upload, err := client.Upload(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = upload.CloseAndRecv()
	isFault(err, fault.Invalid)

	download, err := client.Download(t.Context(), &workerv1.DownloadRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := download.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := download.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want the end of the stream", err)
	}
}
