-- name: Contacts :many
select id, lid, name, short_name, push_name, business_name, blocked from contacts
where instance_id = $1 order by id;

-- name: OneContact :one
select id, lid, name, short_name, push_name, business_name, blocked from contacts
where instance_id = @instance_id and (id = @id or (lid = @id and lid <> '')) limit 1;

-- name: LearnContact :exec
-- Empty values keep what is known.
insert into contacts (instance_id, id, lid, push_name, business_name) values ($1, $2, $3, $4, $5)
on conflict (instance_id, id) do update set
    lid = case when excluded.lid <> '' then excluded.lid else contacts.lid end,
    push_name = case when excluded.push_name <> '' then excluded.push_name else contacts.push_name end,
    business_name = case when excluded.business_name <> '' then excluded.business_name else contacts.business_name end
where (excluded.lid <> '' and excluded.lid <> contacts.lid)
   or (excluded.push_name <> '' and excluded.push_name <> contacts.push_name)
   or (excluded.business_name <> '' and excluded.business_name <> contacts.business_name);

-- name: SaveContact :exec
insert into contacts (instance_id, id, lid, name, short_name) values ($1, $2, $3, $4, $5)
on conflict (instance_id, id) do update set
    lid = case when excluded.lid <> '' then excluded.lid else contacts.lid end,
    name = excluded.name, short_name = excluded.short_name;

-- name: SetBlocked :exec
-- The whole list at once; those who are not known yet become contacts without names.
with listed as (select unnest(@ids::text[]) as id),
    freed as (update contacts set blocked = false
        where instance_id = @instance_id and blocked and not id = any(@ids::text[]))
insert into contacts (instance_id, id, blocked) select @instance_id, id, true from listed
on conflict (instance_id, id) do update set blocked = true where not contacts.blocked;
