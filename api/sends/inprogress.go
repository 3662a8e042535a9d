package sends

import (
	"sync"

	"whatsapp-manager/supervisor"
)

// inProgress knows the keys that requests of this process work on.
type inProgress struct {
	mu   sync.Mutex
	keys map[sendKey]struct{} // guarded by mu
}

type sendKey struct {
	instance supervisor.ID
	key      string
}

// enter takes the key until leave is called; ok is false when another request has it.
func (p *inProgress) enter(instance supervisor.ID, key string) (leave func(), ok bool) {
	k := sendKey{instance, key}
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, taken := p.keys[k]; taken {
		return nil, false
	}
	if p.keys == nil {
		p.keys = map[sendKey]struct{}{}
	}
	p.keys[k] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.keys, k)
	}, true
}

func (p *inProgress) has(instance supervisor.ID, key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.keys[sendKey{instance, key}]
	return ok
}
