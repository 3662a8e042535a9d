package host

import (
	"bytes"
	"strings"
	"testing"
)

func TestUnknownLogLevelMeansInfo(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, "loud", "i", 1)
	log.Debug().Msg("quiet")
	log.Info().Msg("heard")
	if text := out.String(); strings.Contains(text, "quiet") || !strings.Contains(text, "heard") {
		t.Error(text)
	}
}
