package decode

import (
	"errors"
	"os"
	"testing"
)

// drawnByWeb is what whatsapp-web.js 1.34.7 (generateWaveform) makes of testdata/voice.ogg
// as libopus 1.3.1 decodes it. The file is three seconds of a tone that rises, falls, and
// stays; opusenc 0.2 made it.
var drawnByWeb = []int{
	2, 6, 11, 15, 21, 25, 31, 36, 38, 44, 49, 52, 60, 63, 69, 73, 75, 82, 87, 93, 97, 97, 100, 90, 85, 84, 80, 76, 69, 67,
	61, 61, 57, 54, 48, 49, 43, 37, 37, 31, 28, 24, 31, 49, 49, 49, 49, 53, 49, 50, 49, 53, 49, 50, 50, 51, 51, 49, 51, 50,
	52, 49, 51, 50,
}

func TestWaveform(t *testing.T) {
	raw, err := os.ReadFile("testdata/voice.ogg")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pool(t).Waveform(t.Context(), raw)
	if err != nil || len(got) != len(drawnByWeb) {
		t.Fatalf("%d values, %v", len(got), err)
	}
	for i, want := range drawnByWeb {
		if off := int(got[i]) - want; off < -2 || off > 2 {
			t.Errorf("value %d is %d, want %d", i, got[i], want)
		}
	}
	for name, tc := range map[string]struct {
		raw  []byte
		want error
	}{
		"no sound": {[]byte("%PDF-1.4"), ErrFormat}, "nothing": {nil, ErrFormat},
		"damaged":                {append(append([]byte{}, raw[:3000]...), make([]byte, 3000)...), ErrDamaged},
		"larger than is decoded": {make([]byte, maxVoice+1), ErrTooBig},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := pool(t).Waveform(t.Context(), tc.raw); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}
