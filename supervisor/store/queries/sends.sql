-- name: InsertSend :one
insert into sends (instance_id, key, method, digest, message_id, state, params, send_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (instance_id, key) do nothing
returning *;

-- name: Send :one
select * from sends where instance_id = $1 and key = $2;

-- name: Sends :many
select * from sends
where instance_id = $1 and (sqlc.arg(state)::text = '' or state = sqlc.arg(state)::text)
order by position desc offset sqlc.arg(off)::int limit sqlc.arg(lim)::int;

-- name: CountSends :one
select count(*)::int from sends where instance_id = $1 and (sqlc.arg(state)::text = '' or state = sqlc.arg(state)::text);

-- name: CountQueued :one
select count(*)::int from sends where instance_id = $1 and send_at is not null and state in ('queued', 'running');

-- name: QueueHead :one
-- What was due when it came stays due, whatever the clock was then. A running one
-- was interrupted: nobody else works on this queue.
select * from sends
where instance_id = sqlc.arg(instance_id) and send_at is not null and state in ('queued', 'running')
  and send_at <= greatest(created_at, sqlc.arg(now)::timestamptz) and (held_until is null or held_until <= sqlc.arg(now)::timestamptz)
  and not exists (select 1 from instances i join users u on u.id = i.owner_id where i.id = sends.instance_id and u.disabled_at is not null)
order by send_at, position limit 1;

-- name: DueQueues :many
select distinct instance_id from sends
where send_at is not null and state in ('queued', 'running') and send_at <= greatest(created_at, sqlc.arg(now)::timestamptz)
  and (held_until is null or held_until <= sqlc.arg(now)::timestamptz)
  and not exists (select 1 from instances i join users u on u.id = i.owner_id where i.id = sends.instance_id and u.disabled_at is not null);

-- name: MarkSend :execrows
update sends
set state = sqlc.arg(state), error_code = sqlc.arg(error_code), error = sqlc.arg(error),
    result = sqlc.narg(result), attempts = attempts + sqlc.arg(tried)::int, ended_at = sqlc.narg(ended_at),
    params = case when sqlc.narg(ended_at)::timestamptz is null then params end
where instance_id = sqlc.arg(instance_id) and key = sqlc.arg(key) and state in ('running', 'queued', 'unknown', 'failed');

-- name: HoldSend :execrows
update sends set state = sqlc.arg(state), error_code = sqlc.arg(error_code), error = sqlc.arg(error),
    held_until = sqlc.arg(until)::timestamptz, held_reason = sqlc.arg(error_code)
where instance_id = sqlc.arg(instance_id) and key = sqlc.arg(key) and state in ('running', 'queued');

-- name: Holds :many
-- Until when messages are held for a reason, by instance.
select instance_id, max(held_until)::timestamptz as until from sends
where held_until > sqlc.arg(now)::timestamptz and held_reason = sqlc.arg(reason) and state in ('queued', 'running')
group by instance_id;

-- name: ShortenHolds :execrows
-- No message of the instance is held for longer; for one reason, or for all when it is empty.
update sends set held_until = sqlc.arg(until)::timestamptz
where instance_id = sqlc.arg(instance_id) and held_until > sqlc.arg(until)::timestamptz and state in ('queued', 'running')
  and (sqlc.arg(reason)::text = '' or held_reason = sqlc.arg(reason)::text);

-- name: CancelSend :execrows
update sends set state = 'cancelled', ended_at = sqlc.arg(now)::timestamptz, params = null
where instance_id = sqlc.arg(instance_id) and key = sqlc.arg(key) and state = 'queued';

-- name: RemoveSend :exec
delete from sends where instance_id = $1 and key = $2 and state = 'running';

-- What came behind a young one is young, whatever a clock that was behind made of it.
-- name: PruneSends :execrows
delete from sends s
where (s.ended_at < sqlc.arg(before) or s.state in ('running', 'unknown') and s.send_at is null and s.created_at < sqlc.arg(before))
  and s.position < coalesce((select min(y.position) from sends y where y.created_at >= sqlc.arg(before)), 9223372036854775807);

-- name: OwnMessage :one
-- Whether WhatsApp has the message of that id: the mirror holds it as one that the
-- server has acknowledged, or somebody's receipt for it, which came although its
-- worker died before it could record the message.
select (exists (select 1 from messages m where m.instance_id = $1 and m.id = $2 and m.from_me and m.ack >= 1)
     or exists (select 1 from receipts r where r.instance_id = $1 and r.message_id = $2))::boolean;

-- name: SetPause :exec
insert into send_pauses (instance_id, until, reason) values ($1, $2, $3)
on conflict (instance_id) do update set until = excluded.until, reason = excluded.reason;

-- name: Pause :one
select * from send_pauses where instance_id = $1;

-- name: EndPause :execrows
delete from send_pauses where instance_id = $1;

-- name: RaiseHead :one
insert into feeds (instance_id, head) values ($1, 1)
on conflict (instance_id) do update set head = feeds.head + 1
returning head;


-- name: AddEvent :exec
insert into events (instance_id, seq, key, type, lane, payload, at) values ($1, $2, $3, $4, $5, $6, $7);

-- name: InsertSendFile :one
-- No row when the instance's files take too much already.
insert into send_files (id, instance_id)
select sqlc.arg(id)::text, sqlc.arg(instance_id)::text
where (select coalesce(sum(f.size), 0) from send_files f where f.instance_id = sqlc.arg(instance_id)::text) < sqlc.arg(most)::bigint
returning id;

-- name: InsertSendFilePart :exec
insert into send_file_parts (instance_id, file_id, part, data)
select f.instance_id, f.id, sqlc.arg(part)::int, sqlc.arg(data)::bytea from send_files f where f.id = sqlc.arg(id)::text;

-- name: GrowSendFile :one
-- The bytes of all files of the instance, with these.
with grown as (
  update send_files set size = size + sqlc.arg(bytes)::bigint, upload = sqlc.arg(upload)::text
  where id = sqlc.arg(id)::text returning instance_id
)
select (coalesce(sum(f.size), 0) + sqlc.arg(bytes)::bigint)::bigint from send_files f join grown g on g.instance_id = f.instance_id;

-- name: KeepSendFiles :execrows
update send_files set key = sqlc.arg(key)::text where instance_id = sqlc.arg(instance_id)::text and id = any(sqlc.arg(ids)::text[]);

-- name: DropSendFiles :exec
delete from send_files where key is null and id = any(sqlc.arg(ids)::text[]);

-- name: RemoveSendFiles :exec
delete from send_files where instance_id = sqlc.arg(instance_id)::text and key = sqlc.arg(key)::text;

-- name: PruneSendFiles :exec
delete from send_files where key is null and created_at < sqlc.arg(before)::timestamptz;

-- name: SendFiles :many
select id, size from send_files where instance_id = sqlc.arg(instance_id)::text and key = sqlc.arg(key)::text order by id;

-- name: SendFilePart :one
select data from send_file_parts where file_id = sqlc.arg(id)::text and part = sqlc.arg(part)::int;
