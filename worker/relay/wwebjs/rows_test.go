package wwebjs

import (
	"encoding/json"
	"testing"

	"whatsapp-manager/worker/relay/param"
)

func TestRowsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		t.Run(r.Name, func(t *testing.T) {
			switch {
			case seen[r.Name]:
				t.Error("is there twice")
			case r.Name == "" || r.Doc == "" || r.Result == "":
				t.Error("something is missing")
			case (r.Do == nil) == (r.Impossible == "" && !r.Manager):
				t.Error("must either do something or say why not")
			case r.Getter && len(r.Params) > 0 && !r.Params[0].Optional:
				t.Error("cannot be a getter with a required parameter")
			case len(r.Params) > 0 && r.Example == "":
				t.Error("has no example")
			}
			seen[r.Name] = true
			var list []json.RawMessage
			if r.Example != "" {
				if err := json.Unmarshal([]byte(r.Example), &list); err != nil {
					t.Fatalf("bad example %s: %v", r.Example, err)
				}
			}
			if r.Impossible == "" && len(list) > len(r.Params) {
				t.Fatalf("bad example %s", r.Example)
			}
			for i, p := range r.Params {
				switch {
				case i >= len(list) && p.Optional:
				case i >= len(list) && r.Impossible == "":
					t.Errorf("the example has no %s", p.Name)
				default:
					if _, err := p.Read(list[i], param.At(i)); err != nil {
						t.Errorf("the example does not read: %v", err)
					}
				}
			}
		})
	}
}
