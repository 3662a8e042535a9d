-- name: Setting :one
select value from settings where key = $1;

-- name: CreateSetting :exec
insert into settings (key, value) values ($1, $2) on conflict (key) do nothing;
