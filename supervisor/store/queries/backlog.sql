-- name: ParkBacklog :exec
insert into webhook_backlog (endpoint_id, seq, lane, attempts, next_at, dead_at, last_status, last_error)
select e.id, r.seq, r.lane, r.attempts, r.next_at, nullif(r.dead_at, '0001-01-01 00:00:00+00'), nullif(r.last_status, 0), r.last_error
from webhook_endpoints e, (
    select unnest(sqlc.arg(seqs)::bigint[]) as seq,
           unnest(sqlc.arg(lanes)::text[]) as lane,
           unnest(sqlc.arg(attempts)::int[]) as attempts,
           unnest(sqlc.arg(next_ats)::timestamptz[]) as next_at,
           unnest(sqlc.arg(dead_ats)::timestamptz[]) as dead_at,
           unnest(sqlc.arg(statuses)::int[]) as last_status,
           unnest(sqlc.arg(errors)::text[]) as last_error
) r
where e.id = @endpoint_id
on conflict (endpoint_id, seq) do nothing;

-- name: RaiseCursor :execrows
update webhook_endpoints set
    cursor = greatest(cursor, $2),
    last_error = case when sqlc.arg(error)::text <> '' then sqlc.arg(error)::text else last_error end
where id = $1;

-- Steps from lane to lane through the index, so that the cost is in lanes and
-- not in rows: a receiver that is down for days has many rows in few lanes.
-- name: BacklogHeads :many
with recursive heads as (
    (select b.* from webhook_backlog b
     where b.endpoint_id = @endpoint_id and b.dead_at is null
     order by b.lane, b.seq limit 1)
    union all
    select n.* from heads h cross join lateral (
        select b.* from webhook_backlog b
        where b.endpoint_id = @endpoint_id and b.dead_at is null and b.lane > h.lane
        order by b.lane, b.seq limit 1) n
)
select endpoint_id, seq, lane, attempts, next_at, dead_at, last_status, last_error
from heads order by next_at, seq limit sqlc.arg(lim)::int;

-- name: BacklogLanes :many
with recursive lanes as (
    (select b.lane from webhook_backlog b
     where b.endpoint_id = @endpoint_id and b.dead_at is null
     order by b.lane limit 1)
    union all
    select n.lane from lanes l cross join lateral (
        select b.lane from webhook_backlog b
        where b.endpoint_id = @endpoint_id and b.dead_at is null and b.lane > l.lane
        order by b.lane limit 1) n
)
select lane from lanes order by lane;

-- name: BacklogLane :many
select * from webhook_backlog
where endpoint_id = $1 and lane = $2 and dead_at is null
order by seq limit sqlc.arg(lim)::int;

-- name: ResolveBacklog :exec
delete from webhook_backlog where endpoint_id = $1 and seq = $2;

-- The endpoint is locked before its rows, as whoever deletes it does. That
-- dead_at is null is said in a way that keeps the planner off the partial index,
-- which it prefers while statistics are young and which has the lane in between.
-- name: RetryBacklog :exec
with e as (
    select l.id from webhook_endpoints l where l.id = @endpoint_id for no key update
), tried as (
    update webhook_backlog b set attempts = @attempts, next_at = @next_at, last_status = @status, last_error = @error
    from e where b.endpoint_id = e.id and b.endpoint_id = @endpoint_id and b.seq = @seq and coalesce(b.dead_at, 'infinity') = 'infinity'
    returning b.endpoint_id
)
update webhook_endpoints w set last_error = @error from tried where w.id = tried.endpoint_id;

-- name: MoveToDeadLetter :exec
with e as (
    select l.id from webhook_endpoints l where l.id = @endpoint_id for no key update
), buried as (
    update webhook_backlog b set attempts = b.attempts + 1, dead_at = sqlc.arg(at)::timestamptz, last_status = @status, last_error = @error
    from e where b.endpoint_id = e.id and b.endpoint_id = @endpoint_id and b.seq = @seq and coalesce(b.dead_at, 'infinity') = 'infinity'
    returning b.endpoint_id
)
update webhook_endpoints w set last_error = @error from buried where w.id = buried.endpoint_id;

-- name: DeadLetters :many
select * from webhook_backlog where endpoint_id = $1 and dead_at is not null
order by seq limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountDeadLetters :one
select count(*) from webhook_backlog where endpoint_id = $1 and dead_at is not null;

-- name: Redrive :execrows
update webhook_backlog set dead_at = null, attempts = 0, next_at = sqlc.arg(at)::timestamptz
where endpoint_id = $1 and dead_at is not null
  and (sqlc.narg(seqs)::bigint[] is null or seq = any(sqlc.narg(seqs)::bigint[]));
