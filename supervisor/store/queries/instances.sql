-- name: CreateInstance :exec
insert into instances (id, owner_id, name, description, desired, generation, node_id, device_jid, sends_per_minute, created_at, updated_at)
values ($1, $2, $3, $4, $5, 0, $6, '', $7, $8, $9);

-- name: CreateFeed :exec
insert into feeds (instance_id) values ($1);

-- name: InstanceByID :one
select * from instances where id = $1 and deleted_at is null;

-- name: InstancesPage :many
select * from instances
where deleted_at is null and (sqlc.arg(owner)::text = '' or owner_id = sqlc.arg(owner)::text)
order by created_at desc, id
limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountInstances :one
select count(*) from instances
where deleted_at is null and (sqlc.arg(owner)::text = '' or owner_id = sqlc.arg(owner)::text);

-- name: DeletedInstances :many
select * from instances where deleted_at is not null order by deleted_at, id;

-- name: WorkersOf :many
select * from workers where instance_id = any(sqlc.arg(ids)::text[]);

-- name: UpdateInstance :execrows
update instances set
    name = coalesce(sqlc.narg(name)::text, name),
    description = coalesce(sqlc.narg(description)::text, description),
    sends_per_minute = coalesce(sqlc.narg(sends_per_minute)::int, sends_per_minute),
    raw_events = coalesce(sqlc.narg(raw_events)::boolean, raw_events),
    updated_at = now()
where id = $1 and deleted_at is null;

-- name: MarkDeleted :execrows
update instances set deleted_at = coalesce(deleted_at, sqlc.arg(at)::timestamptz), desired = 'stop'
where id = $1;

-- name: DeleteInstance :execrows
delete from instances where id = $1;

-- name: HistoryPage :many
select * from instance_history where instance_id = $1
order by id desc limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountHistory :one
select count(*) from instance_history where instance_id = $1;

-- name: CountMessages :one
select count(*) from messages where instance_id = $1;

-- Raising both generations fences a worker that lives, and one that is being
-- started at this moment. The lock lets a worker write whose events refer to the row.
-- name: MoveAway :one
with leaving as (
    select l.id, l.desired, greatest(l.generation, f.generation) + 1 as generation
    from instances l join feeds f on f.instance_id = l.id
    where l.id = @id and l.deleted_at is null and l.moved_at is null
    for no key update
), fenced as (
    update feeds f set generation = leaving.generation from leaving where f.instance_id = leaving.id
)
update instances i set desired = 'stop', moved_at = sqlc.arg(at)::timestamptz, generation = leaving.generation
from leaving where i.id = leaving.id
returning leaving.desired;

-- name: TakeBack :execrows
update instances set moved_at = null where id = $1 and deleted_at is null and moved_at is not null;

-- name: Undelivered :one
-- Whether a webhook of the instance has not got as far as its feed.
select exists (
    select 1 from webhook_endpoints e join feeds f on f.instance_id = e.instance_id
    where e.instance_id = $1 and e.enabled and e.cursor < f.head
);

-- name: RawEvents :one
select (i.raw_events or exists (select from webhook_endpoints e where e.instance_id = i.id and e.raw))::boolean
from instances i where i.id = $1 and i.deleted_at is null;

-- name: RawInstances :many
select id from instances where raw_events union select instance_id from webhook_endpoints where raw;
