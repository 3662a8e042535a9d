-- name: CreateEndpoint :exec
insert into webhook_endpoints (id, instance_id, url, events, headers, secret, enabled, cursor, created_at, updated_at, created_by_key, created_by_user, raw)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: EndpointByID :one
select sqlc.embed(e), (u.disabled_at is not null)::boolean as held
from webhook_endpoints e join instances i on i.id = e.instance_id join users u on u.id = i.owner_id where e.id = $1;

-- name: EndpointsOf :many
select sqlc.embed(e), (u.disabled_at is not null)::boolean as held
from webhook_endpoints e join instances i on i.id = e.instance_id join users u on u.id = i.owner_id
where e.instance_id = $1 order by e.created_at, e.id;

-- name: AllEndpoints :many
select sqlc.embed(e), (u.disabled_at is not null)::boolean as held
from webhook_endpoints e join instances i on i.id = e.instance_id join users u on u.id = i.owner_id
where i.deleted_at is null and i.moved_at is null order by e.created_at, e.id;

-- name: UpdateEndpoint :execrows
update webhook_endpoints set url = $2, events = $3, headers = $4, secret = $5, enabled = $6, updated_at = $7, raw = $8 where id = $1;

-- name: DeleteEndpoint :execrows
delete from webhook_endpoints where id = $1;

-- What is given is how many there are in all, not how many came to it: whoever
-- does not get the answer must be able to say it again. Endpoints that somebody
-- else is writing are left out: who waits for none while holding others is in no
-- deadlock. Those that were written are returned.
-- name: AdvanceEndpoints :many
with given as materialized (
    select unnest(sqlc.arg(ids)::text[]) as id,
           unnest(sqlc.arg(cursors)::bigint[]) as reached,
           unnest(sqlc.arg(totals)::bigint[]) as total,
           unnest(sqlc.arg(ats)::timestamptz[]) as at,
           unnest(sqlc.arg(failing)::boolean[]) as failing
), free as materialized (
    select f.id from webhook_endpoints f where f.id = any(sqlc.arg(ids)::text[]) for no key update skip locked
)
update webhook_endpoints e set
    cursor = greatest(e.cursor, g.reached),
    delivered = greatest(e.delivered, g.total),
    last_delivered_at = case when g.total > e.delivered then greatest(e.last_delivered_at, g.at) else e.last_delivered_at end,
    last_error = case when g.total > e.delivered and not g.failing then '' else e.last_error end
from given g join free f on f.id = g.id
where e.id = g.id
returning e.id;

-- The same for one, which is waited for.
-- name: AdvanceEndpoint :exec
update webhook_endpoints set
    cursor = greatest(cursor, $2),
    delivered = greatest(delivered, $3),
    last_delivered_at = case when $3 > delivered then greatest(last_delivered_at, sqlc.arg(at)::timestamptz) else last_delivered_at end,
    last_error = case when $3 > delivered and not sqlc.arg(failing)::boolean then '' else last_error end
where id = $1;
