package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"whatsapp-manager/proto/catalog"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/worker/relay/param"
	"whatsapp-manager/worker/shape"
)

// Method is what the table can call.
type Method interface {
	// Name is the name in the URL: sendMessage, Chat.sendSeen, whatsmeow.GetGroupInfo.
	Name() string
	// Describe returns the method's entry in the catalog.
	Describe() catalog.Method
	// Run answers one call: it reads the parameters, checks its needs (Call.Require),
	// says that the checks are passed (Call.Begin), and does its work.
	Run(ctx context.Context, c *Call, params []json.RawMessage) (json.RawMessage, error)
}

// Do is the function of a row.
type Do func(ctx context.Context, c *Call) (any, error)

// Row is a method of whatsapp-web.js, for the table and for the catalog.
type Row struct {
	Name       string // as in the URL; the class is the part before the dot, or Client
	Params     []param.Param
	Result     string
	Doc        string
	Need       Need
	Getter     bool           // may be asked by GET
	Sends      bool           // counts as a message that is sent; what it sends other than by Call.Write needs Call.MarkSent
	Example    string         // an array of parameters
	Own        bool           // not of whatsapp-web.js
	Manager    bool           // the manager answers it; then there is no Do
	Finish     catalog.Finish // what the manager makes of the answer
	Impossible string         // why it cannot be done; then there is no Do
	Do         Do
}

// Methods returns the rows as methods for the table.
func Methods(rows []Row) []Method {
	methods := make([]Method, len(rows))
	for i := range rows {
		methods[i] = rowMethod{&rows[i]}
	}
	return methods
}

var choice = regexp.MustCompile(`\{([^|{}]*)\|([^|{}]*)\}`)

// Twins returns both forms of a method that whatsapp-web.js has twice: on Client,
// and on the structure that the method is about. Where the sentences of the two
// differ, the text of the row says both: {a chat|this chat}.
func Twins(client, structure string, row Row) []Row {
	of := row
	row.Name, row.Doc = client, choice.ReplaceAllString(row.Doc, "$1")
	of.Name, of.Doc = structure, choice.ReplaceAllString(of.Doc, "$2")
	return []Row{row, of}
}

// List keeps an empty answer an array, and passes on the error.
func List[T any](all []T, err error) (any, error) {
	if all == nil {
		all = []T{}
	}
	return all, err
}

// Encoded is an answer that is JSON already.
type Encoded []byte

// rowMethod is a Row as a Method.
type rowMethod struct{ *Row }

// Name implements Method.
func (r rowMethod) Name() string { return r.Row.Name }

// Describe implements Method.
func (r rowMethod) Describe() catalog.Method {
	class, _, ok := strings.Cut(r.Row.Name, ".")
	if !ok {
		class = "Client"
	}
	m := catalog.Method{
		Name: r.Row.Name, Family: catalog.WWebJS, Class: class, Doc: r.Doc, Params: []catalog.Param{},
		Result: r.Result, Verdict: catalog.Native, Reason: r.Impossible,
		Getter: r.Getter, Sends: r.Sends, Manager: r.Manager, Own: r.Own, Finish: r.Finish, Unpaired: r.Need < NeedData && r.Impossible == "",
	}
	if r.Impossible != "" {
		m.Verdict = catalog.Impossible
	}
	for _, p := range r.Params {
		m.Params = append(m.Params, catalog.Param{Name: p.Name, Type: p.Kind.Label, Optional: p.Optional, Doc: p.Doc})
	}
	if r.Example != "" {
		m.Example = json.RawMessage(r.Example)
	}
	return m
}

// Run implements Method.
func (r rowMethod) Run(ctx context.Context, c *Call, params []json.RawMessage) (json.RawMessage, error) {
	if r.Impossible != "" {
		return nil, fault.New(fault.Unimplemented, Op, "%s is impossible without a browser: %s", r.Row.Name, r.Impossible)
	}
	if r.Manager {
		return nil, fault.New(fault.Unimplemented, Op, "%s is answered by the manager", r.Row.Name)
	}
	args, err := r.read(params)
	if err != nil {
		return nil, err
	}
	if err := c.Require(r.Need); err != nil {
		return nil, err
	}
	c.args = args
	c.Begin()
	v, err := r.Do(ctx, c)
	if err != nil {
		return nil, err
	}
	if whole, ok := v.(Encoded); ok {
		return json.RawMessage(whole), nil
	}
	return shape.Marshal(v)
}

// read returns the values of the parameters, nil where one was left out.
func (r rowMethod) read(params []json.RawMessage) ([]any, error) {
	least := 0
	for i, p := range r.Params {
		if !p.Optional {
			least = i + 1
		}
	}
	name := func(i int) string { return r.Params[i].Name }
	if err := param.CheckCount(r.Row.Name, least, len(r.Params), len(params), name); err != nil {
		return nil, err
	}
	args := make([]any, len(r.Params))
	for i, raw := range params {
		v, err := r.Params[i].Read(raw, param.At(i))
		if err != nil {
			return nil, param.Named(err, name(i))
		}
		args[i] = v
	}
	return args, nil
}

// Catalog returns the entries of the methods in the order of the catalog:
// whatsapp-web.js first, then whatsmeow, each by class and name. Names of
// whatsmeow's parameters and its documentation are not in the program; the
// generator of the catalog adds them.
func Catalog(methods []Method) []catalog.Method {
	all := make([]catalog.Method, len(methods))
	for i, m := range methods {
		all[i] = m.Describe()
	}
	slices.SortStableFunc(all, func(a, b catalog.Method) int {
		if a.Family != b.Family {
			return cmp.Compare(b.Family, a.Family)
		}
		return cmp.Or(cmp.Compare(classOrder(a.Class), classOrder(b.Class)), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// classOrder puts Client before its structures.
func classOrder(class string) string {
	if class == "Client" {
		return ""
	}
	return class
}
