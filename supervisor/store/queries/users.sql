-- name: CreateUser :exec
insert into users (id, email, password_hash, role, created_at, disabled_at, max_instances)
values ($1, lower(@email), $2, $3, $4, $5, $6);

-- name: UserByEmail :one
select * from users where email = lower(@email);

-- name: UserByID :one
select * from users where id = $1;

-- name: UsersPage :many
select * from users order by created_at, id limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountUsers :one
select count(*) from users;

-- name: SetPassword :execrows
update users set password_hash = $2 where id = $1;

-- name: SetUserDisabled :execrows
update users set disabled_at = $2 where id = $1;

-- name: SetMaxInstances :execrows
update users set max_instances = sqlc.narg(max_instances) where id = $1;

-- name: SetUserRole :execrows
update users set role = $2 where id = $1;
