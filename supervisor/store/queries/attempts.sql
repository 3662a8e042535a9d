-- Endpoints that were deleted meanwhile are left out, and the others held. Ids
-- follow the order of the arrays.
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
for key share of e;

-- The border is computed once per endpoint, hence materialized. Rows that
-- another trim is deleting are left to it.
-- name: TrimAttempts :exec
with borders as materialized (
    select e.id as endpoint_id, (
        select o.id from webhook_attempts o where o.endpoint_id = e.id
        order by o.id desc limit 1 offset sqlc.arg(keep)::int) as newest_dropped
    from webhook_endpoints e where e.id = any(sqlc.arg(endpoint_ids)::text[])
)
delete from webhook_attempts d where d.id in (
    select a.id from borders k
    join webhook_attempts a on a.endpoint_id = k.endpoint_id and a.id <= k.newest_dropped
    for update of a skip locked
);

-- name: AttemptsPage :many
select * from webhook_attempts where endpoint_id = $1
order by id desc limit sqlc.arg(lim)::int offset sqlc.arg(off)::int;

-- name: CountAttempts :one
select count(*) from webhook_attempts where endpoint_id = $1;
