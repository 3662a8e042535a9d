-- name: EventsAfter :many
select * from events where instance_id = $1 and seq > sqlc.arg(after) order by seq limit sqlc.arg(lim)::int;

-- name: EventsOf :many
select * from events where instance_id = $1 and seq = any(sqlc.arg(seqs)::bigint[]) order by seq;

-- name: FeedHead :one
select head from feeds where instance_id = $1;

-- Up to the first that is young, and not up to the last that is old: one that was
-- committed while the clock was behind stands among younger ones.
-- name: SeqBefore :one
select coalesce(
    (select y.seq - 1 from events y where y.instance_id = sqlc.arg(instance_id) and y.at >= sqlc.arg(before) order by y.seq limit 1),
    (select l.seq from events l where l.instance_id = sqlc.arg(instance_id) order by l.seq desc limit 1),
    0)::bigint;

-- Keeps what an endpoint has not passed yet or holds in its backlog, and the event behind
-- that one, which may have its payload.
-- name: TrimEvents :execrows
delete from events e
where e.instance_id = sqlc.arg(instance_id) and e.seq in (
    select o.seq from events o
    where o.instance_id = sqlc.arg(instance_id)
      and o.seq <= sqlc.arg(up_to)
      and o.seq <= coalesce((select min(w.cursor) from webhook_endpoints w where w.instance_id = sqlc.arg(instance_id) and w.enabled), o.seq)
      and not exists (
        select 1 from webhook_backlog b join webhook_endpoints w on w.id = b.endpoint_id
        where w.instance_id = sqlc.arg(instance_id) and b.seq in (o.seq, o.seq - 1))
    order by o.seq
    limit sqlc.arg(lim)::int
);
