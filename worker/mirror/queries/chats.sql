-- name: Chats :many
-- Pinned chats first, then by the newest message.
select sqlc.embed(c),
    coalesce(p.name, '')::text as contact_name, coalesce(p.push_name, '')::text as contact_push_name,
    coalesce(p.business_name, '')::text as contact_business_name, coalesce(p.username, '')::text as contact_username
from chats c
left join contacts p on p.instance_id = c.instance_id and p.id = c.id
where c.instance_id = @instance_id
order by c.pinned desc, c.timestamp desc, c.id;

-- name: NewestOfEach :many
-- The newest message of every chat that has one.
select m.* from chats c
cross join lateral (
    select l.* from messages l
    where l.instance_id = c.instance_id and l.chat = c.id
    order by l.timestamp desc, l.position desc limit 1) m
where c.instance_id = @instance_id;

-- name: OneChat :one
select sqlc.embed(c),
    coalesce(p.name, '')::text as contact_name, coalesce(p.push_name, '')::text as contact_push_name,
    coalesce(p.business_name, '')::text as contact_business_name, coalesce(p.username, '')::text as contact_username
from chats c
left join contacts p on p.instance_id = c.instance_id and p.id = c.id
where c.instance_id = @instance_id and c.id = @id;

-- name: GroupsList :many
select id, name from chats where instance_id = $1 and id like '%@g.us' order by id;

-- name: TouchChat :exec
-- A message arrived: the newest timestamp only rises.
insert into chats (instance_id, id, unread_count, timestamp) values ($1, $2, $3, $4)
on conflict (instance_id, id) do update set
    unread_count = excluded.unread_count, timestamp = greatest(chats.timestamp, excluded.timestamp);

-- name: SetChat :exec
-- Null values keep what is known.
insert into chats (instance_id, id, unread_count, archived, pinned, muted_until)
values (@instance_id, @id, coalesce(sqlc.narg(unread_count)::int, 0), coalesce(sqlc.narg(archived)::bool, false),
    coalesce(sqlc.narg(pinned)::bool, false), coalesce(sqlc.narg(muted_until)::bigint, 0))
on conflict (instance_id, id) do update set
    unread_count = coalesce(sqlc.narg(unread_count)::int, chats.unread_count),
    archived = coalesce(sqlc.narg(archived)::bool, chats.archived),
    pinned = coalesce(sqlc.narg(pinned)::bool, chats.pinned),
    muted_until = coalesce(sqlc.narg(muted_until)::bigint, chats.muted_until);

-- name: SetChatTimer :exec
-- What was set last counts.
insert into chats (instance_id, id, ephemeral_duration, ephemeral_set_at) values ($1, $2, $3, $4)
on conflict (instance_id, id) do update set
    ephemeral_duration = excluded.ephemeral_duration, ephemeral_set_at = excluded.ephemeral_set_at
where excluded.ephemeral_set_at >= chats.ephemeral_set_at;

-- name: PutGroup :exec
-- An empty name and a null metadata keep what is known.
insert into chats (instance_id, id, name, read_only, metadata) values ($1, $2, $3, $4, $5)
on conflict (instance_id, id) do update set
    name = case when excluded.name <> '' then excluded.name else chats.name end,
    read_only = excluded.read_only, metadata = coalesce(excluded.metadata, chats.metadata);

-- name: DropEmptyChat :exec
delete from chats where chats.instance_id = $1 and chats.id = $2
and not exists (select 1 from messages m where m.instance_id = $1 and m.chat = $2);

-- name: LearnChat :exec
-- From the past: null values keep what is known, and what is known of a live chat wins.
insert into chats (instance_id, id, name, unread_count, timestamp, archived, pinned, muted_until, read_only, metadata)
values (@instance_id, @id, @name, coalesce(sqlc.narg(unread_count)::int, 0), @timestamp,
    coalesce(sqlc.narg(archived)::bool, false), coalesce(sqlc.narg(pinned)::bool, false),
    coalesce(sqlc.narg(muted_until)::bigint, 0), coalesce(sqlc.narg(read_only)::bool, false), sqlc.narg(metadata)::json)
on conflict (instance_id, id) do update set
    name = case when excluded.name <> '' then excluded.name else chats.name end,
    unread_count = case when sqlc.narg(unread_count)::int is null or chats.timestamp > excluded.timestamp
        then chats.unread_count else excluded.unread_count end,
    timestamp = greatest(chats.timestamp, excluded.timestamp),
    archived = coalesce(sqlc.narg(archived)::bool, chats.archived),
    pinned = coalesce(sqlc.narg(pinned)::bool, chats.pinned),
    muted_until = coalesce(sqlc.narg(muted_until)::bigint, chats.muted_until),
    read_only = coalesce(sqlc.narg(read_only)::bool, chats.read_only),
    metadata = coalesce(chats.metadata, excluded.metadata);
