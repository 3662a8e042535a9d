-- name: InsertKey :exec
insert into api_keys (id, instance_id, name, hash, prefix, created_at, last_used_at, revoked_at)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: KeysOf :many
select * from api_keys where instance_id = $1 order by created_at, id;

-- name: InstanceByKeyHash :one
select sqlc.embed(i), sqlc.embed(k), (u.disabled_at is not null)::boolean as owner_disabled
from api_keys k join instances i on i.id = k.instance_id join users u on u.id = i.owner_id
where k.hash = $1 and k.revoked_at is null and i.deleted_at is null;

-- name: RevokeKey :execrows
with ended as (
    update link_pages p set ended_at = sqlc.arg(at)::timestamptz, ended_by = 'revoked', brand_logo = ''
    where p.instance_id = $1 and p.created_by_key = $2 and p.ended_at is null
)
update api_keys k set revoked_at = coalesce(k.revoked_at, sqlc.arg(at)::timestamptz)
where k.instance_id = $1 and k.id = $2;

-- name: StandingKeys :many
select k.id from api_keys k join instances i on i.id = k.instance_id join users u on u.id = i.owner_id
where k.id = any(sqlc.arg(ids)::text[]) and k.revoked_at is null and i.deleted_at is null and u.disabled_at is null;

-- name: TouchKeys :exec
update api_keys k set last_used_at = greatest(k.last_used_at, t.at)
from (select unnest(sqlc.arg(ids)::text[]) as id, unnest(sqlc.arg(ats)::timestamptz[]) as at) t
where k.id = t.id;
