-- Endpoints that were deleted meanwhile, or are being deleted, are left out, and the
-- others held. Ids follow the order of the arrays.
-- name: InsertAttempts :exec
insert into webhook_attempts (endpoint_id, seq, at, status, error, duration_ms)
select e.id, a.seq, a.at, nullif(a.status, 0), a.error, a.duration_ms
from (
    select generate_subscripts(sqlc.arg(endpoint_ids)::text[], 1) as n,
           unnest(sqlc.arg(endpoint_ids)::text[]) as endpoint_id,
           unnest(sqlc.arg(seqs)::bigint[]) as seq,
           unnest(sqlc.arg(ats)::timestamptz[]) as at,
           unnest(sqlc.arg(statuses)::int[]) as status,
           unnest(sqlc.arg(errors)::text[]) as error,
           unnest(sqlc.arg(durations)::int[]) as duration_ms
) a join webhook_endpoints e on e.id = a.endpoint_id
order by a.n
for key share of e skip locked;

-- All endpoints that have too many, in one statement. Rows that another is deleting
-- are left to it.
-- name: TrimAttempts :execrows
with crowded as materialized (
    select endpoint_id from webhook_attempts group by endpoint_id having count(*) > sqlc.arg(keep)::int
), old as materialized (
    select o.id from crowded c cross join lateral (
        select a.id from webhook_attempts a where a.endpoint_id = c.endpoint_id
        order by a.at desc, a.id desc offset sqlc.arg(keep)::int) o
)
delete from webhook_attempts d where d.id in (
    select w.id from webhook_attempts w where w.id in (select id from old) for update skip locked
);

-- name: AttemptsPage :many
select * from webhook_attempts where endpoint_id = $1
order by at desc, id desc limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountAttempts :one
select count(*) from webhook_attempts where endpoint_id = $1;
