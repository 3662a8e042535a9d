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

-- name: Strangers :many
-- Those of these people who have never written.
select p.id::text as id from unnest(@people::text[]) as p (id)
where not exists (
    select 1 from messages i where i.instance_id = @instance_id and i.chat = p.id and not i.from_me
    and i.type <> all(@notices::text[]));

-- name: FirstContacts :many
-- The people to whom something was sent since a time, or whom the account approached
-- without a message, before they had written.
select o.chat from messages o
where o.instance_id = @instance_id and o.from_me and o.timestamp >= @since::bigint
  and (o.chat like '%@c.us' or o.chat like '%@lid') and o.chat <> all(@own::text[]) and o.type <> all(@notices::text[])
  and not exists (
    select 1 from messages i where i.instance_id = o.instance_id and i.chat = o.chat and not i.from_me
    and i.type <> all(@notices::text[]) and (i.timestamp, i.position) < (o.timestamp, o.position))
union
select c.id from contacts c
where c.instance_id = @instance_id and c.approached_at > 0 and c.approached_at >= @since::bigint and c.id <> all(@own::text[])
  and not exists (
    select 1 from messages i where i.instance_id = c.instance_id and i.chat = c.id and not i.from_me
    and i.type <> all(@notices::text[]) and i.timestamp <= c.approached_at)
limit @at_most::int;

-- name: NoteApproached :exec
-- The account has turned to people in a way that leaves no message here.
insert into contacts (instance_id, id, approached_at) select distinct @instance_id, p.id, @at::bigint from unnest(@people::text[]) as p (id)
on conflict (instance_id, id) do update set approached_at = greatest(contacts.approached_at, excluded.approached_at);
