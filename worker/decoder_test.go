package worker_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store/storetest"
)

// takenOver stands for an ffmpeg that does what the file says.
const takenOver = `#!/bin/sh
read -r what
case "$what" in
hang) while :; do :; done ;;
eat) x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done ;;
esac
`

// What a file does to its decoder is no matter of the worker's, and the worker's
// end is the decoder's.
func TestADecoderThatIsTakenOver(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ffmpeg"), []byte(takenOver), 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, storetest.NewURL(t), withoutHistory)
	w.env = []string{"PATH=" + bin}
	p, _ := w.paired()
	voice := func(does string) error {
		file := map[string]any{"mimetype": "audio/mpeg", "data": base64.StdEncoding.EncodeToString([]byte(does + "\n"))}
		_, err := p.do("sendMessage", "15550000999@c.us", file, map[string]any{"sendAudioAsVoice": true})
		return err
	}
	if err := voice("eat"); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
		t.Errorf("a decoder that eats memory: %v", err)
	}
	p.stillLives(100 << 20)
	answered := make(chan error, 1)
	go func() { answered <- voice("hang") }()
	var decoder int
	w.eventually("a decoder", func() bool {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", p.cmd.Process.Pid))
		for _, task := range tasks {
			raw, _ := os.ReadFile(task)
			for field := range strings.FieldsSeq(string(raw)) {
				decoder, _ = strconv.Atoi(field)
			}
		}
		return decoder != 0
	})
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.eventually("the decoder's end", func() bool {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", decoder))
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) || strings.Contains(string(raw), ") Z ")
	})
	if err := <-answered; err == nil {
		t.Error("a call to a worker that was killed was answered")
	}
}
