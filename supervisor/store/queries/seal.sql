-- name: Seal :one
select key_id, proof from database_seal;

-- name: CreateSeal :exec
insert into database_seal (key_id, proof) values ($1, $2) on conflict (one) do nothing;

-- name: UpdateSeal :exec
update database_seal set since = case when key_id = $1 then since else now() end, key_id = $1, proof = $2;

-- Workers that were started before the present key was there know the older ones only.
-- name: CountWorkersBeforeSeal :one
select count(*) from workers where exited_at is null and started_at < (select since from database_seal);

-- name: DeleteSeal :exec
delete from database_seal;

-- name: Settings :many
select key, value from settings order by key;

-- name: ResealSetting :execrows
update settings set value = sqlc.arg(value) where key = sqlc.arg(key) and value = sqlc.arg(old);

-- name: DeleteSetting :exec
delete from settings where key = $1;

-- A page of endpoints, by id.
-- name: EndpointSecrets :many
select id, instance_id, secret, headers from webhook_endpoints where id > sqlc.arg(after) order by id limit 500;

-- What somebody changed meanwhile is theirs, and is sealed already.
-- name: ResealEndpoint :execrows
update webhook_endpoints set secret = sqlc.arg(secret), headers = sqlc.arg(headers)
where id = sqlc.arg(id) and secret = sqlc.arg(old) and headers = sqlc.arg(old_headers);

-- name: ForgetEndpointSecret :exec
update webhook_endpoints set secret = $2, headers = $3, enabled = false, last_error = $4 where id = $1;
