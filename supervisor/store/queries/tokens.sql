-- name: InsertRefreshToken :exec
insert into refresh_tokens (id, user_id, family, token_hash, issued_at, expires_at, used_at, revoked_at, proved_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- A session lives as long as one of its tokens is neither revoked nor expired.
-- name: LivingSession :one
select sqlc.embed(u), t.proved_at
from refresh_tokens t join users u on u.id = t.user_id
where t.family = $1 and t.revoked_at is null and t.expires_at > sqlc.arg(now)::timestamptz
limit 1;

-- name: StandingSessions :many
select a.family::text as family, a.instance_id::text as instance_id
from (select unnest(sqlc.arg(families)::text[]) as family, unnest(sqlc.arg(instances)::text[]) as instance_id) a
where exists (
    select 1 from refresh_tokens t join users u on u.id = t.user_id join instances i on i.id = a.instance_id
    where t.family = a.family and t.revoked_at is null and t.expires_at > sqlc.arg(now)::timestamptz
      and u.disabled_at is null and i.deleted_at is null and (u.role in ('admin', 'superadmin') or i.owner_id = u.id)
);

-- name: RememberAddress :exec
insert into known_addresses (user_id, hash, seen_at) values ($1, $2, $3)
on conflict (user_id, hash) do update set seen_at = greatest(known_addresses.seen_at, excluded.seen_at);

-- name: TrimAddresses :exec
delete from known_addresses k
where k.user_id = $1 and k.hash not in (select n.hash from known_addresses n where n.user_id = $1 order by n.seen_at desc limit sqlc.arg(keep)::int);

-- name: ForgetAddresses :exec
delete from known_addresses where user_id = $1;

-- name: KnowsAddress :one
select exists (select 1 from known_addresses k join users u on u.id = k.user_id where u.email = lower(@email) and k.hash = @hash)::boolean;

-- name: LockRefreshToken :one
select * from refresh_tokens where token_hash = $1 for update;

-- name: UseRefreshToken :exec
update refresh_tokens set used_at = sqlc.arg(at)::timestamptz where id = $1;

-- name: RevokeFamily :exec
update refresh_tokens set revoked_at = sqlc.arg(at)::timestamptz where family = $1 and revoked_at is null;

-- name: RevokeUserTokens :exec
update refresh_tokens set revoked_at = sqlc.arg(at)::timestamptz where user_id = $1 and revoked_at is null;

-- name: PruneRefreshTokens :execrows
delete from refresh_tokens where expires_at < sqlc.arg(before)::timestamptz;
