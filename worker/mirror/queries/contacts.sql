-- name: Contacts :many
select id, lid, name, short_name, push_name, business_name, blocked, username from contacts
where instance_id = $1 order by id;

-- name: OneContact :one
select id, lid, name, short_name, push_name, business_name, blocked, username from contacts
where instance_id = @instance_id and (id = @id or (lid = @id and lid <> '')) limit 1;

-- name: LearnContact :exec
-- Empty values keep what is known; an empty username, unlike none, removes it.
insert into contacts (instance_id, id, lid, push_name, business_name, username)
values (@instance_id, @id, @lid, @push_name, @business_name, coalesce(sqlc.narg(username)::text, ''))
on conflict (instance_id, id) do update set
    lid = case when excluded.lid <> '' then excluded.lid else contacts.lid end,
    push_name = case when excluded.push_name <> '' then excluded.push_name else contacts.push_name end,
    business_name = case when excluded.business_name <> '' then excluded.business_name else contacts.business_name end,
    username = coalesce(sqlc.narg(username)::text, contacts.username)
where (excluded.lid <> '' and excluded.lid <> contacts.lid)
   or (excluded.push_name <> '' and excluded.push_name <> contacts.push_name)
   or (excluded.business_name <> '' and excluded.business_name <> contacts.business_name)
   or sqlc.narg(username)::text <> contacts.username;

-- name: SaveContact :exec
insert into contacts (instance_id, id, lid, name, short_name, username)
values (@instance_id, @id, @lid, @name, @short_name, coalesce(sqlc.narg(username)::text, ''))
on conflict (instance_id, id) do update set
    lid = case when excluded.lid <> '' then excluded.lid else contacts.lid end,
    name = excluded.name, short_name = excluded.short_name,
    username = coalesce(sqlc.narg(username)::text, contacts.username);

-- name: SetBlocked :exec
-- The whole list at once; those who are not known yet become contacts without names.
with listed as (select unnest(@ids::text[]) as id),
    freed as (update contacts set blocked = false
        where instance_id = @instance_id and blocked and not id = any(@ids::text[]))
insert into contacts (instance_id, id, blocked) select @instance_id, id, true from listed
on conflict (instance_id, id) do update set blocked = true where not contacts.blocked;

-- name: Usernames :many
-- Of these people, by either form of their ids; null: of all.
select id, lid, username from contacts
where instance_id = @instance_id and username <> ''
  and (sqlc.narg(ids)::text[] is null or id = any(sqlc.narg(ids)::text[]) or lid = any(sqlc.narg(ids)::text[]));

-- name: ContactsByID :many
select id, lid, name, short_name, push_name, business_name, blocked, username from contacts
where instance_id = @instance_id and id = any(@ids::text[]);
