-- name: LockInstance :one
select id from instances where id = $1 and deleted_at is null for update;

-- name: CountLivingLinkPages :one
select count(*) from link_pages where instance_id = $1 and ended_at is null and expires_at > sqlc.arg(now)::timestamptz;

-- name: LinkPagesSince :one
select count(*) as made, coalesce(min(created_at), sqlc.arg(since))::timestamptz as first from link_pages
where instance_id = $1 and created_at > sqlc.arg(since)::timestamptz;

-- name: InsertLinkPage :exec
insert into link_pages (id, instance_id, token_hash, language, redirect_url, brand_name, brand_logo, made_at_seq, created_at, expires_at,
    created_by_key, created_by_user)
select sqlc.arg(id), sqlc.arg(instance_id), sqlc.arg(token_hash), sqlc.arg(language), sqlc.arg(redirect_url), sqlc.arg(brand_name),
    sqlc.arg(brand_logo), coalesce((select f.head from feeds f where f.instance_id = sqlc.arg(instance_id)), 0), sqlc.arg(created_at), sqlc.arg(expires_at),
    sqlc.arg(created_by_key), sqlc.arg(created_by_user);

-- name: LinkPagesOf :many
select id, instance_id, language, redirect_url, brand_name, created_at, expires_at, ended_at, ended_by
from link_pages where instance_id = $1 order by created_at desc, id limit 100;

-- name: LinkPageByHash :one
select sqlc.embed(i), sqlc.embed(p), (u.disabled_at is not null)::boolean as owner_disabled,
    exists (select from events e where e.instance_id = p.instance_id and e.seq > p.made_at_seq and e.type = 'ready')::boolean as linked
from link_pages p join instances i on i.id = p.instance_id join users u on u.id = i.owner_id
where p.token_hash = $1 and i.deleted_at is null;

-- name: EndLinkPage :execrows
update link_pages set ended_at = sqlc.arg(at)::timestamptz, ended_by = sqlc.arg(by), brand_logo = ''
where instance_id = $1 and id = sqlc.arg(id) and ended_at is null;

-- name: HasLinkPage :one
select exists (select from link_pages where instance_id = $1 and id = sqlc.arg(id))::boolean;

-- name: PruneLinkPages :execrows
delete from link_pages where expires_at < sqlc.arg(before)::timestamptz or ended_at < sqlc.arg(before)::timestamptz;
