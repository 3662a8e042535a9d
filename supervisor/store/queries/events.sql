-- name: EventsAfter :many
select * from events where instance_id = $1 and seq > sqlc.arg(after) order by seq limit sqlc.arg(lim)::int;

-- name: EventsOf :many
select * from events where instance_id = $1 and seq = any(sqlc.arg(seqs)::bigint[]) order by seq;

-- name: FeedHead :one
select head from feeds where instance_id = $1;

-- name: SeqBefore :one
select seq from events where instance_id = $1 and at < sqlc.arg(before) order by seq desc limit 1;

-- Keeps what an endpoint has not passed yet or holds in its backlog.
-- name: TrimEvents :execrows
delete from events e
where e.instance_id = sqlc.arg(instance_id) and e.seq in (
    select o.seq from events o
    where o.instance_id = sqlc.arg(instance_id)
      and o.seq <= sqlc.arg(up_to)
      and o.seq <= coalesce((select min(w.cursor) from webhook_endpoints w where w.instance_id = sqlc.arg(instance_id) and w.enabled), o.seq)
      and not exists (
        select 1 from webhook_backlog b join webhook_endpoints w on w.id = b.endpoint_id
        where w.instance_id = sqlc.arg(instance_id) and b.seq = o.seq)
    order by o.seq
    limit sqlc.arg(lim)::int
);
