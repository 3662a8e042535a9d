-- name: InsertRefreshToken :exec
insert into refresh_tokens (id, user_id, family, token_hash, issued_at, expires_at, used_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

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
