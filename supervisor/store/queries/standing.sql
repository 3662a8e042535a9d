-- name: Standing :one
select document from number_standing where instance_id = $1;

-- name: EndedStandings :many
-- Of whom something has run out that is written down as being in force.
select instance_id from number_standing where ends_at <= sqlc.arg(now)::timestamptz order by ends_at limit 1000;

-- name: HoldFeed :exec
-- Nobody else writes events of the instance, or what is known of its number, until the
-- transaction ends.
select head from feeds where instance_id = $1 for update;

-- name: PutStanding :exec
update number_standing set document = $2, ends_at = $3 where instance_id = $1;

-- name: NumberDays :many
-- What the number sent to people on each day. starts are the beginnings of the days,
-- ascending, in unix seconds. A stranger is somebody who had not written by then. Those
-- who were approached without a message are among the strangers; that is no send.
with own as (
    select m.chat, m.timestamp, m.position, m.ack, width_bucket(m.timestamp, sqlc.arg(starts)::bigint[])::int as day
    from messages m
    where m.instance_id = sqlc.arg(instance_id) and m.from_me and m.timestamp >= (sqlc.arg(starts)::bigint[])[1]
      and (m.chat like '%@c.us' or m.chat like '%@lid') and m.type <> all(sqlc.arg(notices)::text[])
      and m.chat not in (select a.id from accounts a where a.instance_id = m.instance_id union all
                         select a.lid from accounts a where a.instance_id = m.instance_id)
), known as (
    select c.chat, heard.timestamp as heard_at, heard.position as heard_position, opened.position as opened_position
    from (select distinct o.chat from own o) c
    left join lateral (
        select i.timestamp, i.position from messages i
        where i.instance_id = sqlc.arg(instance_id) and i.chat = c.chat and not i.from_me and i.type <> all(sqlc.arg(notices)::text[])
        order by i.timestamp, i.position limit 1) heard on true
    left join lateral (
        select i.position from messages i
        where i.instance_id = sqlc.arg(instance_id) and i.chat = c.chat and i.type <> all(sqlc.arg(notices)::text[])
        order by i.timestamp, i.position limit 1) opened on true
), judged as (
    select o.*, o.position = k.opened_position as opens,
        k.heard_at is null or (o.timestamp, o.position) < (k.heard_at, k.heard_position) as strange
    from own o join known k on k.chat = o.chat
), met as (
    select j.chat, j.day, j.strange, j.opens, j.ack < 2 and j.timestamp < sqlc.arg(overdue)::bigint as undelivered, true as sent
    from judged j
    union all
    select c.id, width_bucket(c.approached_at, sqlc.arg(starts)::bigint[])::int, true, false, false, false
    from contacts c
    where c.instance_id = sqlc.arg(instance_id) and c.approached_at > 0 and c.approached_at >= (sqlc.arg(starts)::bigint[])[1]
      and c.id not in (select a.id from accounts a where a.instance_id = c.instance_id union all
                       select a.lid from accounts a where a.instance_id = c.instance_id)
      and not exists (
        select 1 from messages i where i.instance_id = c.instance_id and i.chat = c.id and not i.from_me
        and i.type <> all(sqlc.arg(notices)::text[]) and i.timestamp <= c.approached_at)
)
select day, count(*) filter (where sent)::int as sends, count(*) filter (where strange and sent)::int as to_strangers,
    count(distinct chat) filter (where sent)::int as recipients, count(distinct chat) filter (where strange)::int as strangers,
    count(*) filter (where opens)::int as new_chats, count(*) filter (where undelivered)::int as undelivered
from met group by day order by day;

-- name: NumberReplies :one
-- How many people the number wrote to since a time, how many of them wrote afterwards,
-- and how many had never written before.
with began as (
    select distinct on (m.chat) m.chat, m.timestamp, m.position
    from messages m
    where m.instance_id = sqlc.arg(instance_id) and m.from_me and m.timestamp >= sqlc.arg(since)::bigint
      and (m.chat like '%@c.us' or m.chat like '%@lid') and m.type <> all(sqlc.arg(notices)::text[])
      and m.chat not in (select a.id from accounts a where a.instance_id = m.instance_id union all
                         select a.lid from accounts a where a.instance_id = m.instance_id)
    order by m.chat, m.timestamp, m.position
)
select count(*)::int as recipients, count(*) filter (where exists (
        select 1 from messages i where i.instance_id = sqlc.arg(instance_id) and i.chat = b.chat and not i.from_me
        and i.type <> all(sqlc.arg(notices)::text[]) and (i.timestamp, i.position) > (b.timestamp, b.position)))::int as answered
from began b;

-- name: NumberRefusals :many
select code, sum(count)::bigint as count from number_refusals
where instance_id = $1 and day >= date(timezone('UTC', sqlc.arg(since)::timestamptz))
group by code order by code;

-- name: CountBlocked :one
select count(*)::int from contacts where instance_id = $1 and blocked;

-- name: SetHealthPolicy :execrows
update instances set health_policy = sqlc.arg(policy)::json, updated_at = now() where id = sqlc.arg(id) and deleted_at is null;

-- name: NumberAge :one
-- The time of the oldest message of the phone's history, 0 without any; and whether a
-- chat was quiet since before a time.
select coalesce((select min(m.timestamp) from messages m where m.instance_id = sqlc.arg(instance_id) and m.history and m.timestamp > 0), 0)::bigint as oldest,
    exists (select 1 from chats c where c.instance_id = sqlc.arg(instance_id) and c.timestamp > 0 and c.timestamp < sqlc.arg(before)::bigint)::boolean as old;
