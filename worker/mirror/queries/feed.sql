-- name: ClaimFeed :one
-- Takes the feed for a generation; no row when a higher one has it.
insert into feeds (instance_id, generation) values ($1, $2)
on conflict (instance_id) do update set generation = excluded.generation
where feeds.generation <= excluded.generation
returning head;

-- name: FeedState :one
select head, generation from feeds where instance_id = $1;

-- name: AdvanceFeed :exec
select feed_advance(@instance_id::text, @generation::bigint, @from_head::bigint, @count::bigint);

-- name: AppendEvents :exec
-- Moves the head, as AdvanceFeed does, and adds the events behind it.
insert into events (instance_id, seq, key, type, lane, payload, at)
select @instance_id::text, unnest(@seqs::bigint[]), unnest(@keys::text[]), unnest(@types::text[]), unnest(@lanes::text[]),
    unnest(@payloads::json[]), unnest(@ats::timestamptz[])
from feed_advance(@instance_id::text, @generation::bigint, @from_head::bigint, @count::bigint);

-- name: KnownKeys :many
select key from events where instance_id = $1 and key = any(@keys::text[]);
