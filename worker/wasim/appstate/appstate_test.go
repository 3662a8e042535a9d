package appstate_test

import (
	"errors"
	"testing"

	"go.mau.fi/whatsmeow/proto/waServerSync"
	"google.golang.org/protobuf/proto"

	"whatsapp-manager/worker/wasim/appstate"
)

func TestFirstPatchesAreAskedForUntilTheyCome(t *testing.T) {
	var s appstate.Store
	failure := errors.New("not yet")
	if err := s.Seed(func() (map[string][]byte, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Fatalf("got %v", err)
	}
	if err := s.Seed(func() (map[string][]byte, error) { return map[string][]byte{"regular": {1}}, nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Seed(func() (map[string][]byte, error) { return nil, failure }); err != nil {
		t.Fatalf("asked again: %v", err)
	}
	if s.Version("regular") != 1 || s.Version("other") != 0 {
		t.Errorf("versions %d and %d", s.Version("regular"), s.Version("other"))
	}
}

func TestPatchMustBuildOnTheCurrentVersion(t *testing.T) {
	var s appstate.Store
	raw, err := proto.Marshal(&waServerSync.SyncdPatch{})
	if err != nil {
		t.Fatal(err)
	}
	for want := uint64(1); want <= 3; want++ {
		if _, version, err := s.Append("regular", want-1, raw); err != nil || version != want {
			t.Fatalf("version %d, %v, want %d", version, err, want)
		}
	}
	var stored waServerSync.SyncdPatch
	if err := proto.Unmarshal(s.Patch("regular", 2), &stored); err != nil || stored.GetVersion().GetVersion() != 2 {
		t.Errorf("stored version %d, %v", stored.GetVersion().GetVersion(), err)
	}
	answer, version, err := s.Append("regular", 1, raw)
	if err != nil || version != 0 {
		t.Fatalf("version %d, %v", version, err)
	}
	missing := answer.GetChildByTag("patches")
	if code := answer.GetChildByTag("error").Attrs["code"]; code != 409 || len(missing.GetChildren()) != 2 {
		t.Errorf("code %v with %d patches", code, len(missing.GetChildren()))
	}
	if _, _, err := s.Append("regular", 3, []byte{0xff}); err == nil || s.Version("regular") != 3 {
		t.Errorf("took a patch that cannot be read: %v", err)
	}
}

func TestLongCollectionsComeInPages(t *testing.T) {
	var s appstate.Store
	for base := range uint64(120) {
		if _, _, err := s.Append("regular", base, nil); err != nil {
			t.Fatal(err)
		}
	}
	base, pages, patches := uint64(0), 0, 0
	for more := true; more; pages++ {
		page := s.Fetch("regular", base)
		list := page.GetChildByTag("patches")
		patches += len(list.GetChildren())
		base = page.Attrs["version"].(uint64)
		more = page.Attrs["has_more_patches"] == true
	}
	if pages != 3 || patches != 120 || base != 120 {
		t.Errorf("%d pages with %d patches up to version %d", pages, patches, base)
	}
}
