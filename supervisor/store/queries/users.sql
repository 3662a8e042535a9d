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
with ended as (
    update link_pages p set ended_at = now(), ended_by = 'revoked', brand_logo = ''
    where p.created_by_user = $1 and p.ended_at is null
)
update users u set password_hash = $2 where u.id = $1;

-- name: SetUserDisabled :execrows
with ended as (
    update link_pages p set ended_at = sqlc.narg(disabled_at)::timestamptz, ended_by = 'revoked', brand_logo = ''
    where p.created_by_user = $1 and p.ended_at is null and sqlc.narg(disabled_at)::timestamptz is not null
)
update users u set disabled_at = sqlc.narg(disabled_at)::timestamptz where u.id = $1;

-- name: SetMaxInstances :execrows
update users set max_instances = sqlc.narg(max_instances) where id = $1;

-- name: SetUserRole :execrows
update users set role = $2 where id = $1;
