package auth

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/api/ident"
	"whatsapp-manager/api/route"
	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

type usersOutput struct {
	Body struct {
		Users      []UserView       `json:"users"`
		Pagination route.Pagination `json:"pagination"`
	}
}

// UserPath names a user.
type UserPath struct {
	ID string `path:"id" maxLength:"40"`
}

func (a *accounts) userRoutes(r *route.Router) {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/users" + path, Summary: summary, Tags: []string{"Users"}, DefaultStatus: status}
	}
	route.Add(r, route.Admin, op("list-users", http.MethodGet, "", "List users", http.StatusOK), a.listUsers)
	route.Add(r, route.Admin, op("create-user", http.MethodPost, "", "Create a user", http.StatusCreated), a.addUser)
	route.Add(r, route.Admin, op("get-user", http.MethodGet, "/{id}", "Show a user", http.StatusOK), a.getUser)
	route.Add(r, route.Admin, op("update-user", http.MethodPatch, "/{id}", "Change role or password, disable or enable", http.StatusOK), a.updateUser)
}

func (a *accounts) listUsers(ctx context.Context, in *struct{ route.Paging }) (*usersOutput, error) {
	rows, total, err := a.store.Users(ctx, in.Offset(), in.Limit)
	if err != nil {
		return nil, err
	}
	out := &usersOutput{}
	out.Body.Users = make([]UserView, 0, len(rows))
	for _, u := range rows {
		out.Body.Users = append(out.Body.Users, viewUser(u))
	}
	out.Body.Pagination = in.Of(total)
	return out, nil
}

func (a *accounts) addUser(ctx context.Context, in *struct {
	Body struct {
		Credentials
		Confirmation
		Role string `json:"role,omitempty" enum:"user,admin,superadmin" default:"user"`
	}
},
) (*userOutput, error) {
	if err := mayGrant(Of(ctx), in.Body.Role); err != nil {
		return nil, err
	}
	if err := a.prover.confirm(ctx, in.Body.CurrentPassword); err != nil {
		return nil, err
	}
	u, err := a.createUser(ctx, a.prover.passwords, in.Body.Email, in.Body.Password, in.Body.Role)
	if err != nil {
		return nil, err
	}
	a.audit.record(ctx, "user.create", u.ID, map[string]any{"role": u.Role})
	return showUser(u, http.StatusCreated), nil
}

func (a *accounts) getUser(ctx context.Context, in *UserPath) (*userOutput, error) {
	u, err := a.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return showUser(u, http.StatusOK), nil
}

func (a *accounts) updateUser(ctx context.Context, in *struct {
	UserPath
	Body struct {
		Confirmation
		Role         *string `json:"role,omitempty" enum:"user,admin,superadmin" doc:"A new role ends all logins of the user"`
		Disabled     *bool   `json:"disabled,omitempty" doc:"true ends all logins and streams of the user. Until it is false again, the user's instances answer no API key, post to no webhook and send no queued message. The accounts stay linked and go on receiving"`
		MaxInstances *int    `json:"maxInstances,omitempty" minimum:"-1" maximum:"1000000" doc:"How many instances the user may create; 0: no limit; -1: the installation's default"`
		Password     *string `json:"password,omitempty" maxLength:"800" doc:"Sets a new password and ends all logins of the user"`
	}
},
) (*userOutput, error) {
	const op = "auth.updateUser"
	p := Of(ctx)
	u, err := a.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := mayGrant(p, u.Role); err != nil {
		return nil, err
	}
	if u.ID == p.User.ID && (in.Body.Role != nil || in.Body.Disabled != nil) {
		return nil, &fault.Error{Kind: fault.Conflict, Op: op, Code: "own_account", Msg: "you cannot change your own role or disable your own account; another administrator can"}
	}
	if in.Body.Role != nil {
		if err := mayGrant(p, *in.Body.Role); err != nil {
			return nil, err
		}
	}
	// All is checked before the first thing is changed.
	hash := ""
	if in.Body.Password != nil {
		if err := checkChoice(op, "password", *in.Body.Password, u.Email); err != nil {
			return nil, err
		}
	}
	if in.Body.Password != nil || in.Body.Role != nil {
		if err := a.prover.confirm(ctx, in.Body.CurrentPassword); err != nil {
			return nil, err
		}
	}
	if in.Body.Password != nil {
		if hash, err = a.prover.passwords.Hash(ctx, *in.Body.Password); err != nil {
			return nil, busy(err)
		}
	}
	promoted := in.Body.Role != nil && *in.Body.Role != u.Role
	if in.Body.Role != nil && *in.Body.Role != u.Role {
		if err := a.store.SetUserRole(ctx, u.ID, *in.Body.Role); err != nil {
			return nil, err
		}
		a.audit.record(ctx, "user.role", u.ID, map[string]any{"from": u.Role, "to": *in.Body.Role})
	}
	if in.Body.Disabled != nil {
		at := now()
		change := &at
		if !*in.Body.Disabled {
			change = nil
		}
		if err := a.store.SetUserDisabled(ctx, u.ID, change); err != nil {
			return nil, err
		}
		a.audit.record(ctx, "user.disabled", u.ID, map[string]any{"disabled": *in.Body.Disabled})
		a.ownerChanged(ctx, u.ID, *in.Body.Disabled)
	}
	if most := in.Body.MaxInstances; most != nil {
		change := most
		if *most < 0 {
			change = nil
		}
		if err := a.store.SetMaxInstances(ctx, u.ID, change); err != nil {
			return nil, err
		}
		a.ends.sessions.ForgetUser(u.ID)
		a.audit.record(ctx, "user.max_instances", u.ID, map[string]any{"maxInstances": *most})
	}
	if hash != "" {
		if err := a.prover.set(ctx, u.ID, hash); err != nil {
			return nil, err
		}
		a.audit.record(ctx, "user.password", u.ID, nil)
	}
	if hash != "" || promoted || in.Body.Disabled != nil && *in.Body.Disabled {
		if err := a.ends.all(ctx, u.ID); err != nil {
			return nil, err
		}
	}
	if u, err = a.user(ctx, in.ID); err != nil {
		return nil, err
	}
	return showUser(u, http.StatusOK), nil
}

// ownerChanged makes it hold at once on this node that a user was disabled or
// enabled; others see it in the database.
func (a *accounts) ownerChanged(ctx context.Context, userID string, disabled bool) {
	a.keyring.forgetOwner(userID)
	a.ends.sessions.ForgetUser(userID)
	if disabled {
		a.ends.watch.EndUser(userID)
	}
	for _, tell := range a.hooks.ownerChanged {
		tell(ctx)
	}
}

func (a *accounts) user(ctx context.Context, id string) (store.User, error) {
	absent := fault.New(fault.NotFound, "auth.user", "there is no such user")
	if !ident.Is(id) {
		return store.User{}, absent
	}
	u, err := a.store.User(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return store.User{}, absent
	}
	return u, err
}

// mayGrant says whether the principal may give, take or touch that role:
// administrators manage users, superadmins everyone.
func mayGrant(p Principal, role string) error {
	if role == roleUser || p.User.Role == roleSuperadmin {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Op: "auth.users", Field: "role", Msg: "only a superadmin may manage administrators"}
}

func showUser(u store.User, status int) *userOutput {
	out := &userOutput{Status: status}
	out.Body.User = viewUser(u)
	return out
}
