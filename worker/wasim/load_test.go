package wasim_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"whatsapp-manager/worker/wasim"
)

// BenchmarkConnected pairs 500 light clients and sends each operation one
// message to one of them. Beside the time per message it reports the resident
// memory of server, phones and clients together.
func BenchmarkConnected(b *testing.B) {
	const devices = 500
	server := &wasim.Server{RootKey: root.PrivateHex()}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(running) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	<-server.Started()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var received atomic.Int64
	var accounts []*wasim.Account
	var clients []*lightClient
	for i := range devices {
		account, err := server.CreateAccount(fmt.Sprintf("1555%07d", i+1), fmt.Sprintf("Account %d", i+1), wasim.AccountOptions{})
		if err != nil {
			b.Fatal(err)
		}
		accounts = append(accounts, account)
		clients = append(clients, newLightClient(server.Address(), account, &received))
	}
	start := time.Now()
	var pairing sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, client := range clients {
		pairing.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := client.pair(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	pairing.Wait()
	if b.Failed() {
		return
	}
	for _, account := range accounts {
		if err := account.Devices()[0].WaitIdle(ctx); err != nil {
			b.Fatal(err)
		}
	}
	paired, idle := time.Since(start).Seconds(), resident(b)

	sender, err := server.CreateAccount("15559999999", "Sender", wasim.AccountOptions{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range devices {
		if _, err = sender.Phone().SendText(ctx, accounts[i].PN(), "first"); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err = sender.Phone().SendText(ctx, accounts[i%devices].PN(), "load"); err != nil {
			b.Fatal(err)
		}
	}
	for _, account := range accounts {
		if err := account.Devices()[0].WaitIdle(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	b.ReportMetric(paired, "s/pairing")
	b.ReportMetric(float64(idle)/(1<<20), "MiB/idle")
	b.ReportMetric(float64(resident(b))/(1<<20), "MiB/busy")
	if received.Load() < int64(b.N) {
		b.Errorf("%d of %d messages arrived", received.Load(), b.N)
	}
	for _, client := range clients {
		client.socket.Stop(true, false)
	}
}

// resident is the process' resident memory in bytes.
func resident(b *testing.B) int64 {
	b.Helper()
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
