package wasim

import (
	waBinary "go.mau.fi/whatsmeow/binary"

	"whatsapp-manager/worker/wasim/stanza"
)

// AppStateVersion is the version of one of the account's app-state collections.
func (a *Account) AppStateVersion(name string) uint64 { return a.state.Version(name) }

// seedState stores the phone's first patches, before the first companion syncs.
func (a *Account) seedState() error {
	return a.state.Seed(func() (map[string][]byte, error) {
		patches, err := a.phone.Bootstrap()
		first := make(map[string][]byte, len(patches))
		for _, patch := range patches {
			first[patch.Name] = patch.Patch
		}
		return first, err
	})
}

func (r *router) iqAppState(from origin, iq *waBinary.Node) ([]waBinary.Node, *stanza.Error) {
	if err := from.account.seedState(); err != nil {
		return nil, stanza.ErrInternal
	}
	state := &from.account.state
	sync := iq.GetChildByTag("sync")
	var answers []waBinary.Node
	for _, asked := range sync.GetChildrenByTag("collection") {
		name, _ := asked.Attrs["name"].(string)
		base := stanza.Number(asked.Attrs["version"])
		var patch []byte
		if child, ok := asked.GetOptionalChildByTag("patch"); ok {
			patch, _ = child.Content.([]byte)
		}
		if len(patch) == 0 {
			answers = append(answers, state.Fetch(name, base))
			continue
		}
		if from.faults().TakeLostRace() {
			answers = append(answers, state.Conflict(name, base))
			continue
		}
		answer, version, err := state.Append(name, base, patch)
		if err != nil {
			return nil, stanza.ErrBadRequest
		}
		answers = append(answers, answer)
		if version > 0 {
			r.tellStateChange(from, name, version)
		}
	}
	return []waBinary.Node{{Tag: "sync", Content: answers}}, nil
}

// tellStateChange lets the phone apply a stored patch and the other companions
// fetch it.
func (r *router) tellStateChange(from origin, name string, version uint64) {
	a := from.account
	if from.number != 0 {
		if err := a.phone.ApplyPatch(name, a.state.Patch(name, version)); err != nil {
			r.server.Log.Warn().Err(err).Str("collection", name).Msg("phone cannot apply app state")
		}
	}
	a.notify(r.notification("server_sync", a.user.PN, nil, waBinary.Node{
		Tag: "collection", Attrs: waBinary.Attrs{"name": name, "version": version},
	}), int(from.number))
}
