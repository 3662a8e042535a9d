-- name: OneAccount :one
select id, lid, push_name, platform from accounts where instance_id = $1;

-- name: PutAccount :exec
insert into accounts (instance_id, id, lid, push_name, platform) values ($1, $2, $3, $4, $5)
on conflict (instance_id) do update
set id = excluded.id, lid = excluded.lid, push_name = excluded.push_name, platform = excluded.platform;
