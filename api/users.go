package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"whatsapp-manager/proto/fault"
	"whatsapp-manager/supervisor/store"
)

type usersOutput struct {
	Body struct {
		Users      []UserView `json:"users"`
		Pagination Pagination `json:"pagination"`
	}
}

// UserPath names a user.
type UserPath struct {
	ID string `path:"id" maxLength:"40"`
}

func (s *Server) userRoutes() {
	op := func(id, method, path, summary string, status int) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/api/users" + path, Summary: summary, Tags: []string{"Users"}, DefaultStatus: status}
	}
	route(s, Admin, op("list-users", http.MethodGet, "", "List users", http.StatusOK), s.listUsers)
	route(s, Admin, op("create-user", http.MethodPost, "", "Create a user", http.StatusCreated), s.addUser)
	route(s, Admin, op("get-user", http.MethodGet, "/{id}", "Show a user", http.StatusOK), s.getUser)
	route(s, Admin, op("update-user", http.MethodPatch, "/{id}", "Change role or password, disable or enable", http.StatusOK), s.updateUser)
}

func (s *Server) listUsers(ctx context.Context, in *struct{ Paging }) (*usersOutput, error) {
	rows, total, err := s.store.Users(ctx, in.Offset(), in.Limit)
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

func (s *Server) addUser(ctx context.Context, in *struct {
	Body struct {
		Credentials
		Confirmation
		Role string `json:"role,omitempty" enum:"user,admin,superadmin" default:"user"`
	}
}) (*userOutput, error) {
	if err := mayGrant(principalOf(ctx), in.Body.Role); err != nil {
		return nil, err
	}
	if err := s.confirm(ctx, in.Body.CurrentPassword); err != nil {
		return nil, err
	}
	u, err := s.createUser(ctx, s.passwords, in.Body.Email, in.Body.Password, in.Body.Role)
	if err != nil {
		return nil, err
	}
	s.audit(ctx, "user.create", u.ID, map[string]any{"role": u.Role})
	return showUser(u, http.StatusCreated), nil
}

func (s *Server) getUser(ctx context.Context, in *UserPath) (*userOutput, error) {
	u, err := s.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return showUser(u, http.StatusOK), nil
}

func (s *Server) updateUser(ctx context.Context, in *struct {
	UserPath
	Body struct {
		Confirmation
		Role         *string `json:"role,omitempty" enum:"user,admin,superadmin" doc:"Another role ends all sessions"`
		Disabled     *bool   `json:"disabled,omitempty" doc:"Ends all sessions and streams, and lets the user's instances answer no API key, post to no webhook and send nothing that is queued, until it is false again. The accounts stay linked and go on receiving"`
		MaxInstances *int    `json:"maxInstances,omitempty" minimum:"-1" maximum:"1000000" doc:"How many instances the user may create; 0: no limit; -1: the installation's default"`
		Password     *string `json:"password,omitempty" maxLength:"800" doc:"Sets a new password and ends all sessions"`
	}
}) (*userOutput, error) {
	const op = "api.updateUser"
	p := principalOf(ctx)
	u, err := s.user(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := mayGrant(p, u.Role); err != nil {
		return nil, err
	}
	if u.ID == p.user.ID && (in.Body.Role != nil || in.Body.Disabled != nil) {
		return nil, &fault.Error{Kind: fault.Conflict, Op: op, Code: "own_account", Msg: "nobody changes their own role or disables themselves; another administrator can"}
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
		if err := s.confirm(ctx, in.Body.CurrentPassword); err != nil {
			return nil, err
		}
	}
	if in.Body.Password != nil {
		if hash, err = s.passwords.Hash(ctx, *in.Body.Password); err != nil {
			return nil, busy(err)
		}
	}
	promoted := in.Body.Role != nil && *in.Body.Role != u.Role
	if in.Body.Role != nil && *in.Body.Role != u.Role {
		if err := s.store.SetUserRole(ctx, u.ID, *in.Body.Role); err != nil {
			return nil, err
		}
		s.audit(ctx, "user.role", u.ID, map[string]any{"from": u.Role, "to": *in.Body.Role})
	}
	if in.Body.Disabled != nil {
		at := now()
		change := &at
		if !*in.Body.Disabled {
			change = nil
		}
		if err := s.store.SetUserDisabled(ctx, u.ID, change); err != nil {
			return nil, err
		}
		s.audit(ctx, "user.disabled", u.ID, map[string]any{"disabled": *in.Body.Disabled})
		s.ownerChanged(ctx, u.ID, *in.Body.Disabled)
	}
	if most := in.Body.MaxInstances; most != nil {
		change := most
		if *most < 0 {
			change = nil
		}
		if err := s.store.SetMaxInstances(ctx, u.ID, change); err != nil {
			return nil, err
		}
		s.sessions.ForgetUser(u.ID)
		s.audit(ctx, "user.max_instances", u.ID, map[string]any{"maxInstances": *most})
	}
	if hash != "" {
		if err := s.setPassword(ctx, u.ID, hash); err != nil {
			return nil, err
		}
		s.audit(ctx, "user.password", u.ID, nil)
	}
	if hash != "" || promoted || in.Body.Disabled != nil && *in.Body.Disabled {
		if err := s.endSessions(ctx, u.ID); err != nil {
			return nil, err
		}
	}
	if u, err = s.user(ctx, in.ID); err != nil {
		return nil, err
	}
	return showUser(u, http.StatusOK), nil
}

// ownerChanged makes it hold at once on this node that a user was disabled or
// enabled; others see it in the database.
func (s *Server) ownerChanged(ctx context.Context, userID string, disabled bool) {
	s.keyring.forgetOwner(userID)
	s.sessions.ForgetUser(userID)
	if disabled {
		s.watch.EndUser(userID)
	}
	for _, tell := range s.hooks.ownerChanged {
		tell(ctx)
	}
}

func (s *Server) user(ctx context.Context, id string) (store.User, error) {
	absent := fault.New(fault.NotFound, "api.user", "there is no such user")
	if !otherID.MatchString(id) {
		return store.User{}, absent
	}
	u, err := s.store.User(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return store.User{}, absent
	}
	return u, err
}

// mayGrant says whether the principal may give, take or touch that role:
// administrators manage users, superadmins everyone.
func mayGrant(p principal, role string) error {
	if role == roleUser || p.user.Role == roleSuperadmin {
		return nil
	}
	return &fault.Error{Kind: fault.Forbidden, Op: "api.users", Field: "role", Msg: "only a superadmin manages administrators"}
}

func showUser(u store.User, status int) *userOutput {
	out := &userOutput{Status: status}
	out.Body.User = viewUser(u)
	return out
}
