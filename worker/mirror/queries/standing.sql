-- name: Standing :one
select document from number_standing where instance_id = $1;

-- name: PutStanding :exec
insert into number_standing (instance_id, document, ends_at) values ($1, $2, $3)
on conflict (instance_id) do update set document = excluded.document, ends_at = excluded.ends_at;

-- name: CountRefusal :exec
insert into number_refusals (instance_id, day, code, count) values ($1, date(timezone('UTC', sqlc.arg(at)::timestamptz)), $2, 1)
on conflict (instance_id, day, code) do update set count = number_refusals.count + 1;

-- name: HasWritten :one
-- Whether somebody has ever written in the chat.
select exists (
    select 1 from messages where instance_id = @instance_id and chat = @chat and not from_me and type <> all(@notices::text[])
)::boolean;

-- name: FirstContacts :many
-- The people to whom something was sent since a time, before they had written.
select distinct o.chat from messages o
where o.instance_id = @instance_id and o.from_me and o.timestamp >= @since::bigint
  and (o.chat like '%@c.us' or o.chat like '%@lid') and o.chat <> all(@own::text[]) and o.type <> all(@notices::text[])
  and not exists (
    select 1 from messages i where i.instance_id = o.instance_id and i.chat = o.chat and not i.from_me
    and i.type <> all(@notices::text[]) and (i.timestamp, i.position) < (o.timestamp, o.position))
limit @at_most::int;
