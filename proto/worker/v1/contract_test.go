package workerv1_test

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	workerv1 "whatsapp-manager/proto/worker/v1"
)

// contract lists what the wire knows of this version: one line for each call,
// field and value.
func contract() []string {
	var lines []string
	file := workerv1.File_worker_v1_worker_proto
	services := file.Services()
	for i := range services.Len() {
		calls := services.Get(i).Methods()
		for k := range calls.Len() {
			c := calls.Get(k)
			lines = append(lines, fmt.Sprintf("rpc %s %s stream=%t -> %s stream=%t", c.FullName(), c.Input().FullName(), c.IsStreamingClient(), c.Output().FullName(), c.IsStreamingServer()))
		}
	}
	messages := file.Messages()
	for i := range messages.Len() {
		fields := messages.Get(i).Fields()
		for k := range fields.Len() {
			f := fields.Get(k)
			kind := f.Kind().String()
			switch f.Kind() {
			case protoreflect.MessageKind:
				kind = string(f.Message().FullName())
			case protoreflect.EnumKind:
				kind = string(f.Enum().FullName())
			}
			lines = append(lines, fmt.Sprintf("field %s %d %s %s json=%s", f.FullName(), f.Number(), f.Cardinality(), kind, f.JSONName()))
		}
	}
	enums := file.Enums()
	for i := range enums.Len() {
		values := enums.Get(i).Values()
		for k := range values.Len() {
			lines = append(lines, fmt.Sprintf("value %s %d", values.Get(k).FullName(), values.Get(k).Number()))
		}
	}
	return lines
}

// Workers of earlier versions live on under a new manager, and a new manager
// starts them again when it steps back: what a released contract says stays
// true. Lines may be added to the contract; testdata/protocol1.txt is what
// Protocol 1 was first released with, and is never written anew.
func TestNothingOfTheReleasedContractChanged(t *testing.T) {
	have := map[string]bool{}
	for _, line := range contract() {
		have[line] = true
	}
	f, err := os.Open("testdata/protocol1.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for in := bufio.NewScanner(f); in.Scan(); n++ {
		if !have[in.Text()] {
			t.Errorf("released and not true any more: %s", in.Text())
		}
	}
	if n < 80 {
		t.Errorf("the released contract has only %d lines", n)
	}
}
